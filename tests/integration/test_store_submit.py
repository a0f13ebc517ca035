"""Submitting: once per key, within limits, never without its pictures."""

from __future__ import annotations

import threading

import pytest

from service.contract.errors import (
    IdempotencyConflict,
    JobExpired,
    NoWorker,
    QueueFull,
    StoreUnavailable,
    TooManyJobs,
)
from service.contract.jobs import JobSpec, JobWarning, Recipe, Timings
from service.contract.names import CPU_QUEUE
from service.contract.params import InpaintParams
from service.store import Idempotency, JobStore, SubmitLimits, connect
from service.store.job_records import MAX_WAIT_SECONDS
from tests.support.records import (
    LIMITS,
    Clock,
    claim,
    load,
    make_output,
    make_spec,
    submit,
    submit_many,
    succeed,
)
from tests.support.snapshots import check_rules, take_snapshot

KEY = Idempotency("key", "fingerprint")


def _submit_recent(
    store: JobStore, spec: JobSpec, limits: SubmitLimits = LIMITS, next_id: str | None = None
) -> None:
    store.jobs.submit(
        spec,
        start_within_seconds=None,
        finish_within_seconds=10,
        ttl_seconds=10,
        limits=limits,
        is_recent=True,
        next_id=next_id,
    )


def _announce(store: JobStore, state: str = "idle", queue: str = CPU_QUEUE) -> None:
    store.presence.announce("w1", queue, methods=[("inpaint", "patch")], models=[], state=state)


def test_submit_writes_the_job_as_asked(store: JobStore, clock: Clock) -> None:
    params = InpaintParams(method="patch", seed=2**32 - 1, tags=["naïve ☃ 🎨", 'q"\\/'], grow=-3)
    spec = make_spec(params=params, cost=1 / 3)
    before = clock.now_ms()
    submit(store, spec, start=10, finish=20, ttl=30)
    view = store.jobs.load(spec.job_id, spec.tenant)
    assert view.record.spec == spec
    assert (view.record.status, view.record.version, view.position) == ("queued", 1, 0)
    created = round(view.record.created_at.timestamp() * 1000)
    assert before <= created <= clock.now_ms()
    assert view.record.start_by_at is not None
    assert (view.record.start_by_at - view.record.created_at).total_seconds() == 10
    assert (view.record.finish_by_at - view.record.created_at).total_seconds() == 20
    assert view.record.expires_at is None


@pytest.mark.parametrize("start", [None, 50.0])
def test_default_deadline_counts_from_the_first_claim_alone(
    store: JobStore, clock: Clock, start: float | None
) -> None:
    job_id = submit(store, start=start, finish=20, finish_from_claim=True)
    waiting = load(store, job_id)
    latest = (waiting.finish_by_at - waiting.created_at).total_seconds()
    assert latest == (start or MAX_WAIT_SECONDS) + 20
    claim(store, "c1")
    first = load(store, job_id)
    assert first.started_at is not None
    assert (first.finish_by_at - first.started_at).total_seconds() == 20
    store.claims.release(job_id, "c1", "drained")
    claim(store, "c2")
    again = load(store, job_id)
    assert (again.attempt, again.finish_by_at) == (2, first.finish_by_at)


def test_submit_counts_the_time_to_live_from_the_end(store: JobStore) -> None:
    job_id = submit(store, ttl=30 * 86_400)
    claim(store)
    succeed(store, job_id)
    record = load(store, job_id)
    assert record.expires_at is not None
    assert record.finished_at is not None
    assert (record.expires_at - record.finished_at).total_seconds() == 30 * 86_400


def test_submit_gives_the_first_job_when_the_key_is_known(store: JobStore) -> None:
    first = submit(store, idempotency=KEY)
    assert submit(store, idempotency=KEY) == first
    claim(store)
    succeed(store, first)
    assert submit(store, idempotency=KEY) == first
    assert len(take_snapshot(store.redis, store.namespace).jobs) == 1


def test_submit_refuses_the_key_when_the_request_differs(store: JobStore) -> None:
    submit(store, idempotency=KEY)
    with pytest.raises(IdempotencyConflict):
        submit(store, idempotency=Idempotency("key", "another"))


def test_submit_keeps_tenants_keys_apart(store: JobStore) -> None:
    first = submit(store, idempotency=KEY)
    assert submit(store, idempotency=KEY, tenant="other") != first


def test_submit_accepts_the_key_anew_after_delete(store: JobStore) -> None:
    first = submit(store, idempotency=KEY)
    store.jobs.delete(first, "default")
    assert submit(store, idempotency=Idempotency("key", "another")) != first


def test_submit_says_expired_when_the_job_of_the_key_is_gone(store: JobStore, clock: Clock) -> None:
    first = submit(store, idempotency=KEY)
    claim(store)
    succeed(store, first)
    clock.expire(first)
    clock.reaped(1)
    assert store.reaper.reap().expired == 1
    with pytest.raises(JobExpired):
        submit(store, idempotency=KEY)


def test_submit_binds_no_key_when_it_refuses(store: JobStore) -> None:
    with pytest.raises(QueueFull):
        submit(store, idempotency=KEY, limits=SubmitLimits(0, 10, 900))
    assert submit(store, idempotency=Idempotency("key", "another"))


def test_delete_leaves_the_key_when_it_belongs_to_a_later_job(store: JobStore) -> None:
    first = submit(store, idempotency=KEY)
    for key in store.redis.keys(f"{store.namespace}:idempotency:*"):
        store.redis.delete(key)  # It ran out.
    second = submit(store, idempotency=KEY)
    store.jobs.delete(first, "default")
    assert submit(store, idempotency=KEY) == second


@pytest.mark.slow
def test_submit_makes_one_job_of_fifty_at_once_with_one_key(
    broker_url: str, store: JobStore
) -> None:
    ids: list[str] = []
    gate = threading.Barrier(50)

    def send() -> None:
        own = connect(broker_url, socket_timeout=10)
        gate.wait()
        ids.append(submit(own, idempotency=KEY))
        own.redis.close()

    threads = [threading.Thread(target=send) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 50
    assert len(set(ids)) == 1
    snapshot = take_snapshot(store.redis, store.namespace)
    assert set(snapshot.jobs) == set(ids)
    # The other 49 uploads are on the wipe list still.
    assert len(snapshot.members("wipe")) == 49


def test_submit_refuses_when_the_queue_is_full(store: JobStore) -> None:
    limits = SubmitLimits(queue=2, tenant=10, worker_absence_seconds=900)
    submit_many(store, 2, limits=limits)
    with pytest.raises(QueueFull) as caught:
        submit(store, tenant="other", limits=limits)
    assert caught.value.retry_after_seconds
    claim(store)
    submit(store, limits=limits)


def test_submit_refuses_when_the_tenant_has_too_many_jobs(store: JobStore) -> None:
    limits = SubmitLimits(queue=10, tenant=2, worker_absence_seconds=900)
    first, _ = submit_many(store, 2, limits=limits)
    assert claim(store) == [first]
    with pytest.raises(TooManyJobs):
        submit(store, limits=limits)
    submit(store, tenant="other", limits=limits)
    succeed(store, first)
    submit(store, limits=limits)


def test_submit_leaves_nothing_but_the_upload_entry_when_it_refuses(store: JobStore) -> None:
    spec = make_spec()
    with pytest.raises(QueueFull):
        submit(store, spec, limits=SubmitLimits(0, 10, 900))
    assert take_snapshot(store.redis, store.namespace).members("wipe") == {f"{spec.job_id}#upload"}
    store.jobs.abandon_upload(spec.job_id)
    assert store.wipes.take() == [f"{spec.job_id}#now"]


def test_submit_begins_the_next_upload_unless_it_refuses(store: JobStore) -> None:
    spec, other = make_spec(), make_spec()
    with pytest.raises(QueueFull):
        _submit_recent(store, spec, limits=SubmitLimits(0, 10, 900), next_id="next")
    assert take_snapshot(store.redis, store.namespace).members("wipe") == set()
    for _ in range(2):
        _submit_recent(store, other, next_id="next")
        snapshot = take_snapshot(store.redis, store.namespace)
        assert snapshot.members("wipe") == {"next#upload"}


def test_submit_warns_when_no_worker_is_online(store: JobStore) -> None:
    job_id = submit(store)
    assert [warning.code for warning in load(store, job_id).warnings] == ["no_worker_online"]
    _announce(store)
    assert load(store, submit(store)).warnings == []


def test_submit_keeps_its_warnings_beside_those_of_the_painting(store: JobStore) -> None:
    job_id = submit(store)
    claim(store)
    store.claims.finish_succeeded(
        job_id,
        "c1",
        outputs=[make_output(job_id, "c1")],
        recipe=Recipe(engine="test"),
        timings=Timings(),
        warnings=[JobWarning(code="mask_thin", detail="späť")],
    )
    codes = [warning.code for warning in load(store, job_id).warnings]
    assert codes == ["no_worker_online", "mask_thin"]


def test_submit_refuses_only_after_workers_were_absent_for_long(
    store: JobStore, clock: Clock
) -> None:
    _announce(store)
    clock.miss_worker(CPU_QUEUE, seconds=890)
    submit(store)
    clock.miss_worker(CPU_QUEUE, seconds=910)
    with pytest.raises(NoWorker):
        submit(store)
    submit(store, limits=SubmitLimits(10, 10, worker_absence_seconds=0))
    submit(store, queue="paint-gpu:x")
    _announce(store)
    submit(store)


def test_submit_counts_the_absence_from_the_first_miss_when_no_worker_was_ever_seen(
    store: JobStore,
) -> None:
    limits = SubmitLimits(10, 10, worker_absence_seconds=0.02)
    submit(store, limits=limits)
    threading.Event().wait(0.05)
    with pytest.raises(NoWorker):
        submit(store, limits=limits)


def test_submit_does_not_count_a_broken_worker(store: JobStore, clock: Clock) -> None:
    _announce(store, state="broken")
    assert [worker.state for worker in store.presence.load_workers()] == ["broken"]
    assert load(store, submit(store)).warnings
    clock.miss_worker(CPU_QUEUE, seconds=910)
    _announce(store, state="broken")
    with pytest.raises(NoWorker):
        submit(store)


def test_submit_refuses_when_the_upload_was_given_up(store: JobStore, clock: Clock) -> None:
    spec = make_spec()
    store.jobs.begin_upload(spec.job_id)
    clock.pass_upload(spec.job_id)
    assert store.wipes.take() == [f"{spec.job_id}#now"]
    with pytest.raises(StoreUnavailable):
        store.jobs.submit(
            spec,
            start_within_seconds=None,
            finish_within_seconds=10,
            ttl_seconds=10,
            limits=LIMITS,
        )


def test_submit_is_safe_from_the_wiper_when_it_came_first(store: JobStore, clock: Clock) -> None:
    spec = make_spec()
    submit(store, spec)
    store.jobs.begin_upload(spec.job_id)
    clock.make_wipes_due()
    assert store.wipes.take() == []
    check_rules(take_snapshot(store.redis, store.namespace))


def test_submit_does_not_revive_a_deleted_job_when_repeated(store: JobStore) -> None:
    spec = make_spec()
    submit(store, spec)
    store.jobs.delete(spec.job_id, spec.tenant)
    with pytest.raises(StoreUnavailable):
        store.jobs.submit(
            spec,
            start_within_seconds=None,
            finish_within_seconds=10,
            ttl_seconds=10,
            limits=LIMITS,
        )
    assert not take_snapshot(store.redis, store.namespace).jobs


def test_submit_of_a_recent_upload_refuses_what_is_wiped_and_takes_what_is_forgotten(
    store: JobStore,
) -> None:
    forgotten, deleted, given_up = make_spec(), make_spec(), make_spec()
    _submit_recent(store, forgotten)
    submit(store, deleted)
    store.jobs.delete(deleted.job_id, deleted.tenant)
    store.jobs.begin_upload(given_up.job_id)
    store.jobs.abandon_upload(given_up.job_id)
    assert f"{given_up.job_id}#now" in store.wipes.take()
    for spec in (deleted, given_up):
        with pytest.raises(StoreUnavailable):
            _submit_recent(store, spec)
    assert take_snapshot(store.redis, store.namespace).jobs.keys() == {forgotten.job_id}
