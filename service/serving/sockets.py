"""The state of a client's connection, as the system knows it."""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import termios
import time

_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 0.001, 0.1


def await_delivery(connection: socket.socket, patience_seconds: float) -> bool:
    """Wait until the other side has confirmed every byte; return whether it has.

    Args:
        connection: the connection.
        patience_seconds: how long to wait while nothing is confirmed.
    """
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


def is_closed(connection: socket.socket) -> bool:
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
