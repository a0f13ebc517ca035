"""`/jobs/{id}/deliveries`, `/batches/{id}/deliveries`: states of webhooks, and sending again."""

from __future__ import annotations

import secrets

from flask import Blueprint, Response, request

from service.api.access.auth import get_caller
from service.api.context import get_context
from service.api.routes.rendering import render
from service.contract.errors import Fault, UnknownField
from service.documents.schemas import Deliveries
from service.store import try_twice

WEBHOOK_ID = "webhook_id"


def build_blueprint() -> Blueprint:
    """Build the routes of deliveries."""
    routes = Blueprint("deliveries", __name__)
    job, batch = "/jobs/<job_id>/deliveries", "/batches/<batch_id>/deliveries"
    routes.add_url_rule(job, view_func=list_deliveries, methods=["GET"])
    routes.add_url_rule(f"{job}/redeliver", view_func=redeliver, methods=["POST"])
    routes.add_url_rule(batch, view_func=list_batch_deliveries, methods=["GET"])
    routes.add_url_rule(f"{batch}/redeliver", view_func=redeliver_batch, methods=["POST"])
    return routes


def list_deliveries(job_id: str) -> Response:
    """Return the deliveries of a job's webhooks."""
    # The owner is checked first.
    get_context().store.jobs.load(job_id, get_caller().tenant)
    return _render(job_id, 200)


def redeliver(job_id: str) -> Response:
    """Send a job's webhook again: 202 with the present deliveries."""
    return _redeliver(job_id)


def list_batch_deliveries(batch_id: str) -> Response:
    """Return the deliveries of a batch's webhook."""
    get_context().store.batches.load(batch_id, get_caller().tenant)
    return _render(batch_id, 200)


def redeliver_batch(batch_id: str) -> Response:
    """Send a batch's webhook again: 202 with the present deliveries."""
    return _redeliver(batch_id)


def _redeliver(subject_id: str) -> Response:
    webhook_id = _read_query()
    store, tenant, redelivery_id = get_context().store, get_caller().tenant, secrets.token_hex(8)
    try_twice(
        lambda: store.webhooks.redeliver(
            subject_id, tenant, webhook_id, redelivery_id=redelivery_id
        )
    )
    return _render(subject_id, 202)


def _render(subject_id: str, status: int) -> Response:
    deliveries = get_context().store.webhooks.load_deliveries(subject_id)
    return render(Deliveries(deliveries=deliveries), status)


def _read_query() -> str | None:
    """Return the id of the requested webhook, if any; refuse other query parameters."""
    if set(request.args) - {WEBHOOK_ID} or len(request.args.getlist(WEBHOOK_ID)) > 1:
        message = f"the only query parameter here is {WEBHOOK_ID}, given at most once"
        raise UnknownField(message, faults=(Fault("", UnknownField.code, message),))
    return request.args.get(WEBHOOK_ID)
