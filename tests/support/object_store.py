"""An S3 server for tests, and a gateway before it that is slow or refuses as it is told."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

import httpx2

from tests.support.patience import wait_for
from tests.support.web_server import serving

BUCKET = "paintjob-test"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


@contextmanager
def running_object_store() -> Iterator[str]:
    """Run moto's server with an empty bucket until the block ends; yields its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: _makes_bucket(url))
        yield url
    finally:
        server.terminate()
        server.wait(10)


def _makes_bucket(url: str) -> bool:
    try:
        return httpx2.put(f"{url}/{BUCKET}").is_success
    except httpx2.TransportError:
        return False


@dataclass
class Gateway:
    """Forwards to an object store.

    Attributes:
        url: where it listens.
        refuses: whether it answers 503 to a request (method, path) instead.
        delay_seconds: how long it waits before it forwards.
        refused: how many requests it has refused.
    """

    url: str = ""
    refuses: Callable[[str, str], bool] = lambda method, path: False
    delay_seconds: float = 0.0
    refused: int = 0


@contextmanager
def running_gateway(upstream: str) -> Iterator[Gateway]:
    """Run a gateway on a free port until the block ends."""
    gateway = Gateway()
    client = httpx2.Client(base_url=upstream, timeout=60)
    with client, serving(_bind(gateway, client), None) as port:
        gateway.url = f"http://127.0.0.1:{port}"
        yield gateway


def _bind(gateway: Gateway, client: httpx2.Client) -> type[BaseHTTPRequestHandler]:
    return type("Forwarder", (_Forwarder,), {"gateway": gateway, "client": client})


_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "host", "date", "server"}


class _Forwarder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: Gateway
    client: httpx2.Client

    def do_GET(self) -> None:
        self._forward()

    def do_HEAD(self) -> None:
        self._forward()

    def do_PUT(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def do_DELETE(self) -> None:
        self._forward()

    def log_message(self, *arguments: object) -> None:
        """Write nothing."""

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.gateway.refuses(self.command, self.path):
            self.gateway.refused += 1
            self._answer(503, [], b"")
            return
        time.sleep(self.gateway.delay_seconds)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        answer = self.client.request(self.command, self.path, content=body, headers=headers)
        self._answer(answer.status_code, list(answer.headers.items()), answer.content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        is_head = self.command == "HEAD" and lengths
        self.send_header("Content-Length", lengths[0] if is_head else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
