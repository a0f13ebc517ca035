"""A blob store that is slow, refuses, is full, or has lost or changed an input."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from service.contract.jobs import JobStatus
from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE, input_path
from service.local.broker import EmbeddedBroker
from service.store.wakeups import Wakeups
from tests.support.object_store import (
    BUCKET,
    CREDENTIALS,
    Gateway,
    running_gateway,
    running_object_store,
)
from tests.support.patience import wait_for
from tests.support.settled import check_settled
from tests.support.stack import Stack, find_horse, running_stack

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("short_lease")]


def test_job_whose_input_is_gone_fails_by_name_and_the_next_is_painted(stack: Stack) -> None:
    stack.start_worker()
    job_id = stack.submit(notify=False)
    stack.blobs.delete(input_path(job_id, "image"))
    _notify(stack)
    record = stack.wait_ended(job_id)
    assert record.error is not None
    assert (record.error.code, record.attempt) == ("input_lost", 1)
    assert stack.wait_ended(stack.submit()).status is JobStatus.SUCCEEDED
    check_settled(stack, [job_id])


def test_job_whose_input_was_changed_fails_by_name(stack: Stack) -> None:
    stack.start_worker()
    job_id = stack.submit(notify=False)
    path = input_path(job_id, "mask")
    data = bytearray(stack.blobs.get(path))
    data[-20] ^= 1
    stack.blobs.put(path, bytes(data))
    _notify(stack)
    record = stack.wait_ended(job_id)
    assert record.error is not None
    assert record.error.code == "input_lost"
    check_settled(stack, [job_id])


def test_store_that_is_full_for_a_while_costs_no_job(stack: Stack) -> None:
    worker = stack.start_worker()
    stack.start("service.courier")
    horse = psutil.Process(find_horse(worker.pid))
    job_id = stack.submit("zoo:until:released")
    stack.wait_painting(job_id)
    before = horse.rlimit(psutil.RLIMIT_FSIZE)
    # Every write of a file fails, as on a full disk; the log's too.
    horse.rlimit(psutil.RLIMIT_FSIZE, (0, before[1]))
    stack.release()
    time.sleep(2 * stack.lease_seconds)
    assert stack.record(job_id).status is JobStatus.RUNNING
    horse.rlimit(psutil.RLIMIT_FSIZE, before)
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, stack.logs()
    assert record.attempt == 1
    stack.blobs.get_checked(record.outputs[0].path, record.outputs[0].sha256)
    check_settled(stack, [job_id])


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_object_store() as url, running_gateway(url) as opened:
        yield opened


@pytest.fixture
def remote(
    gateway: Gateway,
    private_broker: EmbeddedBroker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stack]:
    """A stack whose blobs lie in an object store behind the gateway."""
    environ = {**CREDENTIALS, "AWS_ENDPOINT_URL": gateway.url}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    blob_url = f"s3://{BUCKET}/deployment"
    with running_stack(
        private_broker.url,
        tmp_path,
        lease_seconds=2.0,
        blob_url=blob_url,
        environ={"PAINTJOB_BLOB_URL": blob_url},
    ) as running:
        yield running
    gateway.refuses = lambda method, path: False
    gateway.delay_seconds = 0.0


def test_object_store_that_refuses_writes_for_a_while_costs_no_job(
    remote: Stack, gateway: Gateway
) -> None:
    remote.start_worker()
    job_id = remote.submit("zoo:until:released")
    remote.wait_painting(job_id)
    gateway.refuses = lambda method, path: method in ("PUT", "POST")
    remote.release()
    wait_for(lambda: gateway.refused > 3, remote.logs)
    assert remote.record(job_id).status is JobStatus.RUNNING
    gateway.refuses = lambda method, path: False
    record = remote.wait_ended(job_id)
    assert record.status is JobStatus.SUCCEEDED, remote.logs()
    assert record.attempt == 1
    remote.blobs.get_checked(record.outputs[0].path, record.outputs[0].sha256)


def test_slow_object_store_costs_time_and_no_attempt(remote: Stack, gateway: Gateway) -> None:
    remote.start_worker()
    # Longer than a lease: it is renewed while the horse waits for the store.
    gateway.delay_seconds = 1.5 * remote.lease_seconds
    record = remote.wait_ended(remote.submit())
    assert record.status is JobStatus.SUCCEEDED, remote.logs()
    assert record.attempt == 1


def _notify(stack: Stack) -> None:
    Wakeups(stack.store.redis, DEFAULT_NAMESPACE).notify(CPU_QUEUE)
