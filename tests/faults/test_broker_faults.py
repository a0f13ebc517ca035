"""A broker that pauses, crashes, is full, loses its tail or changes roles, while jobs run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from service.contract.jobs import JobStatus
from service.local.broker import EmbeddedBroker
from tests.support.patience import wait_for
from tests.support.settled import check_settled
from tests.support.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("private_broker", "short_lease")]


@contextmanager
def _stopped(pid: int | None) -> Iterator[None]:
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_no_claim_is_reaped_after_a_pause_longer_than_leases(
    stack: Stack, private_broker: EmbeddedBroker
) -> None:
    stack.start_worker()
    stack.start("service.courier")
    job_id = stack.submit("zoo:slow:30:0.1")
    stack.wait_painting(job_id)
    with _stopped(private_broker.pid):
        time.sleep(3 * stack.lease_seconds)
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert (record.attempt, record.crashes) == (1, 0)
    check_settled(stack, [job_id])


def test_same_attempt_commits_after_the_broker_was_away(
    stack: Stack, private_broker: EmbeddedBroker
) -> None:
    stack.start_worker()
    job_id = stack.submit("zoo:slow:10:0.1")
    stack.wait_painting(job_id)
    private_broker.kill()
    # The job is painted meanwhile; its commit waits.
    time.sleep(2 * stack.lease_seconds)
    private_broker.start()
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert (record.attempt, record.crashes) == (1, 0)
    check_settled(stack, [job_id])


def test_running_job_commits_and_the_worker_lives_when_the_broker_is_full(stack: Stack) -> None:
    worker = stack.start_worker()
    job_id = stack.submit("zoo:slow:10:0.1")
    stack.wait_painting(job_id)
    client = redis.Redis.from_url(stack.broker_url)
    client.config_set("maxmemory", "1")
    try:
        wait_for(lambda: len(list(stack.blobs.list(f"jobs/{job_id}/"))) > 3, stack.logs)
        time.sleep(stack.lease_seconds)
        assert worker.poll() is None, stack.logs()
    finally:
        client.config_set("maxmemory", "0")
        client.close()
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    check_settled(stack, [job_id])


def test_broker_starts_with_a_torn_tail_and_knows_all_but_that(
    stack: Stack, private_broker: EmbeddedBroker
) -> None:
    first = stack.submit(notify=False)
    private_broker.kill()
    [log] = Path(private_broker.url.removeprefix("unix://")).parent.glob("appendonlydir/*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$5\r\nhal")
    private_broker.start()
    stack.start_worker()
    stack.start("service.courier")
    assert stack.wait_ended(first).status is JobStatus.SUCCEEDED, stack.logs()
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    check_settled(stack, [first])


def test_jobs_go_on_after_the_broker_was_a_replica_for_a_while(stack: Stack) -> None:
    # What a failover looks like to a client that stays connected: READONLY, and then not any more.
    stack.start_worker()
    job_id = stack.submit("zoo:slow:20:0.1")
    stack.wait_painting(job_id)
    client = redis.Redis.from_url(stack.broker_url)
    client.config_set("replica-serve-stale-data", "yes")
    client.replicaof("127.0.0.1", "1")
    try:
        time.sleep(2 * stack.lease_seconds)
    finally:
        client.replicaof("NO", "ONE")
        client.close()
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert (record.attempt, record.crashes) == (1, 0)
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    check_settled(stack, [job_id])
