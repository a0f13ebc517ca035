"""The Flask app: `create_app(settings)`. Importing this loads neither numpy nor torch."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, Response, g, request

from service.api import context, problem_responses, tracing
from service.api.access import auth, cors, doors, limits
from service.api.docs import blueprint as docs
from service.api.playground import blueprint as playground
from service.api.routes import (
    batches,
    catalogue,
    deliveries,
    events,
    guide,
    health,
    images_edits,
    jobs,
    listing,
    metrics,
    paint,
    queries,
    reference,
    uploads,
    usage,
)
from service.config import ServiceSettings
from service.contract.names import is_job_id
from service.telemetry.families import HTTP_REQUESTS, HTTP_SECONDS

log = structlog.get_logger()

_ROUTES = (
    paint,
    images_edits,
    jobs,
    listing,
    events,
    deliveries,
    batches,
    uploads,
    catalogue,
    usage,
    health,
    metrics,
    reference,
    docs,
    playground,
)

PROBES = frozenset({"/health/live", "/health/ready", "/metrics"})
NO_ROUTE = "none"
"""Route of requests to paths that do not exist: each path would be a label of its own."""

KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})

REQUEST_ID_HEADER = "X-Request-ID"
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class _App(Flask):
    """Flask without its search for coroutines: no function of ours is one.

    Flask asks it of ten functions in each request, a thirtieth of a short answer's time.
    """

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is."""
        return func


def create_app(settings: ServiceSettings) -> Flask:
    """Build the app; connects to nothing before the first request.

    Raises:
        ValueError, OSError: the models file cannot be read, or breaks a rule.
    """
    app = _App("service", static_folder=None)
    # No redirect to a path with single slashes: it would be built from whatever is in Host.
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    context.install(app, context.Context(settings))
    problem_responses.install(app, settings.public_url)
    app.before_request(_begin)
    app.after_request(_end)
    tracing.install(app)
    cors.install(app, settings)
    doors.install(app, settings)
    auth.install(app)
    limits.install(app)
    queries.install(app)
    for module in _ROUTES:
        app.register_blueprint(module.build_blueprint())
    if settings.guide:
        app.register_blueprint(guide.build_blueprint())
    return app


def _begin() -> None:
    g.started = time.perf_counter()
    given = request.headers.get(REQUEST_ID_HEADER, "")
    g.request_id = given if _SANE_REQUEST_ID.fullmatch(given) else secrets.token_hex(12)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(process="api", request_id=g.request_id)


def _end(response: Response) -> Response:
    seconds = round(time.perf_counter() - g.started, 6) if "started" in g else None
    # The rule, not the path: a path may contain the caller's data.
    rule = request.url_rule.rule if request.url_rule else None
    _measure(rule or NO_ROUTE, response.status_code, seconds)
    # Probes come every few seconds, and say nothing while all is well.
    log_as = log.debug if rule in PROBES and response.status_code < 400 else log.info
    log_as(
        "request_ended",
        method=request.method,
        rule=rule,
        status=response.status_code,
        seconds=seconds,
        address=_find_address(),
        received_bytes=request.content_length,
        sent_bytes=response.content_length,
        job_id=_find_job_id(),
    )
    response.headers[REQUEST_ID_HEADER] = g.get("request_id", "")
    return response


def _measure(route: str, status: int, seconds: float | None) -> None:
    method = request.method if request.method in KNOWN_METHODS else "other"
    HTTP_REQUESTS.note(1, method, route, str(status))
    if seconds is not None:
        HTTP_SECONDS.note(seconds, method, route)


def _find_job_id() -> str | None:
    """Return the job that the path names; other text there is the caller's and is not logged."""
    named = str((request.view_args or {}).get("job_id", ""))
    return named if is_job_id(named) else None


def _find_address() -> str | None:
    """Return the client's address, found past trusted proxies when its connection was read."""
    found: str = getattr(request.environ.get("gunicorn.socket"), "client_address", "")
    return found or request.remote_addr
