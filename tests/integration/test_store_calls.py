"""Jobs that are painted together, and the model that is warm."""

from __future__ import annotations

from service.contract.errors import Hung
from service.contract.names import CPU_QUEUE
from service.store import JobStore, failure_of
from tests.support.records import (
    Clock,
    claim,
    claim_all,
    load,
    submit,
    submit_many,
)
from tests.support.snapshots import take_snapshot


def test_claim_takes_companions_across_tenants(store: JobStore) -> None:
    ids = [submit(store, tenant=f"t{number}", call_key="b") for number in range(3)]
    other = submit(store, tenant="t3", call_key="c")
    assert sorted(claim(store, max_jobs=8)) == sorted(ids)
    assert claim(store, "c2", max_jobs=8) == [other]


def test_claim_takes_no_more_mates_than_asked_for(store: JobStore) -> None:
    submit_many(store, 5, call_key="b")
    assert [len(ids) for ids in claim_all(store, max_jobs=2)] == [2, 2, 1]


def test_claim_charges_every_mate_to_its_own_tenant(store: JobStore) -> None:
    for tenant in ("a", "b"):
        submit_many(store, 2, tenant=tenant, call_key="k", cost=3)
    claim(store, max_jobs=2)
    scores = take_snapshot(store.redis, store.namespace).zsets[f"tenants:{CPU_QUEUE}"]
    assert scores == {"a": 3, "b": 3}


def test_claim_makes_no_call_of_jobs_without_a_key(store: JobStore) -> None:
    submit_many(store, 3)
    assert [len(ids) for ids in claim_all(store, max_jobs=3)] == [1, 1, 1]


def test_claim_looks_for_mates_among_the_heads_only(store: JobStore) -> None:
    first = submit(store, tenant="a", call_key="b")
    submit(store, tenant="c", call_key="x")
    submit(store, tenant="c", call_key="b")
    assert claim(store, max_jobs=4) == [first]


def test_claim_skips_nobody_for_a_mate_when_one_has_waited(store: JobStore, clock: Clock) -> None:
    first = submit(store, tenant="a", call_key="b")
    waiting = submit(store, tenant="b", call_key="x")
    companion = submit(store, tenant="c", call_key="b")
    clock.age(waiting, 3)
    assert claim(store, max_jobs=4) == [first]
    assert claim(store, "c2", max_jobs=4) == [waiting]
    assert claim(store, "c3", max_jobs=4) == [companion]


def test_claim_takes_a_mate_whose_turn_it_is_though_jobs_have_waited(
    store: JobStore, clock: Clock
) -> None:
    ids = [submit(store, tenant=name, call_key="b") for name in ("a", "b")]
    later = submit(store, tenant="c", call_key="x")
    for job_id in (*ids, later):
        clock.age(job_id, 3)
    assert claim(store, max_jobs=4) == ids


def test_claim_paints_jobs_alone_after_a_crash_together(store: JobStore) -> None:
    ids = submit_many(store, 2, call_key="b")
    claim(store, max_jobs=2)
    for job_id in ids:
        store.claims.report_started(job_id, "c1", 1)
        assert store.claims.release(job_id, "c1", "crashed") == "queued"
    fresh = submit(store, call_key="b")
    records = [load(store, job_id) for job_id in ids]
    assert [(record.solo, record.crashes, record.requeues) for record in records] == [
        (True, 0, 1),
        (True, 0, 1),
    ]
    assert claim_all(store, max_jobs=4) == [[ids[0]], [ids[1]], [fresh]]


def test_claim_never_joins_a_job_that_must_be_alone(store: JobStore) -> None:
    alone = submit_many(store, 2, call_key="b", tenant="z")
    claim(store, max_jobs=2)
    for job_id in alone:
        store.claims.release(job_id, "c1", "hung")
    fresh = submit(store, call_key="b", tenant="a")
    taken = claim_all(store, max_jobs=4)
    assert sorted(taken) == sorted([[fresh], [alone[0]], [alone[1]]])


# The warm model -----------------------------------------------------------------------------------


def test_claim_prefers_the_warm_model_while_nobody_waits_long(
    store: JobStore, clock: Clock
) -> None:
    cold = submit(store, tenant="a", model="cold", method="generate")
    warm = submit(store, tenant="b", model="warm", method="generate")
    assert claim(store, warm_model="warm") == [warm]
    submit(store, tenant="b", model="warm", method="generate")
    clock.age(cold, 3)
    assert claim(store, "c2", warm_model="warm") == [cold]


def test_claim_takes_what_there_is_when_nothing_fits_the_warm_model(store: JobStore) -> None:
    cold = submit(store, model="cold", method="generate")
    assert claim(store, warm_model="warm") == [cold]


def test_death_with_two_calls_in_work_counts_for_neither_and_parts_them(store: JobStore) -> None:
    first, second = submit_many(store, 2)
    claim(store, "c1")
    assert claim(store, "c2", beside=[(first, "c1")]) == [second]
    for job_id, token in ((first, "c1"), (second, "c2")):
        store.claims.report_started(job_id, token, 1)
        assert store.claims.release(job_id, token, "crashed") == "queued"
        assert load(store, job_id).crashes == 0
    assert claim(store, "c3") == [first]
    assert claim(store, "c4", beside=[(first, "c3")]) == []
    store.claims.report_started(first, "c3", 1)
    assert store.claims.release(first, "c3", "crashed") == "queued"
    assert load(store, first).crashes == 1


def test_job_that_must_be_alone_is_not_taken_beside_another(store: JobStore) -> None:
    first, second = submit_many(store, 2)
    claim(store, "c1")
    claim(store, "c2", beside=[(first, "c1")])
    store.claims.release(second, "c2", "hung")
    assert claim(store, "c3", beside=[(first, "c1")]) == []
    assert claim(store, "c4") == [second]


def test_calls_made_together_are_answered_in_order(store: JobStore) -> None:
    first, second = submit_many(store, 2)
    claim(store, "c1")
    failure = failure_of(Hung("it hung"))
    verdicts, [length] = store.claims.make_all(
        [
            store.claims.call_failed(first, "c1", failure),
            store.claims.call_take(CPU_QUEUE, worker="w", claim_id="c2"),
        ],
        [("ZCARD", store.scripts.key("ready", CPU_QUEUE))],
    )
    assert verdicts[0] == "failed"
    assert [job.job_id for job in verdicts[1]] == [second]
    assert length == 0
