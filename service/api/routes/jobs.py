"""`/jobs/{id}` and the paths below it."""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.api.access.auth import get_caller
from service.api.context import get_context
from service.api.routes.clients import JSON, admit, check_accepts, follow, read_preferences
from service.api.routes.pictures import (
    hand_out,
    keep_from_caches,
    redirect_to_output,
    send_mask,
    send_output,
    send_preview,
)
from service.api.routes.queries import read_flag
from service.api.routes.rendering import RETRY_AFTER_SECONDS, add_applied, render_job
from service.contract.errors import NoResult, NotFinished, NotFound
from service.contract.faults import raise_faults
from service.contract.jobs import JobRecord, JobStatus, Output, ResizedOutput
from service.store import JobView
from service.store.wiping import wipe_job
from service.waiting.waiting import is_ended, wait_for


def build_blueprint() -> Blueprint:
    """Build the routes of jobs."""
    routes = Blueprint("jobs", __name__, url_prefix="/jobs/<job_id>")
    routes.add_url_rule("", view_func=get_job, methods=["GET"])
    routes.add_url_rule("", view_func=delete_job, methods=["DELETE"])
    routes.add_url_rule("/result", view_func=get_result, methods=["GET"])
    routes.add_url_rule("/results/<int:index>", view_func=get_output, methods=["GET"])
    routes.add_url_rule("/results/<int:index>/resized", view_func=get_resized, methods=["GET"])
    routes.add_url_rule("/mask", view_func=get_mask, methods=["GET"])
    routes.add_url_rule("/preview", view_func=get_preview, methods=["GET"])
    routes.add_url_rule("/cancel", view_func=cancel_job, methods=["POST"])
    return routes


def get_job(job_id: str) -> Response:
    """Return a job; with `Prefer: wait`, once it has ended or differs from If-None-Match.

    Raises:
        InvalidField: the `Prefer` header is invalid.
    """
    check_accepts(JSON)
    preferences = read_preferences()
    raise_faults(preferences.faults)
    view = _load(job_id)
    if preferences.wait_seconds is None:
        return render_job(view)
    if not is_ended(view) and _knows(view):
        view = _wait(job_id, preferences.wait_seconds)
    applied = preferences.describe_applied(has_waited=True, is_async=False)
    return add_applied(render_job(view), applied)


def _knows(view: JobView) -> bool:
    """Return whether the caller has this document, or wants only the final one."""
    return not request.if_none_match or render_job(view).status_code == 304


def _wait(job_id: str, seconds: int) -> JobView:
    """Wait for the end of the job, or, with If-None-Match, for any change.

    A change of its position in the queue causes no event, and so ends no wait.
    """
    job = follow(job_id)
    with admit() as waiter:
        if not request.if_none_match:
            return wait_for(waiter, job, seconds)
        return wait_for(
            waiter,
            job,
            seconds,
            is_due=lambda view: is_ended(view) or not _knows(view),
            is_news=lambda event: True,
        )


def delete_job(job_id: str) -> Response:
    """Delete a job: inputs, mask, outputs and record."""
    context = get_context()
    wipe_job(context.store, context.blobs, job_id, get_caller().tenant)
    return Response(status=204)


def get_result(job_id: str) -> Response:
    """Send a job's first picture."""
    return get_output(job_id, 0)


def get_output(job_id: str, index: int) -> Response:
    """Send one of a job's pictures."""
    may_redirect, record = _read_redirect(), _load(job_id).record
    return _send(record, _find_output(record, index), str(index), may_redirect)


def get_resized(job_id: str, index: int) -> Response:
    """Send the resized copy of one of a job's pictures."""
    may_redirect, record = _read_redirect(), _load(job_id).record
    copy = _find_output(record, index).resized
    if copy is None:
        raise NoResult("no other size was asked for; send output_width or output_height")
    return _send(record, copy, f"{index}-resized", may_redirect)


def _read_redirect() -> bool:
    """Return whether the caller follows a redirect to the object store."""
    may_redirect, faults = read_flag("redirect")
    raise_faults(faults)
    return may_redirect


def _send(
    record: JobRecord, file: Output | ResizedOutput, name: str, may_redirect: bool
) -> Response:
    """Send a result, or a redirect to it where that is possible.

    What is not to be stored is sent here: only so is it known when it has arrived.
    """
    if may_redirect and not record.spec.params.no_store:
        redirected = redirect_to_output(file)
        if redirected is not None:
            return redirected
    return hand_out(send_output(record.job_id, file, name), record)


def get_mask(job_id: str) -> Response:
    """Send the effective mask, which exists before the painting starts."""
    record = _load(job_id).record
    if record.spec.operation == "outpaint":
        raise NoResult("an outpaint job has no mask; its geometry describes the painted area")
    if record.mask_path is not None:
        return keep_from_caches(send_mask(job_id, record.mask_path), record)
    if record.status.is_terminal:
        raise NoResult("the job ended before its mask was computed")
    raise NotFinished("the mask is not computed yet", retry_after_seconds=RETRY_AFTER_SECONDS)


def get_preview(job_id: str) -> Response:
    """Send the last preview; it stays as long as the job."""
    record = _load(job_id).record
    if record.progress is not None and record.progress.preview_path is not None:
        preview = send_preview(job_id, record.progress.preview_path)
        return keep_from_caches(preview, record)
    if record.status.is_terminal:
        raise NoResult("the job ended without a preview")
    raise NotFinished("there is no preview yet", retry_after_seconds=RETRY_AFTER_SECONDS)


def cancel_job(job_id: str) -> Response:
    """Cancel a job: 200 once it is canceled, 202 while a worker stops it."""
    view = get_context().store.jobs.cancel(job_id, get_caller().tenant)
    return render_job(view, 200 if view.record.status is JobStatus.CANCELED else 202)


def _load(job_id: str) -> JobView:
    return get_context().store.jobs.load(job_id, get_caller().tenant)


def _find_output(record: JobRecord, index: int) -> Output:
    if not record.status.is_terminal:
        raise NotFinished("the job has not ended yet", retry_after_seconds=RETRY_AFTER_SECONDS)
    if record.status is not JobStatus.SUCCEEDED:
        raise NoResult(f"the job has no result: its status is {record.status.value}")
    for output in record.outputs:
        if output.index == index:
            return output
    raise NotFound(f"the job has {len(record.outputs)} results; the first has index 0")
