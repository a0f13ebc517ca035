"""A batch's end is told once, by whatever ends it, and not at all when the batch is deleted."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from service.contract.errors import NotFound, NoWebhook
from service.contract.jobs import BatchPlace
from service.contract.names import CPU_QUEUE
from service.store import JobStore
from tests.support.records import (
    FAILURE,
    TENANT,
    Clock,
    claim,
    end,
    make_spec,
    make_told_spec,
    submit,
    succeed,
    take,
)
from tests.support.snapshots import check_rules, take_snapshot

BATCH = "batch_A"
URL = "https://8.8.8.8/batch"


def _begin(store: JobStore, total: int = 1, url: str | None = URL) -> None:
    store.batches.begin(BATCH, TENANT, total=total, ttl_seconds=60, webhook_url=url)


def _submit_item(store: JobStore, index: int = 0) -> str:
    place = BatchPlace(batch_id=BATCH, index=index)
    return submit(store, make_spec(batch=place))


def _states(store: JobStore) -> list[tuple[str, str, str]]:
    check_rules(take_snapshot(store.redis, store.namespace))
    return [(told.id, told.event, told.state) for told in store.webhooks.load_deliveries(BATCH)]


TOLD = [(f"{BATCH}-1", "batch.completed", "pending")]


def _finish(store: JobStore, clock: Clock, job_id: str) -> None:
    claim(store)
    succeed(store, job_id)


def _fail(store: JobStore, clock: Clock, job_id: str) -> None:
    claim(store)
    store.claims.finish_failed(job_id, "c1", FAILURE)


def _cancel(store: JobStore, clock: Clock, job_id: str) -> None:
    store.jobs.cancel(job_id, TENANT)


def _be_late(store: JobStore, clock: Clock, job_id: str) -> None:
    clock.pass_finish_deadline(job_id)
    clock.reaped(1)
    store.reaper.reap(min_gap_seconds=0)


def _delete(store: JobStore, clock: Clock, job_id: str) -> None:
    store.jobs.delete(job_id, TENANT)


@pytest.mark.parametrize("end_item", [_finish, _fail, _cancel, _be_late, _delete])
@pytest.mark.parametrize("closes_first", [True, False])
def test_batch_is_told_of_once_whatever_ends_it(
    store: JobStore,
    clock: Clock,
    end_item: Callable[[JobStore, Clock, str], None],
    closes_first: bool,
) -> None:
    _begin(store)
    job_id = _submit_item(store)
    steps: list[Callable[[], object]] = [
        lambda: store.batches.close(BATCH),
        lambda: end_item(store, clock, job_id),
    ]
    first, second = steps if closes_first else reversed(steps)
    first()
    assert _states(store) == []
    second()
    assert _states(store) == TOLD
    (taken,) = take(store)
    assert (taken.subject_id, taken.tenant, taken.is_batch) == (BATCH, TENANT, True)
    batch = taken.read_batch()
    assert (batch.state, batch.over, batch.webhook_url) == ("ended", 1, URL)
    assert end(store, taken) == "delivered"
    assert take(store, "t2") == []


def test_batch_of_refused_items_has_a_webhook(store: JobStore) -> None:
    _begin(store, 2)
    store.batches.close(BATCH, problems=["{}"], runs=[(0, 1, 0)])
    assert _states(store) == TOLD


def test_batch_without_a_webhook_is_not_told_of(store: JobStore) -> None:
    _begin(store, url=None)
    store.batches.close(BATCH, problems=["{}"], runs=[(0, 0, 0)])
    assert _states(store) == []
    with pytest.raises(NoWebhook):
        store.webhooks.redeliver(BATCH, TENANT)


def test_items_and_batch_are_told_each_by_itself(store: JobStore) -> None:
    _begin(store)
    job_id = submit(store, make_told_spec(batch=BatchPlace(batch_id=BATCH, index=0)))
    store.batches.close(BATCH)
    claim(store)
    succeed(store, job_id)
    assert sorted(taken.subject_id for taken in take(store)) == [BATCH, job_id]


def test_batch_is_tried_again_and_goes_on_request(store: JobStore, clock: Clock) -> None:
    _begin(store)
    store.batches.close(BATCH, problems=["{}"], runs=[(0, 0, 0)])
    (taken,) = take(store)
    assert end(store, taken, "timeout") == "pending"
    clock.make_webhooks_due(BATCH)
    (again,) = take(store, "t2")
    assert (again.event_id, again.failures) == (taken.event_id, 1)
    assert end(store, again, "gone", gives_up=True) == "dead"
    with pytest.raises(NotFound, match="batch"):
        store.webhooks.redeliver(BATCH, "other")
    store.webhooks.redeliver(BATCH, TENANT, taken.event_id)
    assert _states(store) == TOLD
    (third,) = take(store, "t3")
    assert end(store, third) == "delivered"
    with pytest.raises(NoWebhook):
        store.webhooks.redeliver(BATCH, TENANT, "batch_A-2")


def test_batch_that_is_deleted_is_told_to_nobody(store: JobStore) -> None:
    _begin(store)
    job_id = _submit_item(store)
    store.batches.close(BATCH)
    store.batches.mute(BATCH, "other")
    store.batches.mute(BATCH, TENANT)
    store.jobs.delete(job_id, TENANT)
    assert _states(store) == []
    store.batches.forget(BATCH, TENANT)
    assert take(store) == []


def test_batch_that_is_being_deleted_takes_no_more_items(store: JobStore) -> None:
    _begin(store, total=2)
    _submit_item(store)
    store.batches.mute(BATCH, TENANT)
    with pytest.raises(NotFound):
        _submit_item(store, 1)
    assert store.batches.load(BATCH, TENANT)[0].state == "running"


def test_pending_webhook_goes_with_its_batch(store: JobStore) -> None:
    _begin(store)
    store.batches.close(BATCH, problems=["{}"], runs=[(0, 0, 0)])
    (taken,) = take(store)
    store.batches.forget(BATCH, TENANT)
    assert end(store, taken) == "gone"
    snapshot = take_snapshot(store.redis, store.namespace)
    assert not [name for name in snapshot.strings if name.startswith("webhooks:")]
    assert not [name for name in snapshot.zsets if name.startswith("outbox")]


def test_webhook_of_a_batch_runs_out_with_it(store: JobStore) -> None:
    store.batches.begin(BATCH, TENANT, total=1, ttl_seconds=0.05, webhook_url=URL)
    store.batches.close(BATCH, problems=["{}"], runs=[(0, 0, 0)])
    threading.Event().wait(0.1)
    assert take(store) == []
    assert store.redis.keys(f"{store.namespace}:*outbox*") == []
    assert store.redis.keys(f"{store.namespace}:webhooks:*") == []


def test_refusal_of_an_item_that_is_a_job_already_counts_for_nothing(store: JobStore) -> None:
    _begin(store, 2)
    job_id = _submit_item(store)
    store.batches.close(BATCH, problems=["{}"], runs=[(0, 1, 0)])
    record, items = store.batches.load(BATCH, TENANT, limit=2)
    assert (record.state, record.over) == ("running", 1)
    assert [item.kind for item in items] == ["job", "refused"]
    store.claims.take(CPU_QUEUE, worker="w", claim_id="c1")
    succeed(store, job_id)
    assert _states(store) == TOLD


def test_batch_is_told_of_once_when_its_items_end_at_the_same_time(store: JobStore) -> None:
    _begin(store, 12)
    ids = [_submit_item(store, number) for number in range(12)]
    store.batches.close(BATCH)
    threads = [
        threading.Thread(target=store.jobs.cancel, args=(job_id, TENANT))
        for job_id in ids
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _states(store) == TOLD
