"""`POST /inpaint` and `POST /outpaint`, and with `?dry_run=true` what they would come to."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from service.answers import describe_plan
from service.auth import get_caller
from service.context import get_context
from service.contract.errors import Fault
from service.contract.params import Operation
from service.inspection import Asked
from service.routes.rendering import render, render_job
from service.uploads import Intake

DRY_RUN = "dry_run"
_WORDS = {"true": True, "false": False}


def build_blueprint() -> Blueprint:
    """Give the routes that accept work."""
    routes = Blueprint("paint", __name__)
    routes.add_url_rule("/inpaint", view_func=create_inpaint, methods=["POST"])
    routes.add_url_rule("/outpaint", view_func=create_outpaint, methods=["POST"])
    return routes


def create_inpaint() -> Response:
    """Accept a picture and what to repaint of it."""
    return _create("inpaint")


def create_outpaint() -> Response:
    """Accept a picture and how far to extend it."""
    return _create("outpaint")


def _create(operation: Operation) -> Response:
    is_dry, faults = _read_query()
    return _plan(operation, faults) if is_dry else _submit(operation, faults)


def _plan(operation: Operation, faults: list[Fault]) -> Response:
    submitter = get_context().submitter
    with submitter.open_intake(keeps=False) as intake:
        planned = submitter.plan(_read(operation, intake, faults))
    return render(describe_plan(planned.spec, planned.canvas))


def _submit(operation: Operation, faults: list[Fault]) -> Response:
    context = get_context()
    with context.submitter.open_intake() as intake:
        accepted = context.submitter.submit(_read(operation, intake, faults))
    response = render_job(accepted.view, 202)
    job_id = accepted.view.record.job_id
    response.headers["Location"] = f"{context.settings.public_url}/jobs/{job_id}"
    if accepted.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _read(operation: Operation, intake: Intake, faults: list[Fault]) -> Asked:
    body = get_context().reader.read(request, operation, intake)
    return Asked(
        operation=operation,
        params=body.params,
        intake=intake,
        tenant=get_caller().tenant,
        request_id=g.request_id,
        idempotency_key=request.headers.get("Idempotency-Key"),
        faults=(*faults, *body.faults),
    )


def _read_query() -> tuple[bool, list[Fault]]:
    """Tell whether a plan is asked for, and what is wrong with the query.

    Any other parameter is refused: put there it would be ignored, and the job painted without it.
    A query with faults asks for no job either, so that its pictures go nowhere.
    """
    faults = []
    if set(request.args) - {DRY_RUN}:
        message = f"the URL takes no query but {DRY_RUN}; parameters belong into the body"
        faults.append(Fault("", "unknown_field", message))
    values = request.args.getlist(DRY_RUN)
    if len(values) > 1 or any(value not in _WORDS for value in values):
        message = f"{DRY_RUN} must be true or false, once"
        faults.append(Fault("", "invalid_field", message, tuple(_WORDS)))
    return bool(faults) or _WORDS[values[0] if values else "false"], faults
