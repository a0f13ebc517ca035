"""Functions that write responses."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b

from flask import Response, request
from pydantic import BaseModel

from service.api.context import get_context
from service.contract.version import get_version
from service.documents.jobs import describe_job
from service.store import JobView

JSON = "application/json"
OCTETS = "application/octet-stream"
"""Another name of every picture and zip, for generated clients that know no other binary type."""

RETRY_AFTER_SECONDS = 1
"""`Retry-After` of an unfinished job without an estimate."""

MAX_RETRY_AFTER_SECONDS = 60
"""The longest `Retry-After`: the estimate may be wrong, and workers may be added."""


def render(answer: BaseModel, status: int = 200) -> Response:
    """Build a JSON response."""
    return Response(answer.model_dump_json(), status, mimetype=JSON)


def render_job(view: JobView, status: int = 200) -> Response:
    """Build the response with a job's document, or 304 if the caller has it.

    The ETag is computed from the document's data before that is written, because most responses to
    a polling client are 304. The version alone does not suffice: the position in the queue changes
    without it.
    """
    base_url = get_context().settings.public_url
    response = Response(status=status, mimetype=JSON)
    response.set_etag(blake2b(view.digest() + _release(base_url), digest_size=16).hexdigest())
    response.headers["Cache-Control"] = "no-cache"
    if not view.status.is_terminal:
        response.headers["Retry-After"] = str(retry_after_seconds(view))
    if request.method in ("GET", "HEAD") and is_known(response):
        return not_modified(response)
    response.set_data(describe_job(view, base_url).model_dump_json())
    return response


def add_applied(response: Response, applied: str) -> Response:
    """Add `Preference-Applied`, unless no preference was honored.

    Source: RFC 7240, section 3.
    """
    if applied:
        response.headers["Preference-Applied"] = applied
    return response


def retry_after_seconds(view: JobView) -> int:
    """Return the seconds after which to poll a job again, from the estimate of its end.

    Half of the estimate, so that a client sees the end with little delay even if that is wrong.
    """
    left = view.takes_seconds or 0.0
    if view.eta_seconds is not None:
        left += view.eta_seconds
    elif view.painting_at is not None:
        left -= (datetime.now(UTC) - view.painting_at).total_seconds()
    return max(RETRY_AFTER_SECONDS, min(MAX_RETRY_AFTER_SECONDS, math.ceil(left / 2)))


def choose_media_type(media_type: str) -> str:
    """Return the media type of a file: its own, or `OCTETS` where the caller prefers those."""
    accepted = request.accept_mimetypes
    return accepted.best_match((media_type, OCTETS), default=media_type)


def is_known(response: Response) -> bool:
    """Return whether the caller has this representation already, by If-None-Match."""
    etag = response.get_etag()[0]
    return etag is not None and request.if_none_match.contains_weak(etag)


def not_modified(response: Response) -> Response:
    """Turn a response into 304: its headers, no body."""
    response.set_data(b"")
    response.status_code = 304
    for name in ("Content-Length", "Content-Type"):
        response.headers.pop(name, None)
    return response


@cache
def _release(base_url: str) -> bytes:
    """Return the part of an ETag that stands for the release and the base URL."""
    return f"{get_version()} {base_url}".encode()
