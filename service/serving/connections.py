"""Connections of clients, with limits for their time, their rate and their number.

Nothing here knows the requests: a connection is judged before and while its bytes are read.
"""

from __future__ import annotations

import errno
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

Network = IPv4Network | IPv6Network

MAX_HEAD_BYTES = 600_000
"""A longer head is passed on without its end: gunicorn refuses it by its own limits."""

_HEAD_END = b"\r\n\r\n"
_FORWARDED = re.compile(rb"\r\nx-forwarded-for:[ \t]*([^\r\n]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Pace:
    """The limits of a client's transfers.

    Attributes:
        silence_seconds: the longest time without a byte; half of it passes before the rate counts.
        bytes_per_second: the lowest rate of a body, and of a response.
        transfer_seconds: the longest time of a body, and of a response.
    """

    silence_seconds: float
    bytes_per_second: float
    transfer_seconds: float


@dataclass
class _Transfer:
    """One body or response: the bytes so far, and the time that was spent waiting for the client.

    The service's own work between two reads or writes does not count.
    """

    pace: Pace
    moved: int = 0
    waited_seconds: float = 0.0

    def get_timeout(self) -> float:
        """Return how long the client may take for the next step; 0 if its time is over."""
        pace = self.pace
        earned = pace.silence_seconds / 2 + self.moved / pace.bytes_per_second
        left = min(earned, pace.transfer_seconds) - self.waited_seconds
        return max(0.0, min(pace.silence_seconds, left))


class PacedSocket(socket.socket):
    """A socket whose client must send and read at a minimum rate.

    A timeout for each step alone would let a client that moves a byte now and then hold a thread
    for hours. A client that is too slow counts as disconnected.

    Args:
        accepted: the socket, which this one replaces.
        pace: the limits.

    Attributes:
        client_address: address of the client of the present request, for the log.
    """

    def __init__(self, accepted: socket.socket, pace: Pace) -> None:
        family, kind, proto = accepted.family, accepted.type, accepted.proto
        super().__init__(family, kind, proto, accepted.detach())
        self._pace = pace
        self.client_address = ""
        self.begin_request()

    def begin_request(self) -> None:
        """Start to measure the body and the response of a new request."""
        self._body, self._response = _Transfer(self._pace), _Transfer(self._pace)

    @property
    def received_bytes(self) -> int:
        """Bytes of the present request that were received since its head."""
        return self._body.moved

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive, at least as fast as the pace requires."""
        if flags or self.gettimeout() == 0:
            return super().recv(bufsize, flags)
        try:
            data: bytes = super().recv(bufsize, socket.MSG_DONTWAIT)
        except BlockingIOError:
            data = self._move(self._body, super().recv, bufsize)
        self._body.moved += len(data)
        return data

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send, at least as fast as the pace requires."""
        try:
            sent = super().send(data, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._move(self._response, super().sendall, memoryview(data)[sent:], flags)
        self._response.moved += len(data)

    def _move(self, transfer: _Transfer, step: Any, *arguments: Any) -> Any:
        before, allowed = self.gettimeout(), transfer.get_timeout()
        if allowed <= 0:
            raise ConnectionResetError(errno.ECONNRESET, "the client is too slow")
        self.settimeout(allowed if before is None else min(before, allowed))
        started = time.monotonic()
        try:
            return step(*arguments)
        except TimeoutError as error:
            raise ConnectionResetError(errno.ECONNRESET, "the client is too slow") from error
        finally:
            transfer.waited_seconds += time.monotonic() - started
            self.settimeout(before)


class Connection(TConn):  # type: ignore[misc]
    """A connection whose heads are read before a thread is used.

    Attributes:
        peer: address of the other side; empty for a unix socket.
        address: address of the client of the present request, by `TrustedProxies`.
        is_counted: whether the connection counts for its peer; those of proxies do not.
        on_close: called once, when it is closed.
        head: bytes of the next head so far, and of the body after it.
        ends_at: when a connection that is being closed is closed in any case.
        dropped: bytes that were read and dropped since.
    """

    def __init__(self, cfg: Any, sock: PacedSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        self.peer = str(client[0]) if isinstance(client, tuple) else ""
        self.address = ""
        self.is_counted = False
        self.on_close: Callable[[Connection], None] | None = None
        self.head = bytearray()
        self.ends_at = 0.0
        self.dropped = 0

    def init(self) -> None:
        """Prepare the parser, with the head that was read already."""
        super().init()
        if self.head:
            self.parser.unreader.unread(bytes(self.head))
            self.head.clear()

    def close(self, graceful: bool = False) -> None:
        """Close it at once; the worker has ended the response before."""
        super().close()
        if self.on_close is not None:
            self.on_close(self)
            self.on_close = None

    def has_head(self) -> bool:
        """Return whether the head is complete, or too long to be one."""
        return _HEAD_END in self.head or len(self.head) > MAX_HEAD_BYTES


@dataclass(frozen=True)
class TrustedProxies:
    """The proxies whose `X-Forwarded-For` is believed."""

    networks: Sequence[Network] = field(default=())

    def __contains__(self, address: str) -> bool:
        if not self.networks:
            return False
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(parsed.version == net.version and parsed in net for net in self.networks)

    def find_client(self, peer: str, head: bytes) -> str:
        """Return the client's address: the last one that no trusted proxy has.

        Args:
            peer: address of the other side; empty for a unix socket, which only proxies use.
            head: head of the request.
        """
        if peer and peer not in self:
            return peer
        forwarded = b",".join(_FORWARDED.findall(head.partition(_HEAD_END)[0])).decode("latin-1")
        hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
        client = peer
        while hops and (not client or client in self):
            client = hops.pop()
        return client
