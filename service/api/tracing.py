"""The span of each request: part of the caller's trace, or the first of a new one.

Requests that only read begin no trace: polls would be most of what is exported. They are part of a
caller's trace that names itself in `traceparent`.
"""

from __future__ import annotations

import structlog
from flask import Flask, Response, after_this_request, g, request

from service.telemetry import traces

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def install(app: Flask) -> None:
    """Trace the requests of an app, if traces are exported."""
    if not traces.is_on():
        return
    app.before_request(_begin)


def _begin() -> None:
    # Of the environment, without Flask's headers: this is asked of every poll.
    environ = request.environ
    sent = traces.read_headers(environ.get("HTTP_TRACEPARENT"), environ.get("HTTP_TRACESTATE"))
    if not sent and request.method in _READING:
        return
    route = request.url_rule.rule if request.url_rule else "none"
    attributes = {
        "http.request.method": request.method,
        "http.route": route,
        "paintjob.request_id": g.request_id,
    }
    span = traces.open_span(
        f"{request.method} {route}", "server", parent=sent, attributes=attributes
    )
    hold = span.hold()
    hold.__enter__()

    @after_this_request
    def end(response: Response) -> Response:
        hold.__exit__(None, None, None)
        status = response.status_code
        span.end({"http.response.status_code": status}, str(status) if status >= 500 else "")
        return response

    structlog.contextvars.bind_contextvars(trace_id=traces.find_trace_id(span.context))
