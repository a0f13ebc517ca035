"""gunicorn's threaded worker, except for how it reads heads, shares threads and closes."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from collections import Counter, deque
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from typing import Any

import structlog
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from service.config import ServiceSettings
from service.serving.connections import Connection, Pace, PacedSocket, TrustedProxies
from service.waiting.streams import SPARE_THREADS, count_slots

log = structlog.get_logger()

READ_BYTES = 64 * 1024

DROP_SECONDS = 10.0
DROP_BYTES = 128 * 1024 * 1024
IDLE_SECONDS = 2.0
"""Limits for a body that is still being sent after its response: total time, bytes, and silence."""

FIRST_BYTE_SECONDS = 2.0
"""Time that a stopping process leaves for the first byte of a connection that it has accepted."""

_PASSING = (
    *(errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED),
    # Without descriptors the connection waits until another one is closed.
    *(errno.EMFILE, errno.ENFILE),
)


def count_share(threads: int) -> int:
    """Return how many of a process's threads one client may use.

    More than may wait, so that a client that waits with all slots still gets short answers; half
    of the spare ones stay for others. Of very few threads nothing can be kept.
    """
    return min(threads, max(count_slots(threads) + 1, threads - SPARE_THREADS // 2))


class HttpWorker(ThreadWorker):  # type: ignore[misc]
    """A worker that no client can occupy alone.

    Heads are read in the thread that accepts, so that a client that sends its head byte by byte
    costs a descriptor and no thread. One client's requests never use all threads: the others wait
    for their turn. A connection is closed there too, and what the client still sends is read and
    dropped meanwhile: otherwise the kernel resets the connection, and a client that sends a large
    body never sees why it was refused.
    """

    sockets: list[Any]
    pending_conns: deque[Any]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._open: Counter[str] = Counter()
        self._refused: set[str] = set()
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[Connection]] = {}
        self._closing: set[Connection] = set()
        self.has_left = False

    def init_process(self) -> None:
        """Read the settings, and run."""
        self._settings = ServiceSettings.from_env(os.environ)
        self._proxies = TrustedProxies(self._settings.trusted_proxy_networks)
        self._pace = Pace(
            self._settings.client_silence_seconds,
            self._settings.client_bytes_per_second,
            self._settings.client_transfer_seconds,
        )
        self._share = count_share(self.cfg.threads)
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not; at a stop, only once the proxies had time to learn of it."""
        if not enabled and not self.alive and not self.has_left:
            self._drain()
        super().set_accept_enabled(enabled)
        if self.has_left:
            self._close_listeners()

    def _drain(self) -> None:
        """Accept on for a while: each answer closes its connection, and readiness is refused."""
        until = time.monotonic() + self._settings.http_drain_seconds
        while time.monotonic() < until and self.is_parent_alive():
            self.notify()
            self.wait_for_and_dispatch_events(timeout=min(0.2, until - time.monotonic()))
            self.murder_keepalived()
            self.murder_pending()
        self.has_left = True

    def _close_listeners(self) -> None:
        """Accept what the kernel has accepted already, and let it accept no more.

        gunicorn keeps them open until its last connection is closed. Who connects meanwhile is
        reset then, with the request that was sent.
        """
        for _ in range(self.cfg.backlog):
            waiting, _, _ = select.select(self.sockets, [], [], 0)
            if not waiting:
                break
            for listener in waiting:
                self.accept(listener)
        for listener in self.sockets:
            listener.close()
        self.sockets = []

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, unless its peer has too many.

        Source: the method of the same name in gunicorn 27.
        """
        try:
            accepted, client = listener.accept()
        except OSError as error:
            if error.errno not in _PASSING:
                raise
            return
        sock = PacedSocket(accepted, self._pace)
        conn = Connection(self.cfg, sock, client, listener.getsockname())
        conn.is_counted = bool(conn.peer) and conn.peer not in self._proxies
        if conn.is_counted and self._open[conn.peer] >= self._settings.client_connections:
            # Once until one is closed: a client that tries on must not fill the log.
            if conn.peer not in self._refused:
                self._refused.add(conn.peer)
                log.warning("connections_refused", address=conn.peer, open=self._open[conn.peer])
            sock.close()
            return
        self.nr_conns += 1
        self._open[conn.peer] += 1
        conn.on_close = self._count_closed
        self._await_head(conn)

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Read the next head of a connection that was kept."""
        if self._read_head(conn):
            self.keepalived_conns.remove(conn)
        elif conn.head:
            self.poller.unregister(client)
            self.keepalived_conns.remove(conn)
            self._await_head(conn)

    def on_pending_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        """Read a piece of a head."""
        if self._read_head(conn):
            self.pending_conns.remove(conn)

    def _read_head(self, conn: Connection) -> bool:
        """Read what is there; return whether the head is over, and its request on its way."""
        data = _read(conn.sock)
        if data is None:
            return False
        conn.head += data
        if data and not conn.has_head():
            return False
        self.poller.unregister(conn.sock)
        if data:
            self.enqueue_req(conn)
        else:
            self._drop(conn)
        return True

    def enqueue_req(self, conn: Connection) -> None:
        """Assign a thread to a request, or let it wait while its client uses its share of them."""
        conn.address = self._proxies.find_client(conn.peer, bytes(conn.head))
        conn.sock.client_address = conn.address
        if conn.address and self._running[conn.address] >= self._share:
            self._waiting.setdefault(conn.address, deque()).append(conn)
        else:
            self._start(conn)

    def finish_request(self, conn: Connection, fs: Future[Any]) -> None:
        """Keep or close a connection whose request was answered, and start the next request."""
        self._end_turn(conn)
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
        else:
            self._close(conn)

    def murder_pending(self) -> None:
        """Close the connections whose time is over; called at least once a second."""
        now = time.monotonic()
        if self.has_left:
            for conn in [conn for conn in self.pending_conns if not conn.head]:
                conn.timeout = min(conn.timeout, now + FIRST_BYTE_SECONDS)
            self.pending_conns = deque(sorted(self.pending_conns, key=lambda conn: conn.timeout))
        super().murder_pending()
        for conn in [conn for conn in self._closing if now >= min(conn.timeout, conn.ends_at)]:
            self._end_closing(conn)

    def _await_head(self, conn: Connection) -> None:
        conn.data_ready = True
        conn.timeout = time.monotonic() + self._settings.client_head_seconds
        self.pending_conns.append(conn)
        read = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, read)

    def _start(self, conn: Connection) -> None:
        self._running[conn.address] += 1
        super().enqueue_req(conn)

    def _end_turn(self, conn: Connection) -> None:
        address = conn.address
        self._running[address] -= 1
        waiting = self._waiting.get(address)
        if waiting:
            self._start(waiting.popleft())
        elif self._running[address] <= 0:
            del self._running[address]
            self._waiting.pop(address, None)

    def _close(self, conn: Connection) -> None:
        """End the response, and close the connection once the client has closed its side.

        Source: RFC 9112, section 9.6.
        """
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        now = time.monotonic()
        conn.timeout, conn.ends_at = now + IDLE_SECONDS, now + DROP_SECONDS
        self._closing.add(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self._read_on, conn))

    def _read_on(self, conn: Connection, client: socket.socket) -> None:
        """Read and drop what the client still sends after the response."""
        data = _read(client)
        if data is None:
            return
        conn.dropped += len(data)
        conn.timeout = time.monotonic() + IDLE_SECONDS
        if not data or conn.dropped > DROP_BYTES:
            self._end_closing(conn)

    def _end_closing(self, conn: Connection) -> None:
        self._closing.discard(conn)
        self.poller.unregister(conn.sock)
        self._drop(conn)

    def _drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def _count_closed(self, conn: Connection) -> None:
        self._refused.discard(conn.peer)
        self._open[conn.peer] -= 1
        if self._open[conn.peer] <= 0:
            del self._open[conn.peer]


def _read(client: socket.socket) -> bytes | None:
    """Read what is there; None if nothing is, and nothing at all if the other side has closed."""
    try:
        return client.recv(READ_BYTES)
    except (BlockingIOError, InterruptedError):
        return None
    except OSError:
        return b""
