"""`GET /jobs/{id}/events`: the events of a job, as they happen; and tokens for their URL."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from flask import Blueprint, Response, request

from service.api.access.auth import IN_QUERY, get_caller
from service.api.access.events_token import LIFETIME_SECONDS, make_token
from service.api.context import get_context
from service.api.routes.clients import admit, check_accepts, follow
from service.api.routes.rendering import render
from service.contract.errors import Fault, Unauthorized, UnknownField
from service.contract.keys import KEYLESS
from service.documents.schemas import EventsToken
from service.waiting.feed import HEADER, MEDIA_TYPE, Feed, parse_mark


def build_blueprint() -> Blueprint:
    """Build the route of events."""
    routes = Blueprint("events", __name__)
    routes.add_url_rule("/jobs/<job_id>/events", view_func=get_events, methods=["GET"])
    routes.add_url_rule("/jobs/<job_id>/events-token", view_func=create_token, methods=["POST"])
    return routes


def create_token(job_id: str) -> Response:
    """Make a token that opens a job's events by their URL alone.

    Raises:
        NotFound, JobExpired: there is no such job.
    """
    follow(job_id).load()
    return answer_token(job_id, f"/jobs/{job_id}/events")


def answer_token(owner_id: str, path: str) -> Response:
    """Build the response with the URL of events, and a token in it where keys are required.

    Args:
        owner_id: job or batch of the caller.
        path: of its events.

    Raises:
        Unauthorized: the key was revoked meanwhile.
    """
    context, caller = get_context(), get_caller()
    expires_at = int(time.time()) + LIFETIME_SECONDS
    url = f"{context.settings.public_url}{path}"
    if caller.key_id != KEYLESS:
        key = context.store.keys.find(caller.key_id)
        if key is None:
            raise Unauthorized("the API key was revoked")
        url += f"?{IN_QUERY}={make_token(key, owner_id, expires_at)}"
    moment = datetime.fromtimestamp(expires_at, tz=UTC)
    response = render(EventsToken(url=url, expires_at=moment), 201)
    response.headers["Cache-Control"] = "no-store"
    return response


def get_events(job_id: str) -> Response:
    """Stream a job's events, from the first or from the one after `Last-Event-ID`, to its end."""
    check_accepts(MEDIA_TYPE)
    refuse_query()
    last, context = parse_mark(request.headers.get(HEADER)), get_context()
    job = follow(job_id)
    # Before a slot is taken: a missing job needs none.
    job.load()
    if request.method == "HEAD":
        return begin_events()
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
    response = begin_events()
    response.response = feed.stream()
    response.call_on_close(waiter.close)
    return response


def refuse_query() -> None:
    """Check that the URL of events has no query but a token, and raise if it has.

    Raises:
        UnknownField: it has.
    """
    if set(request.args) - {IN_QUERY}:
        message = f"the only query parameter here is {IN_QUERY}"
        raise UnknownField(message, faults=(Fault("", UnknownField.code, message),))


def begin_events() -> Response:
    """Build the response of a stream of events, without its body."""
    response = Response(mimetype=MEDIA_TYPE)
    response.headers["Cache-Control"] = "no-store"
    # Otherwise nginx holds events back until its buffer is full.
    response.headers["X-Accel-Buffering"] = "no"
    return response
