"""What the views know of the client itself: whether it is still there, and what it accepts."""

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

from service.api.requests.preferences import HEADER, Preferences, parse_preferences
from service.contract.errors import NotAcceptable
from service.contract.formats import MEDIA_TYPES
from service.contract.params import InpaintParams, OutpaintParams

JSON = "application/json"
DEFAULT_FORMAT = "png"
_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.001, 0.1
_CHARSET = re.compile(r""";\s*charset\s*=\s*("[^"]*"|[^;"]*)""", re.IGNORECASE)


def read_preferences() -> Preferences:
    """Read what the client of this request prefers."""
    return parse_preferences(request.headers.get(HEADER))


def watch_client() -> Callable[[], bool]:
    """Give what tells whether the client of this request has left; usable after the view returned.

    A client that has closed only its sending side counts as gone, as with most proxies: until it is
    written to, nothing tells it from one that closed both.
    """
    connection = _find_connection()
    return lambda: connection is not None and _is_closed(connection)


def watch_delivery(patience_seconds: float) -> Callable[[], bool]:
    """Give what waits until the client's machine has confirmed every byte that was written to it.

    That gives False if it hangs up before, or confirms nothing for so long, and True where nobody
    can tell.
    """
    connection = _find_connection()
    return lambda: connection is None or _is_delivered(connection, patience_seconds)


def check_accepts(media_type: str) -> None:
    """Check that the client takes an answer of this type.

    Raises:
        NotAcceptable: it does not.
    """
    if _quality(media_type) <= 0:
        raise NotAcceptable(f"this call answers {media_type}")


def choose_answer(
    params: InpaintParams | OutpaintParams, preferences: Preferences
) -> Literal["job", "picture"]:
    """Choose what a submission is answered with: the job's document, or the picture itself.

    Raises:
        NotAcceptable: the client accepts nothing that it can be given.
    """
    output_format = params.output_format or DEFAULT_FORMAT
    job, picture = _quality(JSON), _quality(MEDIA_TYPES[output_format])
    is_single = (params.num_images or 1) == 1
    if picture > job and is_single and preferences.wait_seconds is not None:
        return "picture"
    if job > 0:
        return "job"
    if picture <= 0:
        wanted = ", or an image type that is that of output_format" if _takes_images() else ""
        raise NotAcceptable(f"this call answers {JSON}{wanted}; here that is {output_format}")
    if not is_single:
        raise NotAcceptable("several pictures cannot be one answer: num_images must be 1 for that")
    raise NotAcceptable("the picture itself is sent only to those who wait: Prefer: wait=1 to 60")


def _find_connection() -> socket.socket | None:
    connection = request.environ.get("gunicorn.socket")
    return connection if isinstance(connection, socket.socket) else None


def _is_delivered(connection: socket.socket, patience_seconds: float) -> bool:
    left, moved_at, pause = _count_unconfirmed(connection), time.monotonic(), _PAUSE_SECONDS
    while left and time.monotonic() - moved_at < patience_seconds and not _is_hung_up(connection):
        # Nothing wakes whoever waits for this.
        time.sleep(pause)
        pause = min(2 * pause, _MAX_PAUSE_SECONDS)
        before, left = left, _count_unconfirmed(connection)
        if left < before:
            moved_at = time.monotonic()
    return not left and not _is_hung_up(connection)


def _count_unconfirmed(connection: socket.socket) -> int:
    """Count the bytes that were written and that the other side's machine has not confirmed."""
    try:
        answer = fcntl.ioctl(connection, termios.TIOCOUTQ, struct.pack("i", 0))
    except (OSError, ValueError):
        # Not every system tells; a socket that is closed is seen to be hung up.
        return 0
    return int(struct.unpack("i", answer)[0])


def _is_hung_up(connection: socket.socket) -> bool:
    """Tell whether the other side closed both ways, which it does if it left something unread."""
    try:
        poller = select.poll()
        poller.register(connection, 0)
        return bool(poller.poll(0))
    except (OSError, ValueError):
        return True


def _takes_images() -> bool:
    return any(_quality(media_type) > 0 for media_type in MEDIA_TYPES.values())


def _quality(media_type: str) -> float:
    """Give how much the client wants a type, 0..1; without `Accept` it takes everything."""
    if not request.headers.get("Accept", "").strip():
        return 1.0
    # Many clients ask for one, and to JSON it means nothing (RFC 8259, section 11).
    plain = [(_CHARSET.sub("", kind), wish) for kind, wish in request.accept_mimetypes]
    return float(MIMEAccept(plain).quality(media_type))


def _is_closed(connection: socket.socket) -> bool:
    """Tell whether the other side has closed; asks, and takes nothing."""
    try:
        poller = select.poll()
        poller.register(connection, select.POLLIN)
        # Asked first: a socket with a time limit would wait as long for something to read.
        ready = poller.poll(0)
        if not ready:
            return False
        if ready[0][1] & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            return True
        return connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):
        return True
