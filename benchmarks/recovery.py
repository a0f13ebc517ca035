"""Measure how soon a job goes on after a kill: of its horse, of its worker, of the broker.

Run from the repository's root: `python -m benchmarks.recovery`. A real broker, two workers and a
courier run with the settings' defaults; the engine does nothing, so that no load of a model counts.
Goals: horse 2 s, worker one lease and 2 s, commit 3 s after the broker is back.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from service.contract.jobs import JobStatus
from service.local.broker import EmbeddedBroker
from tests.support.broker import running_broker
from tests.support.patience import wait_for
from tests.support.stack import Stack, find_horse, running_stack

ROUNDS = 3
OUTAGE_SECONDS = 60.0


def main() -> None:
    """Run all measurements and print one line for each."""
    horses, workers = [], []
    for _ in range(ROUNDS):
        with _running_stack() as (stack, _):
            horses.append(_kill_horse(stack))
            workers.append(_kill_worker(stack))
    _report("horse killed, painting again", horses)
    _report("worker killed, painting at another", workers)
    with _running_stack() as (stack, broker):
        _report("broker back, same attempt committed", [_commit_after_outage(stack, broker)])


@contextmanager
def _running_stack() -> Iterator[tuple[Stack, EmbeddedBroker]]:
    """Run two workers and a courier on a broker of their own."""
    with (
        TemporaryDirectory() as folder,
        running_broker() as broker,
        running_stack(broker.url, Path(folder)) as stack,
    ):
        for _ in range(2):
            stack.start_worker()
        stack.start("service.courier")
        yield stack, broker


def _report(name: str, seconds: list[float]) -> None:
    median, worst = statistics.median(seconds), max(seconds)
    print(f"{name:48} median {median:.2f} s, worst {worst:.2f} s of {len(seconds)}", flush=True)


def _kill_horse(stack: Stack) -> float:
    job_id, worker = _begin(stack)
    os.kill(find_horse(worker), signal.SIGKILL)
    return _wait_for_next_attempt(stack, job_id)


def _kill_worker(stack: Stack) -> float:
    job_id, worker = _begin(stack)
    os.kill(worker, signal.SIGKILL)
    return _wait_for_next_attempt(stack, job_id)


def _commit_after_outage(stack: Stack, broker: EmbeddedBroker) -> float:
    job_id = stack.submit("zoo:slow:20:0.1")
    stack.wait_painting(job_id)
    broker.kill()
    time.sleep(OUTAGE_SECONDS)
    broker.start()
    started = time.monotonic()
    record = stack.wait_ended(job_id)
    if (record.status, record.attempt) != (JobStatus.SUCCEEDED, 1):
        raise RuntimeError(f"the job ended as {record.status} in attempt {record.attempt}")
    return time.monotonic() - started


def _begin(stack: Stack) -> tuple[str, int]:
    """Return a job that is being painted, and the process id of its worker, once all are ready."""
    for process in stack.processes[:2]:
        stack.wait_ready(process)
    (stack.directory / "released").unlink(missing_ok=True)
    job_id = stack.submit("zoo:until:released")
    name = stack.wait_painting(job_id).worker
    return job_id, int(str(name).rpartition("-")[2])


def _wait_for_next_attempt(stack: Stack, job_id: str) -> float:
    started = time.monotonic()

    def is_painting_again() -> bool:
        record = stack.record(job_id)
        return record.attempt == 2 and record.painting_at is not None

    wait_for(is_painting_again, stack.logs)
    taken = time.monotonic() - started
    stack.release()
    stack.wait_ended(job_id)
    return taken


if __name__ == "__main__":
    main()
