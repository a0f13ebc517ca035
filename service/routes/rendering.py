"""How the views write their answers."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from hashlib import blake2b

from flask import Response, request
from pydantic import BaseModel

from service.answers import describe_job
from service.context import get_context
from service.contract.store import JobView

JSON = "application/json"
RETRY_AFTER_SECONDS = 1
"""When to ask again for a job that has not ended, while nothing better is known."""

MAX_RETRY_AFTER_SECONDS = 60
"""Later than this nobody is sent away: the estimate may be wrong, and workers may be added."""


def render(answer: BaseModel, status: int = 200) -> Response:
    """Write an answer as JSON."""
    return Response(answer.model_dump_json(), status, mimetype=JSON)


def render_job(view: JobView, status: int = 200) -> Response:
    """Write a job's document, with an ETag that covers every byte of it.

    The version alone would not do: a job's place in the queue changes without it.
    """
    job = describe_job(view, get_context().settings.public_url)
    body = job.model_dump_json().encode()
    response = Response(body, status, mimetype=JSON)
    response.set_etag(blake2b(body, digest_size=16).hexdigest())
    response.headers["Cache-Control"] = "no-cache"
    if not job.status.is_terminal:
        response.headers["Retry-After"] = str(retry_after_seconds(view))
    return response


def tell_applied(response: Response, applied: str) -> Response:
    """Tell which preferences of the client were honored, if any.

    Source: RFC 7240, section 3.
    """
    if applied:
        response.headers["Preference-Applied"] = applied
    return response


def retry_after_seconds(view: JobView) -> int:
    """Give when asking again for a job makes sense: when it has probably ended, within bounds.

    Half of what is left, so that a client sees the end with little delay even if that is a guess.
    """
    record = view.record
    left = view.takes_seconds or 0.0
    if view.eta_seconds is not None:
        left += view.eta_seconds
    elif record.painting_at is not None:
        left -= (datetime.now(UTC) - record.painting_at).total_seconds()
    return max(RETRY_AFTER_SECONDS, min(MAX_RETRY_AFTER_SECONDS, math.ceil(left / 2)))


def is_known(response: Response) -> bool:
    """Tell whether the caller has this representation already, by If-None-Match."""
    etag = response.get_etag()[0]
    return etag is not None and request.if_none_match.contains_weak(etag)


def not_modified(response: Response) -> Response:
    """Turn an answer into 304: its headers, no body."""
    response.set_data(b"")
    response.status_code = 304
    for name in ("Content-Length", "Content-Type"):
        response.headers.pop(name, None)
    return response
