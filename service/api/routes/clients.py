"""The client of a request: whether it is still connected, and what it accepts."""

from __future__ import annotations

import fcntl
import re
import select
import socket
import struct
import termios
import time
from collections.abc import Callable
from typing import Literal

from flask import request
from werkzeug.datastructures import MIMEAccept

from service.api.access.auth import get_caller, watch_key
from service.api.context import get_context
from service.api.requests.preferences import HEADER, Preferences, parse_preferences
from service.contract.errors import NotAcceptable
from service.contract.formats import MEDIA_TYPES
from service.contract.params import InpaintParams, OutpaintParams
from service.waiting.streams import Waiter
from service.waiting.waiting import Watched

JSON = "application/json"
DEFAULT_FORMAT = "png"
_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.001, 0.1
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
    return lambda: connection is not None and _is_closed(connection)


def watch_delivery(patience_seconds: float) -> Callable[[], bool]:
    """Return a function that waits until the client's machine has confirmed every byte.

    The function returns False if the client disconnects first, or confirms nothing for
    `patience_seconds`, and True where the system cannot tell.
    """
    connection = _find_connection()
    return lambda: connection is None or _is_delivered(connection, patience_seconds)


def check_accepts(media_type: str) -> None:
    """Check that the client accepts a media type, and raise if not.

    Raises:
        NotAcceptable: the client does not accept it.
    """
    if _quality(media_type) <= 0:
        raise NotAcceptable(f"this call responds with {media_type}; accept that media type")


def choose_answer(
    params: InpaintParams | OutpaintParams, preferences: Preferences
) -> Literal["job", "picture"]:
    """Choose the response to a submission: the job's document, or the picture itself.

    Raises:
        NotAcceptable: the client accepts none of the possible responses.
    """
    output_format = params.output_format or DEFAULT_FORMAT
    job, picture = _quality(JSON), _quality(MEDIA_TYPES[output_format])
    is_single = (params.num_images or 1) == 1
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


def _is_delivered(connection: socket.socket, patience_seconds: float) -> bool:
    left, moved_at, pause = _count_unconfirmed(connection), time.monotonic(), _PAUSE_SECONDS
    while left and time.monotonic() - moved_at < patience_seconds and not _is_hung_up(connection):
        # No event reports this, so it is polled.
        time.sleep(pause)
        pause = min(2 * pause, _MAX_PAUSE_SECONDS)
        before, left = left, _count_unconfirmed(connection)
        if left < before:
            moved_at = time.monotonic()
    return not left and not _is_hung_up(connection)


def _count_unconfirmed(connection: socket.socket) -> int:
    """Return the number of written bytes that the other machine has not confirmed."""
    try:
        answer = fcntl.ioctl(connection, termios.TIOCOUTQ, struct.pack("i", 0))
    except (OSError, ValueError):
        # Not every system has this call; a closed socket is detected as disconnected.
        return 0
    return int(struct.unpack("i", answer)[0])


def _is_hung_up(connection: socket.socket) -> bool:
    """Return whether the other side closed both ways, as it does if it left something unread."""
    try:
        poller = select.poll()
        poller.register(connection, 0)
        return bool(poller.poll(0))
    except (OSError, ValueError):
        return True


def _takes_images() -> bool:
    return any(_quality(media_type) > 0 for media_type in MEDIA_TYPES.values())


def _quality(media_type: str) -> float:
    """Return the quality of a media type in `Accept`, 0..1; without `Accept` it is 1."""
    if not request.headers.get("Accept", "").strip():
        return 1.0
    # Many clients ask for a charset, which JSON does not have (RFC 8259, section 11).
    plain = [(_CHARSET.sub("", kind), wish) for kind, wish in request.accept_mimetypes]
    return float(MIMEAccept(plain).quality(media_type))


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the other side has closed; reads nothing from the socket."""
    try:
        poller = select.poll()
        poller.register(connection, select.POLLIN)
        # Polled first: a socket with a timeout would wait that long for something to read.
        ready = poller.poll(0)
        if not ready:
            return False
        if ready[0][1] & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            return True
        return connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True
