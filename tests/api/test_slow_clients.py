"""Clients that are slow, silent or many, over real sockets: the others are served meanwhile."""

from __future__ import annotations

import http.client
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.support.http import build_app, finish_job, post_inpaint
from tests.support.server import RunningServer, running_server

pytestmark = pytest.mark.slow

HANG_SECONDS = 60
"""So long nothing may take that must happen at all; a loaded machine is slow."""

UNREAD = 60
"""Downloads that nobody reads."""

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPLOAD = (
    b"POST /inpaint HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 900000\r\n\r\n--x\r\n"
)


@contextmanager
def _serving(broker_url: str, folder: Path, **settings: str) -> Iterator[RunningServer]:
    given = {f"PAINTJOB_{name.upper()}": value for name, value in settings.items()}
    with running_server(broker_url, folder, **{"PAINTJOB_HTTP_WORKERS": "1", **given}) as server:
        yield server


def _connect(server: RunningServer, source: str = "127.0.0.1") -> socket.socket:
    place = ("127.0.0.1", server.port)
    return socket.create_connection(place, HANG_SECONDS, source_address=(source, 0))


def _ask(connection: socket.socket, request: bytes = LIVE) -> bytes:
    """Send a request, and read its response to the end, which is that of a JSON object."""
    connection.sendall(request)
    answer = b""
    while not answer.endswith(b"}") and (chunk := connection.recv(65_536)):
        answer += chunk
    return answer


def _drip_until_closed(connection: socket.socket) -> bytes:
    """Send a byte now and then until the other side ends; return what it answered."""
    connection.settimeout(0.05)
    deadline = time.monotonic() + HANG_SECONDS
    answer = b""
    while time.monotonic() < deadline:
        try:
            connection.sendall(b"x")
            answer += (chunk := connection.recv(65_536))
        except TimeoutError:
            continue
        except ConnectionError:
            return answer
        if not chunk:
            return answer
    raise AssertionError("a client that drips is never disconnected")


def test_heads_that_drip_hold_no_thread_and_end(broker_url: str, tmp_path: Path) -> None:
    settings = {"http_threads": "2", "client_head_seconds": "3"}
    with _serving(broker_url, tmp_path, **settings) as server, ExitStack() as stack:
        many = [stack.enter_context(_connect(server)) for _ in range(100)]
        for connection in many:
            connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        with _connect(server) as other:
            assert b"200 OK" in _ask(other)
        assert _drip_until_closed(many[0]) == b""
        # A connection that was kept is held to the same.
        with _connect(server) as kept:
            assert b"200 OK" in _ask(kept)
            assert _drip_until_closed(kept) == b""


def test_body_that_drips_is_cut_though_it_is_never_silent(broker_url: str, tmp_path: Path) -> None:
    settings = {"http_threads": "2", "client_silence_seconds": "2"}
    with _serving(broker_url, tmp_path, **settings) as server, _connect(server) as connection:
        connection.sendall(UPLOAD)
        assert _drip_until_closed(connection).startswith(b"HTTP/1.1 400")


def test_unread_response_frees_its_thread(broker_url: str, tmp_path: Path) -> None:
    settings = {"http_threads": "1", "client_silence_seconds": "2"}
    document = b"GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with _serving(broker_url, tmp_path, **settings) as server, _connect(server) as greedy:
        # More than all buffers on the way hold, and nothing of it is read.
        greedy.sendall(document * 100)
        with _connect(server, "127.0.0.2") as other:
            assert b"200 OK" in _ask(other)


def test_one_client_never_uses_all_threads(broker_url: str, tmp_path: Path) -> None:
    with _serving(broker_url, tmp_path, http_threads="4") as server, ExitStack() as stack:
        uploads = [stack.enter_context(_connect(server, "127.0.0.2")) for _ in range(6)]
        for connection in uploads:
            connection.sendall(UPLOAD)
        with _connect(server) as other:
            for _ in range(3):
                assert b"200 OK" in _ask(other)
        # Those that wait get their turn when one that was before them leaves.
        for connection in uploads:
            connection.shutdown(socket.SHUT_WR)
        assert [connection.recv(12) for connection in uploads] == [b"HTTP/1.1 400"] * 6


def test_connections_of_one_address_are_limited(broker_url: str, tmp_path: Path) -> None:
    with _serving(broker_url, tmp_path, client_connections="3") as server, ExitStack() as stack:
        # The server's own start has left connections that may still be counted.
        held = [stack.enter_context(_connect(server, "127.0.0.2")) for _ in range(3)]
        assert all(b"200 OK" in _ask(connection) for connection in held)
        with _connect(server, "127.0.0.2") as further:
            assert further.recv(1) == b""
        with _connect(server, "127.0.0.3") as other:
            assert b"200 OK" in _ask(other)
        held[0].close()
        _wait_for_room(server)


def _wait_for_room(server: RunningServer) -> None:
    """Connect again and again until a connection is served."""
    deadline = time.monotonic() + HANG_SECONDS
    while time.monotonic() < deadline:
        with _connect(server, "127.0.0.2") as connection:
            try:
                if b"200 OK" in _ask(connection):
                    return
            except ConnectionError:
                continue
    raise AssertionError("a closed connection still counts")


def test_trusted_proxy_is_not_counted_but_its_clients_share(
    broker_url: str, tmp_path: Path
) -> None:
    settings = {"client_connections": "1", "trusted_proxies": "127.0.0.2", "http_threads": "4"}
    forwarded = UPLOAD.replace(b"\r\n", b"\r\nX-Forwarded-For: 203.0.113.5\r\n", 1)
    with _serving(broker_url, tmp_path, **settings) as server, ExitStack() as stack:
        proxied = [stack.enter_context(_connect(server, "127.0.0.2")) for _ in range(6)]
        for connection in proxied[:5]:
            connection.sendall(forwarded)
        assert b"200 OK" in _ask(proxied[5])


@pytest.mark.parametrize(
    ("settings", "headers", "megabytes", "status"),
    [
        ({"auth": "keys"}, {"Content-Type": "multipart/form-data; boundary=x"}, 60, 401),
        ({}, {"Content-Type": "multipart/form-data; boundary=x"}, 90, 413),
        ({}, {"Content-Type": "text/plain"}, 60, 415),
        ({"store_reserve_bytes": str(10**18)}, {"Content-Type": "image/png"}, 60, 503),
    ],
)
def test_body_refused_early_gets_its_answer(
    broker_url: str,
    tmp_path: Path,
    settings: dict[str, str],
    headers: dict[str, str],
    megabytes: int,
    status: int,
) -> None:
    path = "/uploads" if status == 503 else "/inpaint"
    with _serving(broker_url, tmp_path, **settings) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANG_SECONDS)
        client.request("POST", path, bytes(megabytes * 2**20), headers)
        answer = client.getresponse()
        assert (answer.status, answer.read()[:1]) == (status, b"{")
        client.close()


def test_body_after_its_refusal_is_bounded(broker_url: str, tmp_path: Path) -> None:
    with _serving(broker_url, tmp_path, auth="keys") as server, _connect(server) as connection:
        connection.sendall(UPLOAD.replace(b"900000", b"9" * 12))
        assert connection.recv(12) == b"HTTP/1.1 401"
        sent = 0
        with pytest.raises(ConnectionError):
            while sent < 2**30:
                sent += connection.send(bytes(2**20))


def test_unread_downloads_hold_little_memory(broker_url: str, tmp_path: Path) -> None:
    with _serving(broker_url, tmp_path) as server, ExitStack() as stack:
        app = build_app(broker_url, tmp_path / "data")
        assert post_inpaint(app.test_client()).status_code == 202
        url = f"/jobs/{finish_job(app, os.urandom(24_000_000))}/result"
        request = f"GET {url} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        before = _memory(server)
        for _ in range(UNREAD):
            connection = stack.enter_context(_connect(server))
            connection.sendall(request)
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
        # Two MiB each. The kernel's own buffers are not the process's.
        assert _memory(server) - before < 2 * UNREAD


def _memory(server: RunningServer) -> float:
    (worker,) = psutil.Process(server.process.pid).children()
    return float(worker.memory_info().rss) / 2**20
