"""Claiming: whose turn it is, and what may be painted together."""

from __future__ import annotations

from collections import Counter

import pytest

from service.contract.jobs import JobSpec
from service.contract.names import CPU_QUEUE, gpu_queue
from service.store import JobStore
from tests.support.records import (
    TENANT,
    Clock,
    claim,
    claim_all,
    load,
    make_spec,
    submit,
    submit_many,
    succeed,
)
from tests.support.snapshots import check_rules, take_snapshot


def _tenants(store: JobStore, claims: list[list[str]]) -> list[str]:
    jobs = take_snapshot(store.redis, store.namespace).jobs
    return [jobs[job_id]["tenant"] for ids in claims for job_id in ids]


def test_claim_gives_the_spec_and_takes_the_job(store: JobStore) -> None:
    spec = make_spec()
    submit(store, spec)
    (claimed,) = store.claims.take(CPU_QUEUE, worker="w1", claim_id="c1")
    assert JobSpec.model_validate_json(claimed.spec) == spec
    record = load(store, spec.job_id)
    assert (record.status, record.attempt, record.token, record.worker) == (
        "running",
        1,
        "c1",
        "w1",
    )
    assert record.started_at is not None
    assert record.painting_at is None
    assert [attempt.outcome for attempt in record.attempts] == [None]
    check_rules(take_snapshot(store.redis, store.namespace))


def test_claim_gives_the_same_jobs_when_repeated(store: JobStore) -> None:
    ids = submit_many(store, 3, call_key="b")
    assert claim(store, max_jobs=2) == ids[:2]
    assert claim(store, max_jobs=2) == ids[:2]
    assert claim(store, "c2") == ids[2:]


def test_claim_repeated_leaves_out_what_went_on_since(store: JobStore) -> None:
    first, second, third = submit_many(store, 3, call_key="b")
    claim(store, max_jobs=3)
    store.claims.release(first, "c1", "drained")
    succeed(store, second)
    assert claim(store, max_jobs=3) == [third]
    assert claim(store, "c2") == [first]
    assert claim(store, max_jobs=3) == [third]


def test_claim_gives_nothing_when_the_queue_is_empty(store: JobStore) -> None:
    submit(store, queue=gpu_queue("x"))
    assert claim(store) == []
    assert claim(store, "c2", gpu_queue("y")) == []


def test_claim_takes_the_oldest_first(store: JobStore) -> None:
    ids = submit_many(store, 5)
    assert [ids_[0] for ids_ in claim_all(store)] == ids


def test_claim_takes_the_highest_priority_first_within_a_tenant(store: JobStore) -> None:
    low, normal, high = (submit(store, priority=name) for name in ("low", "normal", "high"))
    assert claim_all(store) == [[high], [normal], [low]]


def test_claim_gives_priority_no_weight_across_tenants(store: JobStore) -> None:
    submit_many(store, 4, tenant="pushing", priority="high")
    submit_many(store, 4, tenant="quiet", priority="low")
    order = _tenants(store, claim_all(store))
    assert Counter(order[:4]) == {"pushing": 2, "quiet": 2}


@pytest.mark.parametrize(
    ("waited_seconds", "expected"),
    [
        (59, ["high", "normal", "low"]),
        (61, ["high", "low", "normal"]),
        (121, ["low", "high", "normal"]),
    ],
)
def test_claim_lifts_low_jobs_a_level_for_each_minute(
    store: JobStore, clock: Clock, waited_seconds: float, expected: list[str]
) -> None:
    ids = {submit(store, priority=name): name for name in ("low", "normal", "high")}
    clock.age(next(iter(ids)), waited_seconds)
    assert [ids[taken] for (taken,) in claim_all(store)] == expected


def test_claim_keeps_the_place_of_a_job_that_went_back(store: JobStore) -> None:
    first, second, third = submit_many(store, 3)
    assert claim(store) == [first]
    assert claim(store, "c2") == [second]
    store.claims.release(second, "c2", "drained")
    store.claims.release(first, "c1", "drained")
    assert claim_all(store) == [[first], [second], [third]]


# Tenants take turns -------------------------------------------------------------------------------


def test_claim_serves_a_tenant_with_one_job_beside_one_with_many(store: JobStore) -> None:
    submit_many(store, 300, tenant="many")
    for number in range(50):
        claim(store, f"before{number}")
    single = submit(store, tenant="single")
    taken = [claim(store, f"after{number}") for number in range(2)]
    assert [single] in taken


def test_claim_does_not_let_a_newcomer_make_up_for_the_past(store: JobStore) -> None:
    submit_many(store, 60, tenant="a")
    for number in range(30):
        claim(store, f"before{number}")
    submit_many(store, 30, tenant="b")
    order = _tenants(store, claim_all(store))
    assert Counter(order[:20]) == {"a": 10, "b": 10}


@pytest.mark.parametrize("name", ["aaa", "zzz"])
def test_claim_serves_others_when_a_tenant_comes_back_at_once_every_time(
    store: JobStore, name: str
) -> None:
    waiting = submit_many(store, 10, tenant="mmm")
    served = []
    for number in range(20):
        submit(store, tenant=name)
        served += claim(store, f"c{number}")
    assert len(set(waiting) & set(served)) in (9, 10)


def test_claim_forgets_what_tenants_were_served_once_nobody_waits(store: JobStore) -> None:
    for number in range(50):
        submit(store, tenant=f"t{number}")
    claim_all(store)
    snapshot = take_snapshot(store.redis, store.namespace)
    assert [name for name in snapshot.zsets if name.startswith(("served", "tenants"))] == []


def test_claim_remembers_only_tenants_ahead_of_the_line(store: JobStore) -> None:
    submit_many(store, 3, tenant="waits", cost=1)
    for number in range(40):
        submit(store, tenant=f"t{number}", cost=0.01)
    for number in range(41):
        claim(store, f"c{number}")
    submit(store, tenant="last")
    assert len(take_snapshot(store.redis, store.namespace).members("served", CPU_QUEUE)) <= 40
    claim_all(store)


def test_claim_charges_the_cost(store: JobStore) -> None:
    submit_many(store, 40, tenant="large", cost=4.0)
    submit_many(store, 40, tenant="small", cost=1.0)
    order = _tenants(store, claim_all(store))
    assert Counter(order[:20]) == {"large": 4, "small": 16}


def test_claim_charges_the_work_where_it_is_known(store: JobStore) -> None:
    submit_many(store, 40, tenant="heavy", cost=1.0, work=4.0)
    submit_many(store, 40, tenant="light", cost=1.0, work=1.0)
    order = _tenants(store, claim_all(store))
    assert Counter(order[:20]) == {"heavy": 4, "light": 16}


def test_claim_keeps_the_turns_exact_when_costs_are_fractions(store: JobStore) -> None:
    submit_many(store, 30, tenant="a", cost=0.262144)
    submit_many(store, 30, tenant="b", cost=0.262144)
    order = _tenants(store, claim_all(store))
    assert all(set(order[at : at + 2]) == {"a", "b"} for at in range(0, 60, 2))


@pytest.mark.slow
def test_claim_serves_one_job_at_once_beside_ten_thousand(store: JobStore) -> None:
    namespace = store.namespace
    submit_many(store, 100, tenant="many")
    with store.redis.pipeline(transaction=False) as pipeline:
        # Ten thousand through the API would take seconds and show the same.
        for number in range(10_000):
            pipeline.zadd(f"{namespace}:ready:{CPU_QUEUE}", {f"filler{number}": 1e9 + number})
            pipeline.zadd(
                f"{namespace}:ready:{CPU_QUEUE}:many:normal", {f"filler{number}": 1e9 + number}
            )
        pipeline.execute()
    claim(store, "c0")
    single = submit(store, tenant="single")
    assert store.jobs.load(single, "single").position == 1
    assert single in claim(store, "c1") + claim(store, "c2")


# What cannot be claimed ---------------------------------------------------------------------------


def test_claim_passes_over_schemas_that_it_does_not_know(store: JobStore) -> None:
    strange = submit(store, schema_number=99)
    known = submit(store)
    assert claim(store) == [known]
    assert claim(store, "c2") == []
    assert load(store, strange).status == "queued"
    assert claim(store, "c3", schemas=(99,)) == [strange]


def test_claim_reaches_behind_many_unknown_schemas(store: JobStore) -> None:
    submit_many(store, 40, schema_number=99)
    known = submit(store)
    assert claim(store) == [known]


def test_claim_ends_late_jobs_and_takes_the_next(store: JobStore, clock: Clock) -> None:
    late = submit_many(store, 40, start=10)
    good = submit(store)
    for job_id in late:
        clock.pass_start_deadline(job_id)
    assert claim(store) == [good]
    record = load(store, late[-1])
    assert record.status == "failed"
    assert record.error is not None
    assert record.error.code == "deadline_exceeded"
    assert record.attempts == []
    check_rules(take_snapshot(store.redis, store.namespace))


def test_claim_finds_the_last_tenant_when_all_before_it_were_late(
    store: JobStore, clock: Clock
) -> None:
    for number in range(20):
        clock.pass_finish_deadline(submit(store, tenant=f"a{number:02}"))
    good = submit(store, tenant="z")
    assert claim(store, max_jobs=2) == [good]


@pytest.mark.slow
def test_claim_bounds_how_many_late_jobs_one_call_ends(store: JobStore, clock: Clock) -> None:
    late = submit_many(store, 700)
    good = submit(store)
    for job_id in late:
        clock.pass_finish_deadline(job_id)
    assert claim(store) == []
    assert claim(store, "c2") == [good]


def test_claim_heals_an_index_entry_without_a_job(store: JobStore) -> None:
    name = f"{store.namespace}:ready:{CPU_QUEUE}"
    good = submit(store)
    for key in (name, f"{name}:{TENANT}:normal"):
        store.redis.zadd(key, {"ghost": 0})
    assert claim(store) == [good]
    check_rules(take_snapshot(store.redis, store.namespace))


# How many are before ------------------------------------------------------------------------------


def test_position_counts_who_would_be_claimed_before(store: JobStore) -> None:
    ids = [submit(store, tenant="a") for _ in range(3)]
    high = submit(store, tenant="a", priority="high")
    other = submit(store, tenant="b")
    positions = [store.jobs.load(job_id, "a").position for job_id in (high, *ids)]
    assert positions == [1, 2, 3, 4]
    assert store.jobs.load(other, "b").position == 1
    claim(store)
    assert [store.jobs.load(job_id, "a").position for job_id in (high, ids[0])] == [None, 1]
