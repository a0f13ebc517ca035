"""A hub of models on this machine: one repository, as the Hub's own protocol serves it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


class Hub(ThreadingHTTPServer):
    """A hub with one repository at one commit.

    Attributes:
        fetched: names of the files whose bytes were sent.
    """

    def __init__(self, repository: str, commit: str, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repository, self.commit, self.files = repository, commit, files
        self.fetched: list[str] = []

    @property
    def url(self) -> str:
        """What HF_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.server_port}"

    def find_document(self, path: str) -> Any:
        """Return what the API answers under a path, `None` where it is a file's."""
        if path.startswith(f"/api/models/{self.repository}/tree/"):
            sizes = {name: len(data) for name, data in self.files.items()}
            return [
                {"type": "file", "path": name, "size": size, "oid": "0" * 40}
                for name, size in sizes.items()
            ]
        if path.startswith(f"/api/models/{self.repository}"):
            siblings = [{"rfilename": name} for name in self.files]
            names = {"id": self.repository, "modelId": self.repository}
            return {**names, "sha": self.commit, "siblings": siblings}
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        document = self.server.find_document(path)
        if document is not None:
            self._send(json.dumps(document).encode(), {})
            return
        name = path.removeprefix(f"/{self.server.repository}/resolve/{self.server.commit}/")
        data = self.server.files.get(name)
        if data is None:
            self._send(b"{}", {}, status=404)
            return
        if self.command == "GET":
            self.server.fetched.append(name)
        digest = hashlib.sha256(data).hexdigest()
        self._send(data, {"ETag": f'"{digest}"', "X-Repo-Commit": self.server.commit})

    def _send(self, body: bytes, headers: Mapping[str, str], status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextmanager
def running_hub(repository: str, commit: str, files: Mapping[str, bytes]) -> Iterator[Hub]:
    """Serve one repository at one commit until the block ends."""
    with Hub(repository, commit, files) as hub:
        thread = threading.Thread(target=hub.serve_forever, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()
