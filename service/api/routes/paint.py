"""The calls that accept jobs; with `?dry_run=true` they only return the plan."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, after_this_request, request

from service.api.access import limits
from service.api.context import get_context
from service.api.requests.preferences import Preferences
from service.api.routes.clients import admit, choose_answer, follow, read_preferences
from service.api.routes.pictures import hand_out, send_painted
from service.api.routes.rendering import add_applied, render, render_job
from service.api.routes.submitting import build_sources, get_sender, read_dry_run
from service.contract.errors import BrokerUnavailable, Fault, NoResult, get_error_class
from service.contract.jobs import JobStatus
from service.contract.params import Operation
from service.documents.jobs import describe_plan
from service.store import JobView
from service.submission.intake import Intake
from service.submission.request import JobRequest, build_request
from service.submission.submitter import Accepted
from service.waiting.streams import Waiter
from service.waiting.waiting import is_ended, wait_for


def build_blueprint() -> Blueprint:
    """Build the routes that accept jobs."""
    routes = Blueprint("paint", __name__)
    routes.add_url_rule("/inpaint", view_func=create_inpaint, methods=["POST"])
    routes.add_url_rule("/outpaint", view_func=create_outpaint, methods=["POST"])
    routes.add_url_rule("/masks", view_func=create_mask, methods=["POST"])
    return routes


def create_inpaint() -> Response:
    """Accept an image, and which part of it to repaint."""
    return _create("inpaint")


def create_outpaint() -> Response:
    """Accept an image, and how far to extend it."""
    return _create("outpaint")


def create_mask() -> Response:
    """Accept an image, and what is to be marked in it."""
    return _create("mask")


def _create(operation: Operation) -> Response:
    is_dry, faults = read_dry_run()
    preferences = read_preferences()
    faults += preferences.faults
    if is_dry:
        return _plan(operation, faults, preferences)
    if preferences.wait_seconds is None or preferences.faults:
        accepted, _ = _submit(operation, faults, preferences)
        applied = preferences.describe_applied(has_waited=False, is_async=True)
        return add_applied(_render_accepted(accepted, accepted.view, 202), applied)
    # Before anything is stored: a client that gets no slot can simply retry.
    with admit() as waiter:
        return _submit_and_wait(operation, faults, preferences, waiter)


def _plan(operation: Operation, faults: list[Fault], preferences: Preferences) -> Response:
    submitter = get_context().submitter
    with submitter.open_intake(keeps=False) as intake:
        asked = _read(operation, intake, faults)
        if asked.params is not None:
            choose_answer(asked.params, preferences)
        planned = submitter.plan(asked)
    return render(describe_plan(planned.spec, planned.canvas))


def _submit(
    operation: Operation, faults: list[Fault], preferences: Preferences
) -> tuple[Accepted, bool]:
    """Accept a request; return too whether the response is the picture itself."""
    submitter, answer = get_context().submitter, "job"
    with submitter.open_intake() as intake:
        asked = _read(operation, intake, faults)
        if asked.params is not None:
            answer = choose_answer(asked.params, preferences)
        accepted = submitter.submit(asked)
    limits.note_usage(accepted.usage)
    return accepted, answer == "picture"


def _submit_and_wait(
    operation: Operation, faults: list[Fault], preferences: Preferences, waiter: Waiter
) -> Response:
    accepted, wants_picture = _submit(operation, faults, preferences)
    view = _wait(accepted, waiter, preferences.wait_seconds or 0)
    has_ended = is_ended(view)
    if has_ended and wants_picture:
        response = _render_picture(view)
    else:
        response = _render_accepted(accepted, view, 200 if has_ended else 202)
    applied = preferences.describe_applied(has_waited=True, is_async=not has_ended)
    return add_applied(response, applied)


def _wait(accepted: Accepted, waiter: Waiter, seconds: int) -> JobView:
    try:
        return wait_for(waiter, follow(accepted.view.record.job_id), seconds)
    except BrokerUnavailable:
        # The job is accepted, and the client must get its id.
        return accepted.view


def _render_accepted(accepted: Accepted, view: JobView, status: int) -> Response:
    response = render_job(view, status)
    job_id = view.record.job_id
    response.headers["Location"] = f"{get_context().settings.public_url}/jobs/{job_id}"
    if accepted.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _render_picture(view: JobView) -> Response:
    """Send the picture of a job that has ended.

    Raises:
        PaintjobError: there is none; the error is what ended the job.
    """
    record = view.record

    @after_this_request
    def name_job(response: Response) -> Response:
        response.headers["X-Job-ID"] = record.job_id
        return response

    if record.error is not None:
        raise get_error_class(record.error.code)(record.error.detail)
    if record.status is not JobStatus.SUCCEEDED:
        raise NoResult(f"the job was {record.status.value}")
    return hand_out(send_painted(record.job_id, record.outputs[0]), record)


def _read(operation: Operation, intake: Intake, faults: list[Fault]) -> JobRequest:
    context = get_context()
    sources = build_sources(context.picture_urls.read)
    body = context.reader.read(request, operation, intake, sources)
    body = replace(body, faults=(*faults, *body.faults))
    return build_request(body, intake, get_sender(), request.headers.get("Idempotency-Key"))
