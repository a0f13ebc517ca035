"""`/jobs/{id}` and what hangs below it."""

from __future__ import annotations

import secrets

from flask import Blueprint, Response

from service.auth import get_caller
from service.context import get_context
from service.contract.errors import NoResult, NotFinished, NotFound
from service.contract.jobs import JobRecord, JobStatus, Output
from service.contract.names import is_job_id
from service.contract.store import JobView, try_twice
from service.routes.pictures import send_mask, send_output, send_preview
from service.routes.rendering import RETRY_AFTER_SECONDS, is_known, not_modified, render_job


def build_blueprint() -> Blueprint:
    """Give the routes of jobs."""
    routes = Blueprint("jobs", __name__, url_prefix="/jobs/<job_id>")
    routes.add_url_rule("", view_func=get_job, methods=["GET"])
    routes.add_url_rule("", view_func=delete_job, methods=["DELETE"])
    routes.add_url_rule("/result", view_func=get_result, methods=["GET"])
    routes.add_url_rule("/results/<int:index>", view_func=get_output, methods=["GET"])
    routes.add_url_rule("/mask", view_func=get_mask, methods=["GET"])
    routes.add_url_rule("/preview", view_func=get_preview, methods=["GET"])
    routes.add_url_rule("/cancel", view_func=cancel_job, methods=["POST"])
    return routes


def get_job(job_id: str) -> Response:
    """Tell how a job stands."""
    response = render_job(_load(job_id))
    return not_modified(response) if is_known(response) else response


def delete_job(job_id: str) -> Response:
    """Wipe a job: inputs, mask, outputs and record."""
    _check_id(job_id)
    delete_id = secrets.token_hex(8)
    tenant = get_caller().tenant
    try_twice(lambda: get_context().store.delete(job_id, tenant, delete_id=delete_id))
    return Response(status=204)


def get_result(job_id: str) -> Response:
    """Send a job's first picture."""
    return get_output(job_id, 0)


def get_output(job_id: str, index: int) -> Response:
    """Send one of a job's pictures."""
    return send_output(job_id, _find_output(_load(job_id).record, index))


def get_mask(job_id: str) -> Response:
    """Send the mask that is painted, after widening: there before the painting starts."""
    record = _load(job_id).record
    if record.spec.operation == "outpaint":
        raise NoResult("outpainting has no mask; geometry says what was painted")
    if record.mask_path is not None:
        return send_mask(job_id, record.mask_path)
    if record.status.is_terminal:
        raise NoResult("the job ended before its mask was made")
    raise NotFinished("no worker has made the mask yet", retry_after_seconds=RETRY_AFTER_SECONDS)


def get_preview(job_id: str) -> Response:
    """Send the last preview: there while the job is painted, and kept as long as the job is."""
    record = _load(job_id).record
    if record.progress is not None and record.progress.preview_path is not None:
        return send_preview(job_id, record.progress.preview_path)
    if record.status.is_terminal:
        raise NoResult("the job ended without a preview")
    raise NotFinished("there is no preview yet", retry_after_seconds=RETRY_AFTER_SECONDS)


def cancel_job(job_id: str) -> Response:
    """Cancel a job: 200 once it is canceled, 202 while a worker stops."""
    _check_id(job_id)
    view = get_context().store.cancel(job_id, get_caller().tenant)
    return render_job(view, 200 if view.record.status is JobStatus.CANCELED else 202)


def _check_id(job_id: str) -> None:
    if not is_job_id(job_id):
        raise NotFound("there is no such job")


def _load(job_id: str) -> JobView:
    _check_id(job_id)
    return get_context().store.load(job_id, get_caller().tenant)


def _find_output(record: JobRecord, index: int) -> Output:
    if not record.status.is_terminal:
        raise NotFinished("the job has not ended yet", retry_after_seconds=RETRY_AFTER_SECONDS)
    if record.status is not JobStatus.SUCCEEDED:
        raise NoResult(f"the job {record.status.value}; its document says why")
    for output in record.outputs:
        if output.index == index:
            return output
    raise NotFound(f"the job has {len(record.outputs)} pictures, counted from 0")
