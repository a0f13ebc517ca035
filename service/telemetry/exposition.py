"""Serves the metrics of a process on a port of its own, for Prometheus to read."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog

from service.telemetry.families import families_of
from service.telemetry.metrics import CONTENT_TYPE, Metrics, Reading

PATH = "/metrics"
CLIENT_SECONDS = 10.0

log = structlog.get_logger()


def open_port(host: str, port: int) -> socket.socket:
    """Open the socket that the metrics will be read from.

    Args:
        host: an address of this machine.
        port: 0 takes a free one.

    Raises:
        OSError: the address is not this machine's, or the port is taken.
    """
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address[:2], family=family)


def serve_process(host: str, port: int | None, process: str, readings: Sequence[Reading]) -> None:
    """Serve the metrics of a process, if it has a port for them.

    Args:
        host: as `open_port`.
        port: likewise; None serves nothing.
        process: whose families are served.
        readings: further samples, read at each request.

    Raises:
        OSError: as `open_port`.
    """
    if port is not None:
        serve(open_port(host, port), Metrics(families_of(process), readings).render)


def serve(listener: socket.socket, render: Callable[[], bytes]) -> None:
    """Answer `GET /metrics` on a socket, in a thread that ends with the process.

    Args:
        listener: an open socket; several processes may share one.
        render: returns the metrics in Prometheus' text format.
    """
    server = _Server(listener, _make_handler(render))
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    host, port = listener.getsockname()[:2]
    log.info("metrics_served", host=host, port=port)


class _Server(ThreadingHTTPServer):
    """A server on a socket that is open already."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        # Several processes wait on it: one that comes too late must not wait for the next client.
        listener.setblocking(False)
        self.socket = listener

    def get_request(self) -> tuple[socket.socket, object]:
        client, address = self.socket.accept()
        client.settimeout(CLIENT_SECONDS)
        return client, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a client that breaks off cost nothing, not even a line."""


def _make_handler(render: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] != PATH:
                self.send_error(HTTPStatus.NOT_FOUND, f"the metrics are at {PATH}")
                return
            text = render()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
            """Write nothing: it is asked every few seconds."""

    return Handler
