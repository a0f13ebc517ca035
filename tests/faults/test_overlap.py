"""A job is painted while the pictures of the one before it are still being written."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from service.contract.jobs import JobStatus
from tests.support.settled import check_settled
from tests.support.stack import Stack, find_horse

pytestmark = pytest.mark.slow


def _hold_output(stack: Stack, job_id: str) -> Path:
    """Keep a job's output from being written until the folder that has its name is gone."""
    token = stack.wait_painting(job_id).token or ""
    blocker = stack.directory / "blobs" / "jobs" / job_id / token / "0.png"
    blocker.mkdir(parents=True)
    return blocker


def test_next_job_is_painted_while_the_last_one_is_written(stack: Stack) -> None:
    stack.start_worker()
    first = stack.submit("zoo:until:painted")
    blocker = _hold_output(stack, first)
    second = stack.submit()
    stack.release("painted")
    stack.wait_painting(second)
    assert stack.record(first).status is JobStatus.RUNNING, stack.logs()
    blocker.rmdir()
    for job_id in (first, second):
        record = stack.wait_ended(job_id)
        assert record.status is JobStatus.SUCCEEDED, stack.logs()
        assert record.attempt == 1
    check_settled(stack, [first, second])


def test_nobody_is_blamed_for_a_death_with_two_jobs_in_work_and_each_comes_alone(
    stack: Stack,
) -> None:
    worker = stack.start_worker()
    first = stack.submit("zoo:until:painted")
    blocker = _hold_output(stack, first)
    second = stack.submit("zoo:until:released")
    stack.release("painted")
    stack.wait_painting(second)
    blocker.rmdir()
    os.kill(find_horse(worker.pid), signal.SIGKILL)
    stack.release()
    for job_id in (first, second):
        record = stack.wait_ended(job_id)
        assert record.status is JobStatus.SUCCEEDED, stack.logs()
        assert record.crashes == 0


def test_cancel_of_a_job_that_is_written_leaves_the_next_one_alone(stack: Stack) -> None:
    worker = stack.start_worker(abort_grace_seconds="0.2")
    horse = find_horse(worker.pid)
    first = stack.submit("zoo:until:painted")
    blocker = _hold_output(stack, first)
    second = stack.submit("zoo:until:released")
    stack.release("painted")
    stack.wait_painting(second)
    stack.store.jobs.cancel(first, "default")
    assert stack.wait_ended(first).status is JobStatus.CANCELED
    blocker.rmdir()
    stack.release()
    assert stack.wait_ended(second).status is JobStatus.SUCCEEDED, stack.logs()
    assert find_horse(worker.pid) == horse
