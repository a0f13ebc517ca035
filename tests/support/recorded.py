"""Requests as clients really sent them, to be sent again byte by byte.

`recorded.json` has them. Those of the packages openai and litellm, of curl and of Node's `fetch`
were recorded from their sockets; those of browsers' forms, of benchmarks (`vllm bench`, AIPerf) and
of callers of other servers are made by hand in their form. All pictures have 64 x 64 pixels.
"""

from __future__ import annotations

import json
import socket
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE_SECONDS

FILE = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Recorded:
    """One request, and its answer.

    Attributes:
        client: who sent it.
        headers: without `Host` and what concerns the connection.
        body: as sent, with the coding of its chunks.
        status: of the answer.
        names: the field that a refusal names; `None` for an answer without one.
    """

    client: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    names: str | None

    def send(self, port: int) -> tuple[int, bytes]:
        """Send it to a server on this machine; return status and body of the answer."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: localhost", "connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if "transfer-encoding" not in self.headers:
            lines.append(f"content-length: {len(self.body)}")
        head = "\r\n".join(lines).encode() + b"\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(head + self.body)
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        first, _, rest = answer.partition(b"\r\n")
        headers, _, body = rest.partition(b"\r\n\r\n")
        is_chunked = BytesParser().parsebytes(headers)["Transfer-Encoding"] == "chunked"
        return int(first.split()[1]), _join_chunks(body) if is_chunked else body


def load_recorded() -> list[Recorded]:
    """Return all recorded requests."""
    entries: list[dict[str, Any]] = json.loads(FILE.read_text())
    return [Recorded(**{**entry, "body": b64decode(entry["body"])}) for entry in entries]


def find_named(body: bytes) -> str | None:
    """Return the first field that a refusal names, in our format or in OpenAI's."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    if "error" in document and isinstance(document["error"], dict):
        param: str | None = document["error"].get("param")
        return param
    pointers = [fault["pointer"] for fault in document.get("errors", [])]
    return pointers[0] if pointers else None


def _join_chunks(body: bytes) -> bytes:
    joined = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        joined, body = joined + body[:length], body[length + 2 :]
    return joined
