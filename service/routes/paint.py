"""`POST /inpaint` and `POST /outpaint`."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from service.context import get_context
from service.contract.errors import Fault
from service.contract.names import DEFAULT_TENANT
from service.contract.params import Operation
from service.routes.rendering import render_job
from service.submission import Asked


def build_blueprint() -> Blueprint:
    """Give the routes that accept work."""
    routes = Blueprint("paint", __name__)
    routes.add_url_rule("/inpaint", view_func=create_inpaint, methods=["POST"])
    routes.add_url_rule("/outpaint", view_func=create_outpaint, methods=["POST"])
    return routes


def create_inpaint() -> Response:
    """Accept a picture and a mask."""
    return _create("inpaint")


def create_outpaint() -> Response:
    """Accept a picture and how far to extend it."""
    return _create("outpaint")


def _create(operation: Operation) -> Response:
    context = get_context()
    with context.submitter.open_intake() as intake:
        body = context.reader.read(request, operation, intake)
        asked = Asked(
            operation=operation,
            params=body.params,
            intake=intake,
            tenant=DEFAULT_TENANT,
            request_id=g.request_id,
            idempotency_key=request.headers.get("Idempotency-Key"),
            faults=(*_find_query_faults(), *body.faults),
        )
        accepted = context.submitter.submit(asked)
    response = render_job(accepted.view, 202)
    job_id = accepted.view.record.job_id
    response.headers["Location"] = f"{context.settings.public_url}/jobs/{job_id}"
    if accepted.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _find_query_faults() -> list[Fault]:
    """Refuse a query: a parameter put there would be ignored, and the job painted without it."""
    if not request.args:
        return []
    return [Fault("", "unknown_field", "the URL takes no query; parameters belong into the body")]
