"""Kills at the moments between the steps of a job, wrong clocks, and horses that go mad."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from service.contract.jobs import JobStatus
from service.local.broker import EmbeddedBroker
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.settled import check_settled
from tests.support.stack import Stack, find_horse

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_lease")]


def test_worker_killed_between_claim_and_start_costs_no_attempt(stack: Stack) -> None:
    options = {"engines": "tests.support.engines:build_slow_loaders", "model_memory_bytes": "1"}
    first = stack.start_worker(**options)
    stack.start("service.courier")
    job_id = stack.submit(method="generate", model="slow")
    wait_for(lambda: stack.record(job_id).status is JobStatus.RUNNING, stack.logs)
    assert stack.record(job_id).painting_at is None
    first.kill()
    first.wait()
    stack.start_worker(**options)
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert record.crashes == 0
    check_settled(stack, [job_id])


def test_worker_killed_after_the_blobs_and_before_the_commit_leaves_one_result(
    stack: Stack, private_broker: EmbeddedBroker
) -> None:
    first = stack.start_worker()
    stack.start("service.courier")
    job_id = stack.submit("zoo:slow:5:0.1")
    token = stack.wait_painting(job_id).token
    assert private_broker.pid is not None
    # Without a broker there is no commit: the output is there, and nobody knows it.
    os.kill(private_broker.pid, signal.SIGSTOP)
    try:
        output = f"jobs/{job_id}/{token}/0.png"
        wait_for(lambda: output in stack.blobs.list(f"jobs/{job_id}/"), stack.logs)
        first.kill()
        first.wait()
    finally:
        os.kill(private_broker.pid, signal.SIGCONT)
    stack.start_worker()
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert record.token != token
    check_settled(stack, [job_id])


@pytest.mark.parametrize("hours", [-1, 1])
def test_worker_with_a_wrong_clock_neither_reaps_early_nor_loses_its_lease(
    stack: Stack, tmp_path: Path, hours: int
) -> None:
    # Leases count by the broker's clock alone. The module is imported at the start of every Python.
    site = tmp_path / "wrong-clock"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import time\n"
        "_right, _right_ns = time.time, time.time_ns\n"
        f"time.time = lambda: _right() + {3600 * hours}\n"
        f"time.time_ns = lambda: _right_ns() + {3600 * hours} * 10**9\n"
    )
    right = stack.start_worker()
    job_id = stack.submit("zoo:slow:30:0.1")
    name = stack.wait_painting(job_id).worker
    assert str(name).endswith(f"-{right.pid}")
    path = os.pathsep.join([str(site), str(Path(__file__).parents[2])])
    stack.environ["PYTHONPATH"] = path
    stack.start_worker()
    stack.start("service.courier")
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert (record.attempt, record.crashes) == (1, 0)
    right.terminate()
    right.wait(PATIENCE_SECONDS)
    other = stack.submit("zoo:slow:20:0.1")
    ended = stack.wait_ended(other)
    assert (ended.status, ended.attempt) == (JobStatus.SUCCEEDED, 1), stack.logs()
    check_settled(stack, [job_id, other])


def test_segfault_counts_as_a_crash_and_the_worker_lives(stack: Stack) -> None:
    worker = stack.start_worker()
    job_id = stack.submit("zoo:segfault")
    record = stack.wait_ended(job_id)
    assert record.error is not None
    assert (record.error.code, record.attempt) == ("worker_lost", 3)
    assert worker.poll() is None
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    check_settled(stack, [job_id])


def test_horse_that_holds_the_interpreter_is_killed_and_its_lease_kept_meanwhile(
    stack: Stack,
) -> None:
    # Nothing in the horse can run, not even a signal's handler: the parent alone acts.
    worker = stack.start_worker(step_hang_seconds=str(1.5 * stack.lease_seconds))
    job_id = stack.submit("zoo:hold_gil:60")
    record = stack.wait_ended(job_id)
    assert record.error is not None
    assert record.error.code == "hung"
    assert [attempt.outcome for attempt in record.attempts] == ["hung"] * 3
    assert worker.poll() is None
    check_settled(stack, [job_id])


def test_cancel_reaches_a_horse_that_holds_the_interpreter(stack: Stack) -> None:
    stack.start_worker(abort_grace_seconds="0.5")
    job_id = stack.submit("zoo:hold_gil:60")
    stack.wait_painting(job_id)
    stack.store.jobs.cancel(job_id, "default")
    assert stack.wait_ended(job_id).status is JobStatus.CANCELED
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    check_settled(stack, [job_id])


def test_output_that_floods_neither_blocks_nor_grows_the_worker(stack: Stack) -> None:
    worker = stack.start_worker()
    stack.wait_ended(stack.submit())
    before = psutil.Process(worker.pid).memory_info().rss
    job_id = stack.submit("zoo:flood:50")
    assert stack.wait_ended(job_id).status is JobStatus.SUCCEEDED
    assert psutil.Process(worker.pid).memory_info().rss < before * 1.1 + 8 * 2**20
    check_settled(stack, [job_id])


def test_horse_without_file_descriptors_fails_or_dies_and_is_replaced(stack: Stack) -> None:
    worker = stack.start_worker()
    horse = find_horse(worker.pid)
    soft, _ = psutil.Process(horse).rlimit(psutil.RLIMIT_NOFILE)
    psutil.Process(horse).rlimit(psutil.RLIMIT_NOFILE, (256, 256))
    assert soft >= 256
    job_id = stack.submit("zoo:leak_files:1000")
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.FAILED
    os.kill(find_horse(worker.pid), signal.SIGKILL)
    after = stack.wait_ended(stack.submit())
    assert after.status is JobStatus.SUCCEEDED, stack.logs()
    check_settled(stack, [job_id])


def test_job_that_takes_too_much_memory_fails_alone(stack: Stack) -> None:
    worker = stack.start_worker(child_memory_bytes=str(1024 * 2**20))
    horse = find_horse(worker.pid)
    record = stack.wait_ended(stack.submit("zoo:take_memory:4096"))
    assert record.error is not None
    assert record.error.code == "out_of_memory"
    assert find_horse(worker.pid) == horse
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED


def test_job_that_is_painted_for_too_long_fails_and_names_the_limit(stack: Stack) -> None:
    stack.start_worker(max_painting_seconds="0.5")
    job_id = stack.submit("zoo:slow:1000:0.1")
    record = stack.wait_ended(job_id)
    assert record.error is not None
    assert record.error.code == "deadline_exceeded"
    assert "0.5 s" in record.error.detail
    assert record.attempt == 1
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    check_settled(stack, [job_id])
