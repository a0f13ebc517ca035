"""The span of each request: part of the caller's trace, or the first of a new one.

Requests that only read begin no trace: polls would be most of what is exported. They are part of a
caller's trace that names itself in `traceparent`.
"""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, request

from service.telemetry import traces

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def install(app: Flask) -> None:
    """Trace the requests of an app, if traces are exported."""
    if not traces.is_on():
        return
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_leave)


def _begin() -> None:
    headers = request.headers
    sent = traces.read_headers(headers.get("traceparent"), headers.get("tracestate"))
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
    g.span, g.span_hold = span, span.hold()
    g.span_hold.__enter__()
    structlog.contextvars.bind_contextvars(trace_id=traces.find_trace_id(span.context))


def _end(response: Response) -> Response:
    if "span" in g:
        status = response.status_code
        error = str(status) if status >= 500 else ""
        g.pop("span").end({"http.response.status_code": status}, error)
    return response


def _leave(_: BaseException | None) -> None:
    # After everything else: what is done for the response is part of it too.
    if "span_hold" in g:
        g.pop("span_hold").__exit__(None, None, None)
