"""The reaper: leases, crashes, old results, missing wake-ups."""

from __future__ import annotations

import pytest

from service.contract.errors import JobExpired
from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE, gpu_queue, rq_list
from service.store import JobStore, Outcome, wiped_prefix
from tests.support.records import Clock, claim, load, submit, submit_many, succeed
from tests.support.snapshots import Snapshot, check_rules, take_snapshot

LIST = rq_list(DEFAULT_NAMESPACE, CPU_QUEUE)


def _reap_past_hold(store: JobStore, clock: Clock) -> None:
    clock.reaped(1)
    store.reaper.reap(min_gap_seconds=0)


def _snapshot(store: JobStore) -> Snapshot:
    return take_snapshot(store.redis, store.namespace)


# Leases -------------------------------------------------------------------------------------------


def test_reap_gives_a_job_back_when_its_lease_ran_out(store: JobStore, clock: Clock) -> None:
    job_id = submit(store)
    claim(store)
    clock.run_out_lease(job_id)
    clock.reaped(1)
    report = store.reaper.reap()
    assert (report.requeued, report.ended, report.held) == ({CPU_QUEUE: 1}, 0, False)
    record = load(store, job_id)
    assert (record.status, record.requeues, record.crashes) == ("queued", 1, 0)
    assert record.attempts[-1].outcome == "lease_expired"
    check_rules(_snapshot(store))


def test_reap_leaves_a_lease_that_is_renewed(store: JobStore, clock: Clock) -> None:
    job_id = submit(store)
    claim(store)
    clock.run_out_lease(job_id)
    assert store.claims.renew([(job_id, "c1")]) == ["ok"]
    clock.reaped(1)
    assert store.reaper.reap().requeued == {}
    due = _snapshot(store).zsets["leases"][job_id] - clock.now_ms()
    assert 9_000 < due <= 10_000


def test_renew_tells_each_claim_apart(store: JobStore, clock: Clock) -> None:
    ok, cancel, late, gone = submit_many(store, 4, call_key="b")
    claim(store, max_jobs=4)
    store.jobs.cancel(cancel, "default")
    clock.pass_finish_deadline(late)
    store.claims.release(gone, "c1", "drained")
    claims = [(ok, "c1"), (cancel, "c1"), (late, "c1"), (gone, "c1"), (ok, "c0"), ("none", "c1")]
    assert store.claims.renew(claims) == ["ok", "cancel", "late", "stale", "stale", "stale"]
    assert store.claims.renew([]) == []


def test_reap_takes_nothing_from_live_workers_after_a_pause(store: JobStore, clock: Clock) -> None:
    job_id = submit(store)
    claim(store)
    clock.run_out_lease(job_id)
    clock.reaped(4)
    report = store.reaper.reap()
    assert (report.held, report.requeued) == (True, {})
    hold_ms = int(_snapshot(store).strings["hold_until"]) - clock.now_ms()
    assert 7_000 < hold_ms <= 7_500
    assert store.reaper.reap(min_gap_seconds=0).held
    assert store.claims.renew([(job_id, "c1")]) == ["ok"]
    clock.reaped(1)
    assert store.reaper.reap().requeued == {}


def test_reap_still_ends_late_jobs_and_old_results_while_leases_are_held(
    store: JobStore, clock: Clock
) -> None:
    late, old = submit_many(store, 2)
    clock.pass_finish_deadline(late)
    store.jobs.cancel(old, "default")
    clock.expire(old)
    clock.reaped(4)
    report = store.reaper.reap()
    assert (report.held, report.ended, report.expired) == (True, 1, 1)


def test_reap_works_on_when_the_clock_was_set_back(store: JobStore, clock: Clock) -> None:
    job_id = submit(store)
    clock.pass_finish_deadline(job_id)
    clock.reaped(-3600, hold=True)
    report = store.reaper.reap()
    assert (report.ended, report.held) == (1, True)
    hold_ms = int(_snapshot(store).strings["hold_until"]) - clock.now_ms()
    assert hold_ms <= 7_500


def test_reap_does_nothing_when_somebody_just_did(store: JobStore, clock: Clock) -> None:
    job_id = submit(store)
    clock.pass_finish_deadline(job_id)
    clock.reaped(0)
    assert store.reaper.reap(min_gap_seconds=300).ended == 0
    assert store.reaper.reap(min_gap_seconds=0).ended == 1


def test_reap_carries_on_next_time_when_there_is_much(store: JobStore, clock: Clock) -> None:
    for job_id in submit_many(store, 150):
        clock.pass_finish_deadline(job_id)
    clock.reaped(1)
    assert [store.reaper.reap(min_gap_seconds=0).ended for _ in range(3)] == [100, 50, 0]


# Crashes ------------------------------------------------------------------------------------------


def _paint_and(store: JobStore, clock: Clock, job_id: str, number: int, end: Outcome | str) -> None:
    token = f"c{number}"
    assert claim(store, token) == [job_id]
    store.claims.report_started(job_id, token, 1)
    if end == "lease":
        clock.run_out_lease(job_id)
        _reap_past_hold(store, clock)
    else:
        store.claims.release(job_id, token, end)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("end", "code"), [("crashed", "worker_lost"), ("lease", "worker_lost"), ("hung", "hung")]
)
def test_third_death_while_painting_fails_the_job(
    store: JobStore, clock: Clock, end: str, code: str
) -> None:
    job_id = submit(store)
    for number in range(3):
        assert load(store, job_id).crashes == number
        _paint_and(store, clock, job_id, number, end)
    record = load(store, job_id)
    assert (record.status, record.crashes, record.attempt) == ("failed", 3, 3)
    assert record.error is not None
    assert (record.error.code, record.error.retryable) == (code, True)
    check_rules(_snapshot(store))


@pytest.mark.parametrize("end", ["crashed", "hung", "lease"])
def test_death_before_painting_is_no_crash(store: JobStore, clock: Clock, end: str) -> None:
    job_id = submit(store)
    claim(store)
    if end == "lease":
        clock.run_out_lease(job_id)
        _reap_past_hold(store, clock)
    else:
        store.claims.release(job_id, "c1", end)  # type: ignore[arg-type]
    record = load(store, job_id)
    assert (record.status, record.crashes, record.requeues) == ("queued", 0, 1)


def test_drain_is_no_crash(store: JobStore, clock: Clock) -> None:
    job_id = submit(store)
    _paint_and(store, clock, job_id, 1, "drained")
    record = load(store, job_id)
    assert (record.crashes, record.requeues, record.solo) == (0, 1, False)


def test_death_of_a_call_marks_its_jobs_and_counts_nothing(store: JobStore, clock: Clock) -> None:
    ids = submit_many(store, 2, call_key="b")
    claim(store, max_jobs=2)
    for job_id in ids:
        store.claims.report_started(job_id, "c1", 1)
        clock.run_out_lease(job_id)
    clock.reaped(1)
    assert store.reaper.reap().requeued == {CPU_QUEUE: 2}
    assert [(load(store, job_id).crashes, load(store, job_id).solo) for job_id in ids] == [
        (0, True),
        (0, True),
    ]


def test_eleventh_requeue_fails_the_job(store: JobStore) -> None:
    job_id = submit(store)
    for number in range(10):
        claim(store, f"c{number}")
        assert store.claims.release(job_id, f"c{number}", "drained") == "queued"
    claim(store, "c10")
    for _ in range(2):
        assert store.claims.release(job_id, "c10", "drained") == "failed"
    record = load(store, job_id)
    assert record.error is not None
    assert record.error.code == "requeued_too_often"
    assert record.requeues == 11
    check_rules(_snapshot(store))


def test_release_tells_the_same_again_when_repeated(store: JobStore) -> None:
    job_id = submit(store)
    claim(store)
    store.claims.report_started(job_id, "c1", 1)
    for _ in range(3):
        assert store.claims.release(job_id, "c1", "crashed") == "queued"
    assert (load(store, job_id).crashes, load(store, job_id).requeues) == (1, 1)
    claim(store, "c2")
    assert store.claims.release(job_id, "c1", "crashed") == "queued"
    assert store.claims.release(job_id, "c0", "crashed") == "stale"
    assert load(store, job_id).status == "running"


def test_blobs_of_a_lost_claim_are_wiped_once_it_can_write_no_more(
    store: JobStore, clock: Clock
) -> None:
    job_id = submit(store)
    claim(store)
    clock.run_out_lease(job_id)
    _reap_past_hold(store, clock)
    assert store.wipes.take() == []
    claim(store, "c2")
    clock.make_wipes_due()
    [member] = store.wipes.take()
    assert wiped_prefix(member) == f"jobs/{job_id}/c1/"
    store.wipes.end(member)
    assert store.claims.release(job_id, "c2", "drained") == "queued"
    clock.make_wipes_due()
    assert [wiped_prefix(each) for each in store.wipes.take()] == [f"jobs/{job_id}/c2/"]


# Old results --------------------------------------------------------------------------------------


def test_reap_wipes_a_result_that_is_old_enough(store: JobStore, clock: Clock) -> None:
    old, young = submit_many(store, 2)
    for job_id, token in ((old, "c1"), (young, "c2")):
        claim(store, token)
        succeed(store, job_id, token)
    clock.expire(old)
    clock.reaped(1)
    assert store.reaper.reap().expired == 1
    with pytest.raises(JobExpired):
        load(store, old)
    snapshot = _snapshot(store)
    assert set(snapshot.jobs) == {young}
    assert store.wipes.take() == [f"{old}#now"]
    check_rules(snapshot)


def test_everything_goes_once_jobs_are_old(store: JobStore, clock: Clock) -> None:
    ids = [submit(store, tenant=f"t{number}", queue=gpu_queue("g")) for number in range(5)]
    claim(store, queue=gpu_queue("g"))
    succeed(store, ids[0])
    for number, job_id in enumerate(ids):
        store.jobs.cancel(job_id, f"t{number}") if number else None
        clock.expire(job_id)
    clock.reaped(1)
    store.reaper.reap()
    clock.make_wipes_due()
    for member in store.wipes.take():
        store.wipes.end(member)
    kept = {"seq", "queues", "seen:paint-gpu:g", "reaped_at", "hold_until"}
    assert {name for name in _snapshot(store).kept if not name.startswith("counts:")} == kept


# Missing wake-ups ---------------------------------------------------------------------------------


def test_reap_finds_missing_wakeups_after_two_short_passes(store: JobStore, clock: Clock) -> None:
    submit_many(store, 5)
    clock.reaped(1)
    assert store.reaper.reap(min_gap_seconds=0).missing == {}
    assert store.reaper.reap(min_gap_seconds=0).missing == {}
    clock.short_for(CPU_QUEUE, 1)
    assert store.reaper.reap(min_gap_seconds=0).missing == {CPU_QUEUE: 5}


def test_reap_finds_the_difference_only(store: JobStore, clock: Clock) -> None:
    submit_many(store, 5)
    store.redis.rpush(LIST, *"abc")
    clock.reaped(1)
    store.reaper.reap(min_gap_seconds=0)
    clock.short_for(CPU_QUEUE, 1)
    assert store.reaper.reap(min_gap_seconds=0).missing == {CPU_QUEUE: 2}


def test_reap_lets_one_reaper_notify(store: JobStore, clock: Clock) -> None:
    submit(store)
    clock.reaped(1)
    store.reaper.reap(min_gap_seconds=0)
    clock.short_for(CPU_QUEUE, 1)
    assert store.reaper.reap(min_gap_seconds=0).missing == {CPU_QUEUE: 1}
    assert store.reaper.reap(min_gap_seconds=0).missing == {}
    assert 0 < store.redis.pttl(f"{store.namespace}:guard:{CPU_QUEUE}") <= 2000


def test_reap_starts_counting_anew_when_wakeups_sufficed(store: JobStore, clock: Clock) -> None:
    submit(store)
    clock.reaped(1)
    store.reaper.reap(min_gap_seconds=0)
    store.redis.rpush(LIST, "a")
    store.reaper.reap(min_gap_seconds=0)
    store.redis.delete(LIST)
    clock.short_for(CPU_QUEUE, 1)
    assert store.reaper.reap(min_gap_seconds=0).missing == {}


def test_reap_drops_wakeups_that_no_job_needs(store: JobStore, clock: Clock) -> None:
    submit(store)
    store.redis.rpush(LIST, *[f"d-{number}" for number in range(1500)])
    clock.reaped(1)
    store.reaper.reap(min_gap_seconds=0)
    assert store.redis.llen(LIST) == 1001


def test_reap_bounds_what_dead_workers_left(store: JobStore, clock: Clock) -> None:
    submit(store)
    store.redis.rpush(f"{LIST}:intermediate", *range(1000))
    clock.reaped(1)
    store.reaper.reap(min_gap_seconds=0)
    assert store.redis.llen(f"{LIST}:intermediate") == 256
