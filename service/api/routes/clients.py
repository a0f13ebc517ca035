"""The client of a request: whether it is still connected, and what it accepts."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Literal

from flask import request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from service.api.access.auth import get_caller, watch_key
from service.api.context import get_context
from service.api.requests.preferences import HEADER, Preferences, parse_preferences
from service.contract.errors import NotAcceptable
from service.contract.formats import MEDIA_TYPES
from service.contract.params import AnyParams, MaskParams
from service.serving.sockets import await_delivery, is_closed
from service.submission.planning import count_images
from service.waiting.streams import Waiter
from service.waiting.waiting import Watched

JSON = "application/json"
DEFAULT_FORMAT = "png"
_CHARSET = re.compile(r""";\s*charset\s*=\s*("[^"]*"|[^;"]*)""", re.IGNORECASE)


def read_preferences() -> Preferences:
    """Read the `Prefer` header of this request."""
    return parse_preferences(request.headers.get(HEADER))


def follow(job_id: str) -> Watched:
    """Return a job that the client of this request waits for."""
    caller = get_caller()
    return Watched(
        get_context().store,
        job_id,
        caller.tenant,
        watch_client(),
        watch_key(),
        may_cancel="jobs:write" in caller.scopes,
    )


def admit() -> Waiter:
    """Return a wait slot for the client of this request.

    Raises:
        TooManyWaiters: all slots are in use, or all of its key.
    """
    return get_context().streams.admit(get_caller().key_id)


def watch_client() -> Callable[[], bool]:
    """Return a check whether the client has disconnected; it works after the view has returned.

    A client that has closed only its sending side counts as gone, as with most proxies: before a
    write, nothing distinguishes it from one that closed both.
    """
    connection = _find_connection()
    return lambda: connection is not None and is_closed(connection)


def watch_delivery(patience_seconds: float) -> Callable[[], bool]:
    """Return a function that waits until the client's machine has confirmed every byte.

    The function returns False if the client disconnects first, or confirms nothing for
    `patience_seconds`, and True where the system cannot tell.
    """
    connection = _find_connection()
    return lambda: connection is None or await_delivery(connection, patience_seconds)


def check_accepts(media_type: str) -> None:
    """Check that the client accepts a media type, and raise if not.

    Raises:
        NotAcceptable: the client does not accept it.
    """
    if _quality(media_type) <= 0:
        raise NotAcceptable(f"this call responds with {media_type}; accept that media type")


def choose_answer(params: AnyParams, preferences: Preferences) -> Literal["job", "picture"]:
    """Choose the response to a submission: the job's document, or the picture itself.

    Raises:
        NotAcceptable: the client accepts none of the possible responses.
    """
    asked = None if isinstance(params, MaskParams) else params.output_format
    output_format = asked or DEFAULT_FORMAT
    job, picture = _quality(JSON), _quality(MEDIA_TYPES[output_format])
    is_single = count_images(params) == 1
    if picture > job and is_single and preferences.wait_seconds is not None:
        return "picture"
    if job > 0:
        return "job"
    if picture <= 0:
        image = (
            f", or {MEDIA_TYPES[output_format]} for this output_format" if _takes_images() else ""
        )
        raise NotAcceptable(f"this call responds with {JSON}{image}; accept that media type")
    if not is_single:
        raise NotAcceptable(f"several pictures need {JSON}; accept it, or set num_images to 1")
    raise NotAcceptable("to get the picture itself, wait for it: send Prefer: wait=1 to wait=60")


def _find_connection() -> socket.socket | None:
    connection = request.environ.get("gunicorn.socket")
    return connection if isinstance(connection, socket.socket) else None


def _takes_images() -> bool:
    return any(_quality(media_type) > 0 for media_type in MEDIA_TYPES.values())


def _quality(media_type: str) -> float:
    """Return the quality of a media type in `Accept`, 0..1; without `Accept` it is 1."""
    # Runs of blanks mean nothing, and the parser takes time by their square.
    text = " ".join(request.headers.get("Accept", "").split())
    if not text:
        return 1.0
    # Many clients ask for a charset, which JSON does not have (RFC 8259, section 11).
    plain = [(_CHARSET.sub("", kind), wish) for kind, wish in parse_accept_header(text, MIMEAccept)]
    return float(MIMEAccept(plain).quality(media_type))
