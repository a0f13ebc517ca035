"""Every line of the log is JSON, whoever writes it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from service.telemetry.logs import hash_tenant

ROOT = Path(__file__).parents[4]

CODE = """
import logging, structlog, warnings
from service.telemetry.logs import configure_logging
configure_logging("INFO", "courier")
structlog.get_logger().info("wiped", prefix="p")
structlog.get_logger().debug("hidden")
logging.getLogger("rq").warning("one\\ntwo %s", "three")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("rq").exception("failed")
"""


def _run(code: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_libraries_log_in_the_same_form() -> None:
    own, library, crash = _run(CODE)
    assert {line["process"] for line in (own, library, crash)} == {"courier"}
    assert own["event"] == "wiped"
    assert library["message"] == "one\ntwo three"
    assert crash["level"] == "error"
    assert "ZeroDivisionError" in crash["exception"]
    assert own.keys() & library.keys() >= {"event", "level", "process", "timestamp"}


def test_tenants_are_told_apart_without_their_names() -> None:
    assert hash_tenant("acme") == hash_tenant("acme") != hash_tenant("other")
    assert "acme" not in hash_tenant("acme")
