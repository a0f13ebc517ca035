"""A receiver of webhooks on this machine that verifies, notes and misbehaves as told."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from standardwebhooks import Webhook

from tests.support.web_server import serving

Answer = Callable[["Received"], int]


@dataclass(frozen=True)
class Received:
    """One webhook as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def job(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    def verify(self, secret: str) -> None:
        """Check it as a receiver does, with the library; raises if it is forged or old."""
        Webhook(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """What came, and how to answer it: a status, after whatever the function does before.

    Attributes:
        answer: chooses the status; 0 closes the connection without one.
        received: everything that came, whatever was answered.
        accepted: what was answered with 2xx.
    """

    answer: Answer = lambda received: 204
    received: list[Received] = field(default_factory=list)
    accepted: list[Received] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    scheme: str = "http"

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"


@contextmanager
def running_receiver(
    answer: Answer | None = None, *, tls: ssl.SSLContext | None = None
) -> Iterator[Receiver]:
    """Run a receiver on a free port until the block ends."""
    receiver = Receiver()
    if answer is not None:
        receiver.answer = answer
    receiver.scheme = "http" if tls is None else "https"
    with serving(_make_handler(receiver), tls) as port:
        receiver.port = port
        yield receiver


def _make_handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                # Whoever sent it was killed meanwhile.
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.path, headers, body, time.monotonic())
            receiver.received.append(received)
            status = receiver.answer(received)
            if not status:
                return
            if 200 <= status < 300:
                receiver.accepted.append(received)
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Write nothing."""

    return Handler
