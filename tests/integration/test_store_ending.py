"""How jobs end: committed, canceled, deleted, late."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.contract.errors import AlreadyFinished, JobExpired, NotFound
from service.contract.jobs import JobStatus, Recipe, Timings
from service.store import JobStore
from tests.support.records import (
    FAILURE,
    Clock,
    claim,
    load,
    make_output,
    submit,
    succeed,
)
from tests.support.snapshots import check_rules, take_snapshot

Bring = Callable[[JobStore], str]


def _queued(store: JobStore) -> str:
    return submit(store)


def _running(store: JobStore) -> str:
    job_id = submit(store)
    claim(store)
    store.claims.report_started(job_id, "c1", 1)
    return job_id


def _requeued(store: JobStore) -> str:
    job_id = _running(store)
    store.claims.release(job_id, "c1", "drained")
    return job_id


def _stopping(store: JobStore) -> str:
    job_id = _running(store)
    store.jobs.cancel(job_id, "default")
    return job_id


def _succeeded(store: JobStore) -> str:
    job_id = _running(store)
    succeed(store, job_id)
    return job_id


def _failed(store: JobStore) -> str:
    job_id = _running(store)
    store.claims.finish_failed(job_id, "c1", FAILURE)
    return job_id


def _canceled(store: JobStore) -> str:
    job_id = submit(store)
    store.jobs.cancel(job_id, "default")
    return job_id


OPEN = (_queued, _running, _requeued, _stopping)
ENDED = (_succeeded, _failed, _canceled)


def _error_code(store: JobStore, job_id: str) -> str | None:
    error = load(store, job_id).error
    return error.code if error else None


def _keep_rules(store: JobStore) -> None:
    check_rules(take_snapshot(store.redis, store.namespace))


# Finishing ----------------------------------------------------------------------------------------


def test_finish_writes_the_result_once(store: JobStore) -> None:
    job_id = _running(store)
    outputs = [make_output(job_id, "c1")]
    recipe = Recipe(engine="ě", details={"empty": [], "none": None, "deep": {"a": [1, 2.5]}})
    timings = Timings(paint_seconds=0.1)
    for _ in range(2):
        verdict = store.claims.finish_succeeded(
            job_id, "c1", outputs=outputs, recipe=recipe, timings=timings
        )
        assert verdict == "succeeded"
    record = load(store, job_id)
    assert (record.outputs, record.recipe, record.timings) == (outputs, recipe, timings)
    assert record.attempts[-1].outcome == "succeeded"
    assert record.attempts[-1].ended_at == record.finished_at
    assert take_snapshot(store.redis, store.namespace).statuses(job_id).count("succeeded") == 1


def test_finish_writes_a_failure(store: JobStore) -> None:
    job_id = _running(store)
    assert store.claims.finish_failed(job_id, "c1", FAILURE) == "failed"
    assert load(store, job_id).error == FAILURE
    assert succeed(store, job_id) == "failed"


def test_finish_is_stale_when_the_claim_was_lost(store: JobStore) -> None:
    job_id = _requeued(store)
    assert succeed(store, job_id) == "stale"
    assert claim(store, "c2") == [job_id]
    assert succeed(store, job_id) == "stale"
    assert succeed(store, job_id, "c2") == "succeeded"
    assert store.claims.finish_failed(job_id, "c1", FAILURE) == "stale"
    assert load(store, job_id).outputs[0].path.startswith(f"jobs/{job_id}/c2/")


def test_finish_is_stale_when_the_job_was_deleted(store: JobStore) -> None:
    job_id = _running(store)
    store.jobs.delete(job_id, "default")
    assert succeed(store, job_id) == "stale"
    assert not take_snapshot(store.redis, store.namespace).jobs


def test_finish_yields_to_the_deadline(store: JobStore, clock: Clock) -> None:
    job_id = _running(store)
    clock.pass_finish_deadline(job_id)
    assert store.claims.renew([(job_id, "c1")]) == ["late"]
    assert succeed(store, job_id) == "failed"
    assert _error_code(store, job_id) == "deadline_exceeded"
    assert load(store, job_id).outputs == []
    _keep_rules(store)


# Canceling ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bring", [_queued, _requeued])
def test_cancel_ends_a_waiting_job_at_once(store: JobStore, bring: Bring) -> None:
    job_id = bring(store)
    for _ in range(2):
        record = store.jobs.cancel(job_id, "default").record
        assert record.status is JobStatus.CANCELED
        assert record.cancel_requested_at is not None
    assert claim(store, "c9") == []
    assert load(store, job_id).version == record.version
    _keep_rules(store)


def test_cancel_flags_a_running_job(store: JobStore) -> None:
    job_id = _running(store)
    first = store.jobs.cancel(job_id, "default").record
    assert first.status is JobStatus.RUNNING
    assert (
        store.jobs.cancel(job_id, "default").record.cancel_requested_at == first.cancel_requested_at
    )
    assert store.claims.renew([(job_id, "c1")]) == ["cancel"]
    assert load(store, job_id).version == first.version
    _keep_rules(store)


@pytest.mark.parametrize("end", ["succeed", "fail", "drained", "crashed", "hung", "lease", "late"])
def test_cancel_once_accepted_always_ends_canceled(store: JobStore, clock: Clock, end: str) -> None:
    job_id = _stopping(store)
    if end == "succeed":
        assert succeed(store, job_id) == "canceled"
        assert succeed(store, job_id) == "canceled"
    elif end == "fail":
        assert store.claims.finish_failed(job_id, "c1", FAILURE) == "canceled"
    elif end in ("lease", "late"):
        if end == "late":
            clock.pass_finish_deadline(job_id)
        clock.run_out_lease(job_id)
        clock.reaped(1)
        assert store.reaper.reap().ended == 1
    else:
        assert store.claims.release(job_id, "c1", end) == "canceled"  # type: ignore[arg-type]
    record = load(store, job_id)
    assert (record.status, record.error, record.outputs) == ("canceled", None, [])
    assert store.jobs.cancel(job_id, "default").record.status is JobStatus.CANCELED
    _keep_rules(store)


@pytest.mark.parametrize("bring", [_succeeded, _failed])
def test_cancel_refuses_a_job_that_ended_otherwise(store: JobStore, bring: Bring) -> None:
    job_id = bring(store)
    before = load(store, job_id)
    with pytest.raises(AlreadyFinished):
        store.jobs.cancel(job_id, "default")
    assert load(store, job_id) == before


# Deleting -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bring", [*OPEN, *ENDED])
def test_delete_leaves_nothing_but_a_tombstone_and_two_wipes(
    store: JobStore, clock: Clock, bring: Bring
) -> None:
    job_id = bring(store)
    store.jobs.delete(job_id, "default")
    with pytest.raises(JobExpired):
        store.jobs.load(job_id, "default")
    with pytest.raises(JobExpired):
        store.jobs.delete(job_id, "default")
    with pytest.raises(JobExpired):
        store.jobs.cancel(job_id, "default")
    snapshot = take_snapshot(store.redis, store.namespace)
    counts = {"counts:attempts", "counts:ended"}
    assert set(snapshot.kept) - counts <= {"wipe", "seq", "queues", "seen:paint-cpu"}
    assert f"tombstone:{job_id}" in snapshot.strings
    due = {member: score - clock.now_ms() for member, score in snapshot.zsets["wipe"].items()}
    assert due[f"{job_id}#now"] <= 0
    assert 15_000 < due[f"{job_id}#late"] <= 20_000
    assert store.wipes.take() == [f"{job_id}#now"]
    store.wipes.end(f"{job_id}#now")
    assert store.wipes.take() == []
    clock.make_wipes_due()
    # One that went back to the queue also has the blobs of its lost claim there.
    assert set(store.wipes.take()) - {f"{job_id}/c1#claim"} == {f"{job_id}#late"}
    assert store.claims.renew([(job_id, "c1")]) == ["stale"]


def test_delete_finds_its_own_work_done_when_repeated(store: JobStore) -> None:
    job_id = _running(store)
    for _ in range(2):
        store.jobs.delete(job_id, "default", delete_id="d1")
    with pytest.raises(JobExpired):
        store.jobs.delete(job_id, "default", delete_id="d2")


@pytest.mark.parametrize("bring", [*OPEN, *ENDED])
def test_tenants_do_not_see_each_others_jobs(store: JobStore, bring: Bring) -> None:
    job_id = bring(store)
    before = take_snapshot(store.redis, store.namespace)
    for call in (store.jobs.load, store.jobs.cancel, store.jobs.delete):
        with pytest.raises(NotFound):
            call(job_id, "other")
    assert take_snapshot(store.redis, store.namespace) == before
    store.jobs.delete(job_id, "default")
    with pytest.raises(NotFound):
        store.jobs.load(job_id, "other")


def test_load_finds_nothing_where_nothing_was(store: JobStore) -> None:
    with pytest.raises(NotFound):
        store.jobs.load("job_unknown", "default")
    with pytest.raises(NotFound):
        store.jobs.delete("job_unknown", "default")
    with pytest.raises(NotFound):
        store.jobs.cancel("job_unknown", "default")


# Deadlines ----------------------------------------------------------------------------------------


def test_start_deadline_fails_a_job_that_never_started(store: JobStore, clock: Clock) -> None:
    job_id = submit(store, start=10)
    clock.pass_start_deadline(job_id)
    clock.reaped(1)
    assert store.reaper.reap().ended == 1
    assert _error_code(store, job_id) == "deadline_exceeded"
    _keep_rules(store)


def test_start_deadline_means_nothing_after_the_first_claim(store: JobStore, clock: Clock) -> None:
    job_id = submit(store, start=10)
    claim(store)
    clock.pass_start_deadline(job_id)
    assert store.claims.renew([(job_id, "c1")]) == ["ok"]
    assert store.claims.release(job_id, "c1", "drained") == "queued"
    clock.reaped(1)
    assert store.reaper.reap().ended == 0
    assert claim(store, "c2") == [job_id]
    assert succeed(store, job_id, "c2") == "succeeded"


def test_deadlines_are_watched_anew_when_a_job_goes_back(store: JobStore, clock: Clock) -> None:
    job_id = submit(store, start=10, finish=20)
    deadlines = f"{store.namespace}:deadlines"
    first = store.redis.zscore(deadlines, job_id)
    claim(store)
    assert store.redis.zscore(deadlines, job_id) is None
    store.claims.release(job_id, "c1", "drained")
    second = store.redis.zscore(deadlines, job_id)
    assert first is not None
    assert second == first + 10_000
    clock.pass_finish_deadline(job_id)
    clock.reaped(1)
    assert store.reaper.reap().ended == 1
    assert _error_code(store, job_id) == "deadline_exceeded"


def test_finish_deadline_fails_a_job_that_comes_back_late(store: JobStore, clock: Clock) -> None:
    job_id = _running(store)
    clock.pass_finish_deadline(job_id)
    assert store.claims.release(job_id, "c1", "crashed") == "failed"
    assert _error_code(store, job_id) == "deadline_exceeded"
    assert load(store, job_id).crashes == 0
