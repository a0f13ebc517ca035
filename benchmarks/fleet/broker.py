"""What one broker carries: claims, renewals, polls and whole jobs a second, by simulated workers.

Run from the repository's root: `python -m benchmarks.fleet.broker [WORKERS] [SECONDS]`. It starts a
broker of its own and processes that make the calls of many workers, with the code that workers
use. Rates are of the machine, which the callers share; the time that the broker itself takes for
a call, by its own count, says what one core of it carries.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

from service.contract.jobs import Recipe, Timings
from service.contract.names import CPU_QUEUE
from service.store import JobStore, connect, make_started
from service.store.claims import make_progress
from tests.support.broker import running_broker
from tests.support.records import LIMITS, PROGRESS, make_output, make_spec

PROCESSES = 2
TENANTS = 10

Call = Callable[[JobStore, str], int]
"""What one worker does in its turn; returns how many things it did."""


def make_claimed(store: JobStore, worker: str) -> int:
    """Claim a job, report on it, and commit it with the next claim, as a worker does."""
    token = f"{worker}-{time.monotonic_ns()}"
    claimed = store.claims.take(CPU_QUEUE, worker=worker, claim_id=token)
    for job in claimed:
        started = store.claims.call_report(job.job_id, token, [make_started(1)])
        store.claims.make_all([started])
        painted = store.claims.call_report(job.job_id, token, [make_progress(2, PROGRESS)])
        store.claims.make_all([painted])
        output = make_output(job.job_id, token)
        ended = store.claims.call_succeeded(
            job.job_id, token, outputs=[output], recipe=Recipe(engine="none"), timings=Timings()
        )
        store.claims.make_all([ended])
    return len(claimed)


def submit(store: JobStore, worker: str) -> int:
    """Submit a job, as the API does."""
    spec = make_spec(tenant=f"tenant{int(worker.rpartition('-')[2]) % TENANTS}")
    store.jobs.begin_upload(spec.job_id)
    store.jobs.submit(
        spec,
        start_within_seconds=None,
        finish_within_seconds=3600,
        ttl_seconds=3600,
        limits=LIMITS,
    )
    return 1


_held: dict[str, tuple[str, str]] = {}


def renew(store: JobStore, worker: str) -> int:
    """Renew the lease of the worker's one job, claimed at its first turn."""
    if worker not in _held:
        token = f"held-{worker}"
        (job,) = store.claims.take(CPU_QUEUE, worker=worker, claim_id=token)
        _held[worker] = (job.job_id, token)
    assert store.claims.renew([_held[worker]]) == ["ok"]  # noqa: S101 - a benchmark that is wrong
    return 1


def poll(store: JobStore, worker: str) -> int:
    """Claim from a queue that is empty."""
    token = f"{worker}-{time.monotonic_ns()}"
    assert not store.claims.take("paint-empty", worker=worker, claim_id=token)  # noqa: S101
    return 1


def announce(store: JobStore, worker: str) -> int:
    """Announce the worker."""
    methods = [("inpaint", "patch"), ("outpaint", "patch")]
    store.presence.announce(worker, CPU_QUEUE, methods=methods, models=[], state="idle")
    return 1


@dataclass(frozen=True)
class Rate:
    """What was done, and what it took of the broker.

    Attributes:
        a_second: by all workers together.
        commands: that clients sent, for each.
        broker_seconds: of the broker's processor time, for each.
    """

    a_second: float
    commands: float
    broker_seconds: float


def measure(url: str, call: Call, workers: int, seconds: float) -> Rate:
    """Have the workers take turns for a while, in several processes."""
    store = connect(url)
    before = _read_broker(store)
    context = multiprocessing.get_context("spawn")
    shares = [range(first, workers, PROCESSES) for first in range(PROCESSES)]
    with context.Pool(PROCESSES) as pool:
        found = pool.map(partial(_take_turns, url, call, seconds), shares)
    after = _read_broker(store)
    store.redis.close()
    done = sum(count for count, _ in found)
    spent, sent = (later - earlier for later, earlier in zip(after, before, strict=True))
    return Rate(done / max(took for _, took in found), sent / done, spent / done)


def _take_turns(url: str, call: Call, seconds: float, workers: range) -> tuple[int, float]:
    store, done, started = connect(url), 0, time.monotonic()
    for turn in count():
        made = call(store, f"worker-{workers[turn % len(workers)]}")
        done += made
        if time.monotonic() - started >= seconds or not made:
            break
    took = time.monotonic() - started
    store.redis.close()
    return done, took


def _read_broker(store: JobStore) -> tuple[float, int]:
    """Return the broker's processor time, and how many commands clients have sent it."""
    info: dict[str, Any] = store.redis.info()
    stats: dict[str, Any] = store.redis.info("commandstats")
    # What a script calls is counted too; only what came from outside is wanted.
    sent = sum(stats.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("evalsha", "eval"))
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"]), int(sent)


def iter_rates(workers: int, seconds: float) -> Iterator[tuple[str, Rate]]:
    """Yield each kind of call with its rate."""
    with running_broker() as broker:
        yield "submissions", measure(broker.url, submit, workers, seconds)
        yield "jobs, claim to commit", measure(broker.url, make_claimed, workers, seconds)
        measure(broker.url, submit, workers, max(1.0, seconds / 4))
        yield "renewals", measure(broker.url, renew, workers, seconds)
        yield "polls of an empty queue", measure(broker.url, poll, workers, seconds)
        yield "announcements", measure(broker.url, announce, workers, seconds)


def main(workers: int, seconds: float) -> None:
    """Measure and print a table."""
    print(f"{workers} workers in {PROCESSES} processes, {seconds:g} s each\n")
    print("| call | a second | scripts each | broker ms each | one core of the broker |")
    print("|---|---|---|---|---|")
    for name, rate in iter_rates(workers, seconds):
        core = 1 / rate.broker_seconds
        print(
            f"| {name} | {rate.a_second:,.0f} | {rate.commands:.1f} | "
            f"{rate.broker_seconds * 1000:.3f} | {core:,.0f} a second |"
        )


if __name__ == "__main__":
    given = sys.argv[1:]
    main(int(given[0]) if given else 200, float(given[1]) if len(given) > 1 else 10.0)
