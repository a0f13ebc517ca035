"""`/jobs/{id}/deliveries`: what became of a job's webhooks, and to send one again."""

from __future__ import annotations

import secrets

from flask import Blueprint, Response, request

from service.auth import get_caller
from service.context import get_context
from service.contract.errors import Fault, NotFound, UnknownField
from service.contract.names import is_job_id
from service.contract.store import try_twice
from service.routes.rendering import render
from service.schemas import Deliveries

WEBHOOK_ID = "webhook_id"


def build_blueprint() -> Blueprint:
    """Give the routes of deliveries."""
    routes = Blueprint("deliveries", __name__, url_prefix="/jobs/<job_id>/deliveries")
    routes.add_url_rule("", view_func=list_deliveries, methods=["GET"])
    routes.add_url_rule("/redeliver", view_func=redeliver, methods=["POST"])
    return routes


def list_deliveries(job_id: str) -> Response:
    """Tell what became of a job's webhooks."""
    _check_id(job_id)
    store = get_context().store
    # First of all whose job it is.
    store.load(job_id, get_caller().tenant)
    return render(Deliveries(deliveries=store.load_deliveries(job_id)))


def redeliver(job_id: str) -> Response:
    """Have a webhook sent again: 202 with the deliveries as they are now."""
    _check_id(job_id)
    webhook_id = _read_query()
    store, tenant, redelivery_id = get_context().store, get_caller().tenant, secrets.token_hex(8)
    try_twice(lambda: store.redeliver(job_id, tenant, webhook_id, redelivery_id=redelivery_id))
    return render(Deliveries(deliveries=store.load_deliveries(job_id)), 202)


def _read_query() -> str | None:
    """Give the webhook that is meant; a query that would be ignored is refused."""
    if set(request.args) - {WEBHOOK_ID} or len(request.args.getlist(WEBHOOK_ID)) > 1:
        message = f"the URL takes no query but {WEBHOOK_ID}, once"
        raise UnknownField(message, faults=(Fault("", UnknownField.code, message),))
    return request.args.get(WEBHOOK_ID)


def _check_id(job_id: str) -> None:
    if not is_job_id(job_id):
        raise NotFound("there is no such job")
