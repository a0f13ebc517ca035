"""Clients that send one picture again and again, each on a connection of its own."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

FIRST_PAUSE_SECONDS = 0.02
MAX_PAUSE_SECONDS = 0.32
TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Request:
    """What is sent.

    Attributes:
        path: of the URL.
        body: the same each time.
        headers: of the request.
        is_job: whether the answer is a job that may have to be waited for.
    """

    path: str
    body: bytes
    headers: Mapping[str, str]
    is_job: bool


@dataclass(frozen=True)
class Measured:
    """What came of a run.

    Attributes:
        seconds: that it took, the last answers included.
        latencies: seconds from request to picture, sorted.
    """

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return len(self.latencies) / self.seconds


def drive(port: int, request: Request, clients: int, seconds: float) -> Measured:
    """Keep so many clients busy for so long, in a process of their own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_drive, (port, request, clients, seconds))


def _drive(port: int, request: Request, clients: int, seconds: float) -> Measured:
    latencies: list[float] = []
    started = time.perf_counter()
    end = started + seconds

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        while time.perf_counter() < end:
            began = time.perf_counter()
            fetch(connection, request)
            latencies.append(time.perf_counter() - began)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Measured(time.perf_counter() - started, sorted(latencies))


def fetch(connection: http.client.HTTPConnection, request: Request) -> bytes:
    """Send a request; gives the bytes of the picture.

    Raises:
        RuntimeError: there is none.
    """
    kind, content = _ask(connection, "POST", request.path, request.body, request.headers)
    if not request.is_job or kind.startswith("image/"):
        return content
    job = json.loads(content)
    pause = FIRST_PAUSE_SECONDS
    while job["status"] in ("queued", "running"):
        time.sleep(pause)
        pause = min(2 * pause, MAX_PAUSE_SECONDS)
        job = json.loads(_ask(connection, "GET", job["links"]["self"])[1])
    if job["status"] != "succeeded":
        raise RuntimeError(f"a job ended {job['status']}: {job['error']}")
    return _ask(connection, "GET", job["links"]["result"])[1]


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> tuple[str, bytes]:
    connection.request(method, path, body, dict(headers or {}))
    answer = connection.getresponse()
    content = answer.read()
    if answer.status not in (200, 202):
        raise RuntimeError(f"{answer.status}: {content[:500]!r}")
    return answer.headers["Content-Type"], content
