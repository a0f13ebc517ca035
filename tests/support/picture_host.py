"""A host of pictures on this machine that answers, and misbehaves, as told."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.support.web_server import serving


@dataclass
class Served:
    """How a path is answered.

    Attributes:
        body: what is sent.
        declared: Content-Length; `None` for none, the connection then ends the body.
        pause_seconds: between any two bytes.
        hold: if any, the connection is ended only when this is set.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    declared: int | None = None
    pause_seconds: float = 0.0
    hold: threading.Event | None = None


@dataclass
class PictureHost:
    """What lies where, and who came for it.

    Attributes:
        paths: what is served.
        requests: path with query, and headers, of each that came.
        sent: bytes of bodies that went out.
        ended: how many requests are done with, answered in whole or not.
    """

    port: int = 0
    scheme: str = "http"
    paths: dict[str, Served] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sent: int = 0
    ended: int = 0

    def put(self, path: str, body: bytes, **changes: Any) -> None:
        """Serve a body, of its own length unless told otherwise."""
        self.paths[path] = Served(body, **{"declared": len(body), **changes})

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


@contextmanager
def running_picture_host(tls: ssl.SSLContext | None = None) -> Iterator[PictureHost]:
    """Run a host on a free port until the block ends."""
    host = PictureHost()
    host.scheme = "http" if tls is None else "https"
    with serving(_make_handler(host), tls) as port:
        host.port = port
        yield host


def _make_handler(host: PictureHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.requests.append((self.path, dict(self.headers.items())))
            try:
                self._answer()
            finally:
                host.ended += 1

        def _answer(self) -> None:
            served = host.paths.get(self.path.partition("?")[0], Served(status=404, declared=0))
            self.send_response(served.status)
            for name, value in served.headers.items():
                self.send_header(name, value)
            if served.declared is not None:
                self.send_header("Content-Length", str(served.declared))
            self.end_headers()
            step = 1 if served.pause_seconds else 64 * 1024
            for start in range(0, len(served.body), step):
                self.wfile.write(served.body[start : start + step])
                host.sent += len(served.body[start : start + step])
                time.sleep(served.pause_seconds)
            if served.hold is not None:
                served.hold.wait()

        def log_message(self, *args: Any) -> None:
            """Write nothing."""

    return Handler
