"""The courier's rounds, on a real broker and a real folder."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from redis import Redis

from service.contract.errors import StoreUnavailable
from service.contract.names import (
    CPU_QUEUE,
    DEFAULT_NAMESPACE,
    input_path,
    job_prefix,
    new_job_id,
    rq_list,
)
from service.courier.main import round_once, run
from service.courier.wiping import wipe_due
from service.store import JobStore, connect
from service.store.blobs import BlobStore
from service.store.wakeups import Wakeups
from service.telemetry.pulse import Pulse
from tests.support.stack import Stack

WIPE = f"{DEFAULT_NAMESPACE}:wipe"


@pytest.fixture
def store(broker_url: str) -> JobStore:
    return connect(broker_url, lease_seconds=1.0)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore.open((tmp_path / "blobs").as_uri())


def _abandoned_upload(store: JobStore, blobs: BlobStore) -> str:
    job_id = new_job_id()
    store.jobs.begin_upload(job_id)
    blobs.put(input_path(job_id, "image"), b"picture")
    store.jobs.abandon_upload(job_id)
    return job_id


def test_wipe_due_deletes_what_never_became_a_job(store: JobStore, blobs: BlobStore) -> None:
    job_id = _abandoned_upload(store, blobs)
    assert wipe_due(store, blobs) == 1
    assert blobs.list(job_prefix(job_id)) == []
    assert wipe_due(store, blobs) == 0


def test_wipe_due_leaves_an_upload_under_way(store: JobStore, blobs: BlobStore) -> None:
    job_id = new_job_id()
    store.jobs.begin_upload(job_id)
    blobs.put(input_path(job_id, "image"), b"picture")
    assert wipe_due(store, blobs) == 0
    assert blobs.list(job_prefix(job_id)) == [input_path(job_id, "image")]


def test_wipe_due_puts_off_what_cannot_be_deleted(
    store: JobStore, blobs: BlobStore, tmp_path: Path, redis_client: Redis
) -> None:
    job_id = _abandoned_upload(store, blobs)
    (tmp_path / "blobs").rename(tmp_path / "away")
    (tmp_path / "blobs").write_text("no folder")
    with pytest.raises(StoreUnavailable):
        wipe_due(store, blobs)
    assert wipe_due(store, blobs) == 0
    assert redis_client.zcard(WIPE) == 1
    (tmp_path / "blobs").unlink()
    (tmp_path / "away").rename(tmp_path / "blobs")
    redis_client.zadd(WIPE, {f"{job_id}#now": 0})
    assert wipe_due(store, blobs) == 1
    assert blobs.list(job_prefix(job_id)) == []


def test_round_notifies_for_jobs_without_a_wakeup(
    broker_url: str, tmp_path: Path, redis_client: Redis
) -> None:
    stack = Stack(broker_url, tmp_path)
    stack.submit(notify=False)
    stop = threading.Event()
    store = stack.store
    wakeups, alive = Wakeups(store.redis, store.namespace), tmp_path / "alive"
    arguments = (store, wakeups, stack.blobs, stop, 0.2, Pulse(alive))
    courier = threading.Thread(target=run, args=arguments)
    courier.start()
    try:
        found = redis_client.blpop([rq_list(DEFAULT_NAMESPACE, CPU_QUEUE)], timeout=5)
    finally:
        stop.set()
        courier.join()
    assert found is not None
    assert alive.exists()


def test_round_goes_on_when_the_store_is_away(
    store: JobStore, blobs: BlobStore, tmp_path: Path
) -> None:
    _abandoned_upload(store, blobs)
    shutil.rmtree(tmp_path / "blobs")
    (tmp_path / "blobs").write_text("no folder")
    wakeups = Wakeups(store.redis, store.namespace)
    with pytest.raises(StoreUnavailable):
        round_once(store, wakeups, blobs)
    round_once(store, wakeups, blobs)
