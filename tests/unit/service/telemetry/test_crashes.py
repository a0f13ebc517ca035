"""Errors that are logged reach a receiver that speaks Sentry's protocol."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from service.telemetry import crashes, traces
from tests.support.web_server import serving

ROOT = Path(__file__).parents[4]

CODE = """
import sys, structlog
from service.telemetry import crashes, logs
logs.configure_logging("INFO", "worker")
crashes.start("worker", sys.argv[1], "7")
log = structlog.get_logger()
log.info("job_ended", job_id="job_1")
log.warning("horse_died")
def paint(prompt):
    raise ValueError("failed")
try:
    paint("a-most-secret-prompt")
except ValueError:
    log.exception("painting_failed", job_id="job_2", error_type="ValueError")
crashes.stop()
"""


def _make_handler(bodies: list[bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            bodies.append(body)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: Any) -> None:
            """Write nothing."""

    return Handler


def _events(bodies: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in (line for body in bodies for line in body.splitlines()):
        document = json.loads(line)
        if "message" in document:
            yield document


def test_errors_are_sent_as_they_are_logged() -> None:
    bodies: list[bytes] = []
    with serving(_make_handler(bodies), None) as port:
        dsn = f"http://key@127.0.0.1:{port}/1"
        subprocess.run([sys.executable, "-c", CODE, dsn], cwd=ROOT, check=True, capture_output=True)
    (event,) = _events(bodies)
    assert event["message"] == "painting_failed"
    assert event["release"] == "paintjob@7"
    assert event["tags"]["process"] == "worker"
    assert event["extra"]["job_id"] == "job_2"
    assert "Traceback" in event["extra"]["exception"]
    assert not any(b"a-most-secret-prompt" in body for body in bodies)


def test_address_that_cannot_work_is_refused() -> None:
    with pytest.raises(ValueError, match="PAINTJOB_SENTRY_DSN"):
        crashes.check("http://no-key-here/1")


def test_nothing_is_loaded_while_nothing_is_exported() -> None:
    code = (
        "import sys\n"
        "from service.telemetry import crashes, traces\n"
        "traces.start('api', '', 1.0, '1'); crashes.start('api', '', '1')\n"
        "with traces.span('a'), traces.part('b'): pass\n"
        "assert traces.get_context() == ''\n"
        "assert not {'opentelemetry', 'sentry_sdk', 'prometheus_client'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_block_outside_of_traces_passes_errors_on() -> None:
    with pytest.raises(KeyError), traces.span("a"):
        raise KeyError
