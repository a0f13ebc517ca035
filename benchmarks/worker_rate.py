"""How fast one worker gets through jobs that cost nothing to paint, and how soon it claims one.

Run from the repository's root: `python -m benchmarks.worker_rate [JOBS]`. It starts a broker and a
worker of its
own; the jobs are 64 x 64 pictures with an engine that only fills the hole, so the figures are what
the job
machinery costs: claim, read, decode, mask, encode, prove, write, commit.
"""

from __future__ import annotations

import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from service.contract.names import DEFAULT_NAMESPACE
from tests.support.broker import running_broker
from tests.support.stack import Stack, running_stack


def main(jobs: int) -> None:
    """Measure and print."""
    with (
        tempfile.TemporaryDirectory(prefix="pj-bench-") as folder,
        running_broker() as broker,
        running_stack(broker.url, Path(folder), lease_seconds=10.0) as stack,
    ):
        print(f"no-op jobs per second, one worker: {measure_rate(stack, jobs):.0f}")
        waits = measure_claims(stack, 100)
        print(
            f"wake-up to claim, idle queue: median {statistics.median(waits) * 1000:.1f} ms, "
            f"worst {max(waits) * 1000:.1f} ms over {len(waits)}"
        )


def measure_rate(stack: Stack, jobs: int) -> float:
    """Queue all jobs first, then start the worker's clock when it is ready."""
    worker = stack.start_worker()
    worker.send_signal(signal.SIGSTOP)
    job_ids = [stack.submit() for _ in range(jobs)]
    worker.send_signal(signal.SIGCONT)
    started = time.perf_counter()
    store, expiry = stack.store, f"{DEFAULT_NAMESPACE}:expiry"
    while store.redis.zcard(expiry) < len(job_ids):
        time.sleep(0.005)
    return jobs / (time.perf_counter() - started)


def measure_claims(stack: Stack, jobs: int) -> list[float]:
    """Seconds from the submission's record to its claim, by the broker's clock."""
    waits = []
    for _ in range(jobs):
        record = stack.wait_ended(stack.submit())
        if record.started_at is not None:
            waits.append((record.started_at - record.created_at).total_seconds())
    return waits


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
