"""`GET /jobs/{id}/events`: the events of a job, as they happen."""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.api.context import get_context
from service.api.routes.clients import admit, check_accepts, follow
from service.waiting.feed import HEADER, MEDIA_TYPE, Feed, parse_mark


def build_blueprint() -> Blueprint:
    """Build the route of events."""
    routes = Blueprint("events", __name__)
    routes.add_url_rule("/jobs/<job_id>/events", view_func=get_events, methods=["GET"])
    return routes


def get_events(job_id: str) -> Response:
    """Stream a job's events, from the first or from the one after `Last-Event-ID`, to its end."""
    check_accepts(MEDIA_TYPE)
    last, context = parse_mark(request.headers.get(HEADER)), get_context()
    job = follow(job_id)
    # Before a slot is taken: a missing job needs none.
    job.load()
    if request.method == "HEAD":
        return _head()
    waiter = admit()
    feed = Feed(waiter, job, context.settings.public_url)
    try:
        has_more = feed.open(last)
    except BaseException:
        waiter.close()
        raise
    if not has_more:
        waiter.close()
        # The one status after which a browser does not reconnect.
        return Response(status=204)
    response = _head()
    response.response = feed.stream()
    response.call_on_close(waiter.close)
    return response


def _head() -> Response:
    response = Response(mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    # Otherwise nginx holds events back until its buffer is full.
    response.headers["X-Accel-Buffering"] = "no"
    return response
