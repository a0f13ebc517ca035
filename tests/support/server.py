"""The API as it is deployed: gunicorn in processes of its own, on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.support.patience import PATIENCE_SECONDS, wait_for

ROOT = Path(__file__).parents[2]


@dataclass
class RunningServer:
    """A running API.

    Attributes:
        process: gunicorn's arbiter.
        port: where it listens on the loopback interface.
        log: what it has written to standard error.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running_server(broker_url: str, directory: Path, **settings: str) -> Iterator[RunningServer]:
    """Run the API until the block ends.

    Args:
        broker_url: a real broker.
        directory: for blobs and the log.
        settings: further environment.
    """
    port = int(settings.get("PAINTJOB_PORT", "0")) or _find_free_port()
    environ = {
        **os.environ,
        "PAINTJOB_REDIS_URL": broker_url,
        "PAINTJOB_DATA_DIR": str(directory / "data"),
        "PAINTJOB_PORT": str(port),
        "PAINTJOB_QUEUE_LIMIT": "1000000",
        "PAINTJOB_TENANT_JOB_LIMIT": "1000000",
        **settings,
    }
    command = [sys.executable, "-m", "gunicorn", "--config", "python:service.api.gunicorn_conf"]
    log = directory / "server.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "service.api.wsgi:app"], env=environ, cwd=ROOT, stderr=file
        )
    server = RunningServer(process, port, log)
    try:
        _wait_until_ready(server)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: RunningServer) -> None:
    # Alive, not ready: a service that refuses every job is tested too.
    def is_ready() -> bool:
        assert server.process.poll() is None, server.log.read_text()
        try:
            return httpx2.get(f"{server.url}/health/live", timeout=PATIENCE_SECONDS).is_success
        except httpx2.TransportError:
            return False

    wait_for(is_ready, server.log.read_text)
