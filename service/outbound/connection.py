"""A connection to a caller's URL: to a checked address, and closed by a deadline.

httpcore2 accepts a backend that opens the sockets, and still does HTTP and TLS itself: the
certificate is checked against the name in the URL, and the connection goes to the checked
address.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2

from service.outbound.addresses import resolve
from service.outbound.urls import OutboundPolicy

# A whole body of ours fits, so that no receiver can delay its sending byte by byte.
_SEND_BUFFER = (socket.SOL_SOCKET, socket.SO_SNDBUF, 262_144)


MAX_HEAD_BYTES = 256 * 1024
"""Limit for everything before the body of a response: a receiver could send `100 Continue` without
end, which HTTP allows."""


class HeadBudget:
    """The bytes that a receiver may still send before the body of its response."""

    def __init__(self) -> None:
        self._left: int | None = MAX_HEAD_BYTES

    def spend(self, count: int) -> None:
        """Count bytes that were received.

        Raises:
            httpcore2.RemoteProtocolError: they are too many for a head.
        """
        if self._left is not None:
            self._left -= count
            if self._left < 0:
                raise httpcore2.RemoteProtocolError("the head of the response has no end")

    def end(self) -> None:
        """Stop counting: the head was received."""
        self._left = None


class DeadlineStream(httpcore2.NetworkStream):
    """A stream whose steps share the deadline of the whole exchange.

    With a timeout for each step alone, a receiver that sends a byte now and then would hold the
    stream forever.

    Args:
        stream: the stream.
        deadline: end of the exchange, by `time.monotonic`.
        head: counts what is received before the body.
    """

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float, head: HeadBudget) -> None:
        self._stream = stream
        self._deadline = deadline
        self._head = head

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Receive."""
        data = self._stream.read(max_bytes, remaining(self._deadline))
        self._head.spend(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send."""
        self._stream.write(buffer, remaining(self._deadline))

    def close(self) -> None:
        """Close."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Begin TLS."""
        left = remaining(self._deadline)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return DeadlineStream(stream, self._deadline, self._head)

    def get_extra_info(self, info: str) -> Any:
        """Return information about the socket."""
        return self._stream.get_extra_info(info)


class GuardedBackend(httpcore2.NetworkBackend):
    """A backend that connects to checked addresses only.

    Args:
        deadline: end of the exchange, by `time.monotonic`.
        policy: the targets that are allowed.

    Attributes:
        head: counts what is received before the body; its end is set by whoever reads it.
    """

    def __init__(self, deadline: float, policy: OutboundPolicy) -> None:
        self._deadline = deadline
        self._policy = policy
        self._backend = httpcore2.SyncBackend()
        self.head = HeadBudget()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first of a host's addresses that answers.

        Raises:
            Unresolvable, AddressRefused: the host has no address, or one that is not allowed.
            httpcore2.NetworkError, httpcore2.TimeoutException: none answers.
        """
        policy = self._policy
        addresses = resolve(host, port, allow_private=policy.allow_private, listed=policy.listed)
        options = [*(socket_options or ()), _SEND_BUFFER]
        for address in addresses[:-1]:
            try:
                # Half of the rest: an address that does not answer must leave time for the next.
                left = remaining(self._deadline) / 2
                return self._open(address, port, left, options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._open(addresses[-1], port, remaining(self._deadline), options)

    def _open(
        self, address: str, port: int, timeout: float, options: list[Any]
    ) -> httpcore2.NetworkStream:
        stream = self._backend.connect_tcp(address, port, timeout, socket_options=options)
        return DeadlineStream(stream, self._deadline, self.head)


def remaining(deadline: float) -> float:
    """Return the seconds that are left.

    Raises:
        httpcore2.ReadTimeout: no time is left.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("the time for the exchange is over")
    return left
