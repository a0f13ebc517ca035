"""`GET /metrics` on the port of callers, for a key with the scope `metrics:read`."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.access.auth import METRICS_BLUEPRINT
from service.api.context import get_context
from service.contract.errors import NotFound
from service.telemetry.metrics import CONTENT_TYPE


def build_blueprint() -> Blueprint:
    """Build the route of the metrics."""
    routes = Blueprint(METRICS_BLUEPRINT, __name__)
    routes.add_url_rule("/metrics", view_func=show_metrics, methods=["GET"])
    return routes


def show_metrics() -> Response:
    """Return the metrics of all processes of this API.

    Raises:
        NotFound: no keys are required here, so that everyone would see them.
    """
    context = get_context()
    if not context.settings.asks_for_keys or context.metrics is None:
        raise NotFound(
            "metrics are served here only where API keys are required; set PAINTJOB_METRICS_PORT "
            "for a port of their own"
        )
    return Response(context.metrics.render(), content_type=CONTENT_TYPE)
