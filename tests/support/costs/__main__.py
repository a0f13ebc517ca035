"""Measures requests: prints a line of JSON for each, with its status, CPU seconds and memory.

Usage: python -m tests.support.costs BROKER_URL FOLDER [PART OF A NAME]
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from flask.testing import FlaskClient

from service.serving.memory import bound_idle_memory
from tests.support.costs.figures import PLAIN, Cost
from tests.support.costs.requests import (
    REFERENCES,
    Request,
    build_large,
    build_reference,
    list_requests,
)
from tests.support.http import build_app

REFERENCE_BYTES = (10_000, 100_000, 1_000_000)
SMALL_PIXELS, LARGE_PIXELS = 64 * 64, 16_000_000


def main(broker_url: str, folder: Path, part: str = "") -> None:
    """Measure the plain requests, and all hostile ones whose names contain a text."""
    bound_idle_memory()
    limits = {"queue_limit": 10**6, "tenant_job_limit": 10**6}
    client = build_app(broker_url, folder, **limits).test_client()
    for path, kind in REFERENCES:
        for length in REFERENCE_BYTES:
            _measure_plain(client, path, kind, build_reference(path, kind, length), SMALL_PIXELS)
        if path != "/uploads":
            _measure_plain(client, path, kind, build_large(path, kind), LARGE_PIXELS)
    for name, request in list_requests().items():
        if part in name:
            _print(name, _measure(client, request, request.build()))


def _measure_plain(client: FlaskClient, path: str, kind: str, body: bytes, pixels: int) -> None:
    request = Request(path, kind, partial(bytes, body), pixels=pixels)
    runs = [_measure(client, request, body) for _ in range(4)]
    # The first one also loads what is loaded at first use.
    _print(PLAIN, min(runs[1:], key=lambda run: run.cpu_seconds))


def _measure(client: FlaskClient, request: Request, body: bytes) -> Cost:
    _trim()
    # Resets the peak.
    Path("/proc/self/clear_refs").write_text("5")
    before, began = _read_status("VmRSS"), time.process_time()
    answer = client.open(
        request.path,
        method=request.method,
        data=body,
        content_type=request.kind or None,
        headers=dict(request.headers),
    )
    answer.close()
    seconds = time.process_time() - began
    extra = _read_status("VmHWM") - before
    return Cost(request.route, answer.status_code, seconds, extra, len(body), request.pixels)


def _print(name: str, cost: Cost) -> None:
    sys.stdout.write(json.dumps({"name": name, **vars(cost)}) + "\n")
    sys.stdout.flush()


def _read_status(name: str) -> int:
    with Path("/proc/self/status").open() as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024


def _trim() -> None:
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
