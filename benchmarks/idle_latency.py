"""Measures a caller's wait at an idle service beyond the paint: from submission to the bytes.

Run from the repository's root: `python -m benchmarks.idle_latency [JOBS]`. It starts a deployment
and sends a photo of 512 x 512 with a hole to `patch`, one request after the other, each answered
with the picture itself. The goal is a median of 35 ms beyond the paint, on a quiet machine.
"""

from __future__ import annotations

import statistics
import sys
import time

import httpx2

from benchmarks.job_cost import build_pictures
from tests.support.deployment import running_up

WARM_UP = 10
PAUSE_SECONDS = 0.15
"""Between two requests, so that each one meets an idle service."""


def main() -> None:
    """Measure and print."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with running_up(OMP_WAIT_POLICY="passive") as up, httpx2.Client(base_url=up.url) as client:
        picture, mask = build_pictures(512)
        pairs = [measure(client, picture, mask) for _ in range(WARM_UP + jobs)][WARM_UP:]
    beyond = sorted(total - paint for total, paint in pairs)
    print(f"paint: median {statistics.median(paint for _, paint in pairs):.0f} ms")
    late = beyond[int(0.95 * len(beyond))]
    print(f"beyond it: median {statistics.median(beyond):.0f} ms, 95th percentile {late:.0f} ms")


def measure(client: httpx2.Client, picture: bytes, mask: bytes) -> tuple[float, float]:
    """Return the milliseconds from the submission to the picture, and those of the paint."""
    headers = {"Prefer": "wait=30", "Accept": "image/png"}
    files = {"image": picture, "mask": mask}
    started = time.perf_counter()
    answer = client.post(
        "/inpaint", files=files, data={"method": "patch"}, headers=headers, timeout=60
    )
    total = time.perf_counter() - started
    answer.raise_for_status()
    job = client.get(f"/jobs/{answer.headers['X-Job-ID']}").json()
    time.sleep(PAUSE_SECONDS)
    return total * 1000, job["timings"]["paint_seconds"] * 1000


if __name__ == "__main__":
    main()
