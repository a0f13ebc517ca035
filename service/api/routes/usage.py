"""`GET /usage`: the use of the caller's tenant, by day and key."""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.api.access.auth import get_caller
from service.api.context import get_context
from service.api.routes.numbers import read_numbers
from service.api.routes.rendering import render
from service.contract.keys import KEYLESS
from service.documents.schemas import UsageAnswer, UsageDay
from service.store import DayOfKey
from service.store.usage import KEPT_DAYS

DEFAULT_DAYS = 31


def build_blueprint() -> Blueprint:
    """Build the route of the usage."""
    routes = Blueprint("usage", __name__)
    routes.add_url_rule("/usage", view_func=get_usage, methods=["GET"])
    return routes


def get_usage() -> Response:
    """Return what each key of the caller's tenant has used on the last days."""
    days = read_numbers(request.args, {"days": (1, KEPT_DAYS, DEFAULT_DAYS)})["days"]
    found = get_context().store.usage.load(get_caller().tenant, days)
    return render(UsageAnswer(days=[_describe(one) for one in found]))


def _describe(used: DayOfKey) -> UsageDay:
    return UsageDay(
        day=used.day,
        key_id=None if used.key_id == KEYLESS else used.key_id,
        jobs=used.jobs,
        megapixels=used.pixels / 1e6,
        seconds=used.milliseconds / 1e3,
    )
