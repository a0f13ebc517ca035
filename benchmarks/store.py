"""How many calls a second the job store answers one client, with a broker beside it.

Run from the repository's root: `python -m benchmarks.store [CALLS]`. It starts a broker of its own
and prints a table: calls a second, and the time of a call at the median and the 99th percentile.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial

from service.contract.jobs import JobSpec
from service.contract.names import CPU_QUEUE
from service.store import JobStore, connect
from tests.support.broker import running_broker
from tests.support.records import LIMITS, PROGRESS, make_spec, succeed

TENANTS = 10


def main(calls: int) -> None:
    """Measure and print."""
    with running_broker() as broker:
        store = connect(broker.url)
        print(f"{'call':<18}{'per second':>12}{'median ms':>12}{'p99 ms':>10}")
        measure_life(store, calls)
        measure_upkeep(store, calls)
        store.redis.close()


def measure_life(store: JobStore, calls: int) -> None:
    """Take as many jobs from submission to their end, one kind of call after the other."""
    specs = [make_spec(tenant=f"tenant{number % TENANTS}") for number in range(calls)]
    rows = [(spec.job_id, spec.tenant) for spec in specs]
    measure("begin_upload", (partial(store.jobs.begin_upload, job_id) for job_id, _ in rows))
    measure("submit", (partial(_submit, store, spec) for spec in specs))
    measure("load (waiting)", (partial(store.jobs.load, *row) for row in rows))
    claimed: list[tuple[str, str]] = []
    measure("claim", (partial(_claim, store, number, claimed) for number in range(calls)))
    measure("report_started", (partial(store.claims.report_started, *row, 1) for row in claimed))
    measure(
        "report_progress",
        (partial(store.claims.report_progress, *row, 2, PROGRESS) for row in claimed),
    )
    measure("renew", (partial(store.claims.renew, [row]) for row in claimed))
    measure("finish_succeeded", (partial(succeed, store, *row) for row in claimed))
    measure("load (finished)", (partial(store.jobs.load, *row) for row in rows))
    measure("delete", (partial(store.jobs.delete, *row) for row in rows))


def measure_upkeep(store: JobStore, calls: int) -> None:
    """Measure what runs every second: a pass of the reaper, a claim of an empty queue."""
    measure("reap", (partial(store.reaper.reap, min_gap_seconds=0) for _ in range(calls)))
    measure("claim (empty)", (partial(_claim, store, -number, []) for number in range(calls)))


def measure(name: str, calls: Iterable[Callable[[], object]]) -> None:
    """Make the calls and print a line."""
    seconds = []
    for call in calls:
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    median, worst = statistics.median(seconds), sorted(seconds)[len(seconds) * 99 // 100]
    rate = len(seconds) / sum(seconds)
    print(f"{name:<18}{rate:>12,.0f}{median * 1000:>12.2f}{worst * 1000:>10.2f}")


def _submit(store: JobStore, spec: JobSpec) -> None:
    store.jobs.submit(
        spec,
        start_within_seconds=None,
        finish_within_seconds=3600,
        ttl_seconds=3600,
        limits=LIMITS,
    )


def _claim(store: JobStore, number: int, claimed: list[tuple[str, str]]) -> None:
    token = f"claim{number}"
    rows = store.claims.take(CPU_QUEUE, worker="benchmark", claim_id=token)
    claimed += [(row.job_id, token) for row in rows]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
