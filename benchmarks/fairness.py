"""How long a tenant's single job waits while another tenant has thousands of jobs in the queue.

Run from the repository's root: `python -m benchmarks.fairness [JOBS [WORKERS [SECONDS]]]`. It
starts a broker and workers of its own, queues 5,000 jobs of one tenant that take half a second
each, and hands in a single job of another, again and again, at odd moments. The goal: it starts
within (one job's time x workers) + 1 s, whatever is queued.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from service.contract.names import new_job_id
from tests.support.broker import running_broker
from tests.support.records import submit
from tests.support.stack import Stack, running_stack

TRIES = 20
MARGIN_SECONDS = 1.0
STEPS = 5


def main(jobs: int, workers: int, seconds: float) -> int:
    """Measure and print; gives 1 if the goal is missed."""
    with (
        tempfile.TemporaryDirectory(prefix="pj-bench-") as folder,
        running_broker() as broker,
        running_stack(broker.url, Path(folder), lease_seconds=10.0) as stack,
    ):
        tag = f"zoo:slow:{STEPS}:{seconds / STEPS}"
        queue_many(stack, tag, jobs)
        for _ in range(workers):
            stack.start_worker()
        waits = measure_waits(stack, tag, seconds)
    goal = seconds * workers + MARGIN_SECONDS
    print(
        f"{jobs} jobs of {seconds:g} s queued by one tenant, {workers} workers: a single job of "
        f"another starts after {statistics.median(waits):.2f} s (median of {len(waits)}), "
        f"{max(waits):.2f} s (worst); the goal is {goal:.2f} s"
    )
    return int(max(waits) > goal)


def queue_many(stack: Stack, tag: str, jobs: int) -> None:
    """Queue jobs of one tenant; they share their pictures, and the reaper sends their wake-ups."""
    store, shared = stack.store, stack.make_spec(tag, tenant="greedy")
    for _ in range(jobs):
        submit(store, shared.model_copy(update={"job_id": new_job_id()}))


def measure_waits(stack: Stack, tag: str, seconds: float) -> list[float]:
    """Seconds from acceptance to claim of single jobs, by the broker's clock."""
    dice, waits = random.Random(1), []
    for _ in range(TRIES):
        time.sleep(dice.uniform(0, seconds))
        record = stack.wait_ended(stack.submit(tag, tenant="late"), tenant="late")
        if record.started_at is None:
            raise RuntimeError(f"a job {record.status.value} before it started")
        waits.append((record.started_at - record.created_at).total_seconds())
    return waits


if __name__ == "__main__":
    given = sys.argv[1:]
    raise SystemExit(
        main(
            int(given[0]) if given else 5000,
            int(given[1]) if len(given) > 1 else 2,
            float(given[2]) if len(given) > 2 else 0.5,
        )
    )
