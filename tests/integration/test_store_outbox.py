"""The outbox: written with the status, taken under leases, in order, no tenant before its turn."""

from __future__ import annotations

import json

import pytest

from service.contract.errors import JobExpired, NotFound, NoWebhook
from service.contract.names import CPU_QUEUE
from service.store import JobStore, TakenWebhook
from tests.support.records import (
    FAILURE,
    TENANT,
    Clock,
    claim,
    end,
    make_told_spec,
    outcome,
    submit,
    succeed,
    take,
)
from tests.support.snapshots import check_rules, take_snapshot

ALL = ("job.running", "job.succeeded", "job.failed", "job.canceled")


def _finish_one(store: JobStore, **changes: object) -> str:
    job_id = submit(store, make_told_spec(**changes))  # type: ignore[arg-type]
    token = f"c-{job_id}"
    store.claims.take(CPU_QUEUE, worker="w", claim_id=token)
    assert succeed(store, job_id, token) == "succeeded"
    return job_id


def _events(store: JobStore, job_id: str) -> list[tuple[str, str]]:
    check_rules(take_snapshot(store.redis, store.namespace))
    return [(delivery.event, delivery.state) for delivery in store.webhooks.load_deliveries(job_id)]


def _status_told(taken: TakenWebhook) -> str:
    return str(taken.read_record().status)


def test_each_end_is_told(store: JobStore, clock: Clock) -> None:
    ids = {name: submit(store, make_told_spec()) for name in ("failed", "canceled", "late")}
    store.jobs.cancel(ids["canceled"], TENANT)
    claim(store)
    store.claims.finish_failed(ids["failed"], "c1", FAILURE)
    clock.pass_finish_deadline(ids["late"])
    clock.reaped(1)
    store.reaper.reap(min_gap_seconds=0)
    assert _events(store, ids["failed"]) == [("job.failed", "pending")]
    assert _events(store, ids["canceled"]) == [("job.canceled", "pending")]
    assert _events(store, ids["late"]) == [("job.failed", "pending")]


def test_nothing_is_told_that_was_not_asked_for(store: JobStore) -> None:
    plain = submit(store)
    claim(store)
    succeed(store, plain)
    told = submit(store, make_told_spec(["job.failed"]))
    claim(store, "c2")
    succeed(store, told, "c2")
    assert _events(store, plain) == _events(store, told) == []
    assert take(store) == []


def test_running_is_told_each_time_and_as_it_was(store: JobStore) -> None:
    job_id = submit(store, make_told_spec(ALL))
    claim(store)
    store.claims.report_started(job_id, "c1", 1)
    store.claims.release(job_id, "c1", "crashed")
    claim(store, "c2")
    succeed(store, job_id, "c2")
    told = []
    for number in range(3):
        (taken,) = take(store, f"t{number}")
        record = taken.read_record()
        told.append((taken.event_id, str(record.status), record.attempt, record.crashes))
        assert bool(record.outputs) == bool(record.finished_at) == (number == 2)
        assert taken.event_id == f"{job_id}-{record.version}"
        assert end(store, taken) == "delivered"
    assert [row[1:] for row in told] == [("running", 1, 0), ("running", 2, 1), ("succeeded", 2, 1)]
    assert len({row[0] for row in told}) == 3
    assert take(store, "t9") == []
    assert [state for _, state in _events(store, job_id)] == ["delivered"] * 3


def test_order_is_kept_while_an_earlier_event_fails(store: JobStore, clock: Clock) -> None:
    job_id = submit(store, make_told_spec(ALL))
    claim(store)
    (taken,) = take(store)
    succeed(store, job_id)
    assert take(store, "t2") == [], "one event of a job at a time"
    assert end(store, taken, "timeout") == "pending"
    assert take(store, "t3") == [], "the end waits behind the beginning"
    clock.make_webhooks_due(job_id)
    (again,) = take(store, "t4")
    assert (again.event_id, again.failures, _status_told(again)) == (taken.event_id, 1, "running")
    end(store, again)
    (last,) = take(store, "t5")
    assert _status_told(last) == "succeeded"


def test_lease_that_ran_out_is_taken_again_under_the_same_id(store: JobStore, clock: Clock) -> None:
    job_id = _finish_one(store)
    (taken,) = take(store)
    assert take(store, "t2") == []
    clock.make_webhooks_due(job_id)
    (again,) = take(store, "t3")
    assert again.event_id == taken.event_id
    assert end(store, taken) == "stale"
    assert end(store, again) == "delivered"
    assert end(store, again) == "delivered"
    (delivery,) = store.webhooks.load_deliveries(job_id)
    assert delivery.tries == 1


def test_try_that_failed_comes_again_until_the_window_is_over(
    store: JobStore, clock: Clock
) -> None:
    job_id = _finish_one(store)
    (taken,) = take(store)
    assert end(store, taken, "timeout", delay_seconds=3, window_seconds=9) == "pending"
    (delivery,) = store.webhooks.load_deliveries(job_id)
    (attempt,) = delivery.attempts
    assert (attempt.status, attempt.error) == (500, "timeout")
    assert delivery.next_try_at is not None
    assert 2 < (delivery.next_try_at - attempt.at).total_seconds() <= 3
    clock.make_webhooks_due(job_id)
    (taken,) = take(store, "t2")
    assert end(store, taken, "timeout", delay_seconds=3600, window_seconds=9) == "pending"
    (delivery,) = store.webhooks.load_deliveries(job_id)
    assert delivery.next_try_at is not None
    assert (delivery.next_try_at - delivery.created_at).total_seconds() == 9, "the last try"
    clock.make_webhooks_due(job_id)
    (taken,) = take(store, "t3")
    assert end(store, taken, "timeout", window_seconds=0) == "dead"
    clock.make_webhooks_due(job_id)
    assert take(store, "t4") == []
    assert _events(store, job_id) == [("job.succeeded", "dead")]


def test_receiver_that_wants_no_more_is_not_asked_again(store: JobStore) -> None:
    job_id = _finish_one(store)
    (taken,) = take(store)
    assert end(store, taken, "gone", gives_up=True) == "dead"
    assert _events(store, job_id) == [("job.succeeded", "dead")]


def test_only_the_last_ten_tries_are_kept(store: JobStore, clock: Clock) -> None:
    job_id = _finish_one(store)
    for number in range(12):
        clock.make_webhooks_due(job_id)
        (taken,) = take(store, f"t{number}")
        end(store, taken, "timeout", status=None)
    (delivery,) = store.webhooks.load_deliveries(job_id)
    assert (delivery.tries, len(delivery.attempts)) == (12, 10)
    assert delivery.attempts[0].status is None


def test_redelivery_begins_a_window_of_its_own_under_the_same_id(store: JobStore) -> None:
    job_id = _finish_one(store)
    (taken,) = take(store)
    end(store, taken, "gone", gives_up=True)
    store.webhooks.redeliver(job_id, TENANT)
    (again,) = take(store, "t2")
    assert (again.event_id, again.failures) == (taken.event_id, 0)
    assert end(store, again) == "delivered"
    store.webhooks.redeliver(job_id, TENANT, taken.event_id)
    assert _events(store, job_id) == [("job.succeeded", "pending")]


def test_redelivery_of_nothing_is_refused(store: JobStore) -> None:
    job_id = _finish_one(store)
    plain = submit(store)
    with pytest.raises(NoWebhook):
        store.webhooks.redeliver(plain, TENANT)
    with pytest.raises(NoWebhook):
        store.webhooks.redeliver(job_id, TENANT, "job_X-1")
    with pytest.raises(NotFound):
        store.webhooks.redeliver(job_id, "other")
    store.jobs.delete(job_id, TENANT)
    with pytest.raises(JobExpired):
        store.webhooks.redeliver(job_id, TENANT)


@pytest.mark.parametrize("how", ["delete", "expiry"])
def test_webhooks_go_with_their_job(store: JobStore, clock: Clock, how: str) -> None:
    job_id = submit(store, make_told_spec(ALL))
    claim(store)
    (taken,) = take(store)
    succeed(store, job_id)
    if how == "delete":
        store.jobs.delete(job_id, TENANT)
    else:
        clock.expire(job_id)
        clock.reaped(1)
        store.reaper.reap(min_gap_seconds=0)
    assert end(store, taken) == "gone"
    assert take(store, "t2") == []
    snapshot = take_snapshot(store.redis, store.namespace)
    check_rules(snapshot)
    assert not [name for name in snapshot.strings if name.startswith("webhooks:")]
    assert not [name for name in snapshot.zsets if name.startswith("outbox")]


def test_no_tenant_and_no_host_gets_more_than_its_share(store: JobStore) -> None:
    for _ in range(6):
        _finish_one(store, tenant="a")
    late = _finish_one(store, tenant="b")
    first = take(store, limit=6, per_group=2, per_tenant=4)
    assert sorted(taken.tenant for taken in first) == ["a", "a", "b"]
    group = next(taken.group for taken in first if taken.tenant == "a")
    assert late in [taken.subject_id for taken in first]
    assert take(store, "t2", per_group=2, groups={group: 2}) == []
    assert take(store, "t3", per_tenant=4, tenants={"a": 4}) == []
    assert take(store, "t4", slow=[group], groups={group: 1}) == []
    assert len(take(store, "t5", slow=[group])) == 1
    assert len(take(store, "t6", limit=2)) == 2


def test_each_webhook_comes_with_its_tenants_keys_newest_first(store: JobStore) -> None:
    store.signing_keys.add(TENANT, "k1", "whsec_old")
    # Times are kept in milliseconds.
    store.redis.hset(
        f"{store.namespace}:webhook_keys:{TENANT}",
        "k1",
        json.dumps({"id": "k1", "secret": "whsec_old", "created_at": 1}),
    )
    store.signing_keys.add(TENANT, "k2", "whsec_new")
    store.signing_keys.add(TENANT, "k2", "whsec_new")
    store.signing_keys.add("other", "k3", "whsec_other")
    _finish_one(store)
    (taken,) = take(store)
    assert taken.keys == ("whsec_new", "whsec_old")
    with pytest.raises(ValueError, match="retire one first"):
        store.signing_keys.add(TENANT, "k4", "whsec_third")
    assert store.signing_keys.retire(TENANT, "k1")
    assert not store.signing_keys.retire(TENANT, "k1")
    assert [key.key_id for key in store.signing_keys.load_all(TENANT)] == ["k2"]
    assert store.signing_keys.has_any(TENANT)
    assert not store.signing_keys.has_any("nobody")


def test_outbox_entry_without_webhooks_is_healed(store: JobStore) -> None:
    job_id = _finish_one(store)
    store.redis.delete(f"{store.namespace}:webhooks:{job_id}")
    assert take(store) == []
    assert store.redis.exists(f"{store.namespace}:outbox") == 0


def test_repeat_of_a_take_gives_what_is_still_in_hand(store: JobStore) -> None:
    _finish_one(store)
    _finish_one(store)
    first, second = take(store)
    assert [taken.subject_id for taken in take(store)] == [first.subject_id, second.subject_id]
    end(store, first)
    assert [taken.subject_id for taken in take(store)] == [second.subject_id]
    assert outcome(lambda: end(store, second)) == "delivered"
    assert take(store) == []
