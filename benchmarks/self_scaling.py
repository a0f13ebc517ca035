"""How much faster two workers paint with the built-in model than one, on two cores.

Run from the repository's root, on a machine that does nothing else:
`python -m benchmarks.self_scaling [JOBS] [SIDE]`. Each worker has one core and one thread. One
worker paints all jobs, then two of them, then one again, so that a machine that gets slower or
faster counts for neither. Goal: 1.7 times the jobs a second, with jobs of two seconds or more.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
import numpy as np

from service.contract.jobs import JobRecord
from tests.support.broker import running_broker
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.pictures import encode, make_rgb
from tests.support.server import RunningServer, running_server
from tests.support.stack import Stack, running_stack

GOAL, LEAST_SECONDS = 1.7, 2.0
QUEUE = "paint-gpu:self"
HOLE = 0.3
"""Share of the picture that is painted."""

ENVIRON = {
    "PAINTJOB_SELF_MODEL": "true",
    "PAINTJOB_ENGINES": "worker.engines.registry:build_engines",
    "PAINTJOB_TORCH_THREADS": "1",
    # One picture a call: otherwise the count of calls, not that of workers, is compared.
    "PAINTJOB_CALL_MEMORY_BYTES": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
}


def main(jobs: int, side: int) -> int:
    """Measure and print; return 1 if the goal is missed."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        print("this needs two cores")
        return 1
    with (
        tempfile.TemporaryDirectory(prefix="pj-bench-") as folder,
        running_broker() as broker,
        running_stack(broker.url, Path(folder) / "data", environ=ENVIRON) as stack,
    ):
        stack.directory.mkdir(parents=True)
        data = {"PAINTJOB_DATA_DIR": str(stack.directory), "PAINTJOB_SELF_MODEL": "true"}
        with running_server(broker.url, Path(folder), **data) as server:
            start_worker(stack, server, cores[0])
            first, seconds = measure(stack, server, jobs, side)
            second_worker = start_worker(stack, server, cores[1])
            both, _ = measure(stack, server, 2 * jobs, side)
            second_worker.send_signal(signal.SIGTERM)
            second_worker.wait(PATIENCE_SECONDS)
            last, _ = measure(stack, server, jobs, side)
    ratio = both / statistics.mean((first, last))
    print(f"a job of {side} x {side} takes {seconds:.1f} s (goal: {LEAST_SECONDS:g} or more)")
    print(f"jobs a second: one worker {first:.3f} and {last:.3f}, two workers {both:.3f}")
    print(f"two workers / one: {ratio:.2f} (goal {GOAL})")
    return 0 if ratio >= GOAL and seconds >= LEAST_SECONDS else 1


def start_worker(stack: Stack, server: RunningServer, core: int) -> subprocess.Popen[bytes]:
    """Start a worker that has one core, and have it paint once: it loads and compiles then."""
    cores = os.sched_getaffinity(0)
    # What is started inherits it, and counts its threads by it.
    os.sched_setaffinity(0, {core})
    try:
        process = stack.start_worker(queue=QUEUE)
    finally:
        os.sched_setaffinity(0, cores)
    workers = len(stack.store.presence.load_workers())
    for job_id in [submit(server, 256, number) for number in range(2 * workers)]:
        wait_ended(stack, job_id)
    return process


def measure(stack: Stack, server: RunningServer, jobs: int, side: int) -> tuple[float, float]:
    """Paint jobs; return how many a second, and the seconds of one, of those that painted."""
    ids = [submit(server, side, number) for number in range(jobs)]
    records = [wait_ended(stack, job_id) for job_id in ids]
    assert {record.status for record in records} == {"succeeded"}, stack.logs()  # noqa: S101
    began = min(_stamp(record, "started_at") for record in records)
    ended = max(_stamp(record, "finished_at") for record in records)
    painted = [record.timings.paint_seconds or 0.0 for record in records if record.timings]
    return jobs / (ended - began), statistics.median(painted)


def wait_ended(stack: Stack, job_id: str) -> JobRecord:
    """Wait for a job, however long it takes."""
    wait_for(lambda: stack.record(job_id).status.is_terminal, stack.logs, seconds=3600)
    return stack.record(job_id)


def submit(server: RunningServer, side: int, seed: int) -> str:
    """Submit a picture with a square hole; return the job's id."""
    hole = np.zeros((side, side), np.uint8)
    width = int(side * HOLE**0.5)
    start = (side - width) // 2
    hole[start : start + width, start : start + width] = 255
    files = {"image": encode(make_rgb("texture", side, side, seed)), "mask": encode(hole)}
    data = {"method": "generate", "model": "self", "seed": str(seed)}
    answer = httpx2.post(
        f"{server.url}/inpaint", files=files, data=data, timeout=PATIENCE_SECONDS
    ).raise_for_status()
    return str(answer.json()["id"])


def _stamp(record: JobRecord, name: str) -> float:
    return float(getattr(record, name).timestamp())


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(given + [8, 640][len(given) :])))
