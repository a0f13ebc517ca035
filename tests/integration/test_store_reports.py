"""Reports of a job while it is painted: progress, events, attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from service.contract.jobs import MaskEffective, Progress
from service.store import JobStore
from tests.support.records import (
    MASK,
    PROGRESS,
    claim,
    load,
    submit,
    succeed,
)
from tests.support.snapshots import take_snapshot

Bring = Callable[[JobStore], str]


def _running(store: JobStore) -> str:
    job_id = submit(store)
    claim(store)
    store.claims.report_started(job_id, "c1", 1)
    return job_id


def _requeued(store: JobStore) -> str:
    job_id = _running(store)
    store.claims.release(job_id, "c1", "drained")
    return job_id


def test_report_writes_what_the_horse_tells(store: JobStore) -> None:
    job_id = submit(store)
    claim(store)
    store.claims.report_mask(job_id, "c1", 1, MASK, "jobs/x/c1/mask.png")
    store.claims.report_started(job_id, "c1", 2)
    store.claims.report_progress(job_id, "c1", 3, PROGRESS)
    record = load(store, job_id)
    assert (record.mask_effective, record.mask_path) == (MASK, "jobs/x/c1/mask.png")
    assert record.progress == PROGRESS
    assert record.painting_at is not None
    kinds = [kind for kind, _ in take_snapshot(store.redis, store.namespace).events[job_id]]
    assert kinds == ["status", "status", "mask", "painting", "progress"]


def test_report_counts_once_when_repeated(store: JobStore) -> None:
    job_id = _running(store)
    for number in (2, 2, 1):
        store.claims.report_progress(job_id, "c1", number, PROGRESS)
    assert load(store, job_id).version == 4


def test_report_is_dropped_when_the_claim_was_lost(store: JobStore) -> None:
    job_id = _requeued(store)
    claim(store, "c2")
    store.claims.report_started(job_id, "c1", 2)
    store.claims.report_progress(job_id, "c1", 3, PROGRESS)
    record = load(store, job_id)
    assert (record.painting_at, record.progress) == (None, None)
    store.claims.report_started(job_id, "c2", 1)
    assert load(store, job_id).painting_at is not None


def test_release_forgets_what_the_lost_claim_had_told(store: JobStore) -> None:
    job_id = _running(store)
    store.claims.report_mask(job_id, "c1", 2, MASK, "jobs/x/c1/mask.png")
    store.claims.report_progress(job_id, "c1", 3, PROGRESS)
    store.claims.release(job_id, "c1", "drained")
    record = load(store, job_id)
    assert (record.progress, record.mask_effective, record.mask_path) == (None, None, None)
    assert (record.painting_at, record.token, record.worker) == (None, None, None)


def test_events_carry_the_version_and_the_document(store: JobStore, redis_client: Any) -> None:
    job_id = _running(store)
    progress = Progress(stage="encode", step=1, steps=3, fraction=0.9)
    store.claims.report_progress(job_id, "c1", 2, progress)
    succeed(store, job_id)
    events = [fields for _, fields in redis_client.xrange(f"{store.namespace}:events:{job_id}")]
    assert [event["type"] for event in events] == [
        "status",
        "status",
        "painting",
        "progress",
        "status",
    ]
    assert [int(event["version"]) for event in events] == [1, 2, 3, 4, 5]
    assert Progress.model_validate_json(events[3]["data"]) == progress
    assert all(int(event["at"]) > 1e12 for event in events)
    assert load(store, job_id).version == 5


@pytest.mark.slow
def test_events_are_bounded(store: JobStore) -> None:
    job_id = _running(store)
    for number in range(2, 1200):
        store.claims.report_progress(job_id, "c1", number, PROGRESS)
    length = store.redis.xlen(f"{store.namespace}:events:{job_id}")
    assert 500 <= length <= 600
    assert load(store, job_id).version == 1201


def test_attempts_keep_the_last_ten(store: JobStore) -> None:
    job_id = submit(store)
    store.redis.hset(f"{store.namespace}:job:{job_id}", "max_requeues", 100)
    for number in range(15):
        store.claims.take("paint-cpu", worker=f'w"{number}', claim_id=f"c{number}")
        store.claims.release(job_id, f"c{number}", "drained")
    record = load(store, job_id)
    assert [attempt.worker for attempt in record.attempts] == [f'w"{n}' for n in range(5, 15)]
    assert {attempt.outcome for attempt in record.attempts} == {"drained"}
    assert record.attempt == 15


def test_mask_document_survives_the_record(store: JobStore) -> None:
    job_id = _running(store)
    mask = MaskEffective(coverage=1 / 3, box=[0, 0, 64, 64], components=0)
    store.claims.report_mask(job_id, "c1", 2, mask, "p")
    assert load(store, job_id).mask_effective == mask
