"""What a key may use up: counted in the step that accepts the job, and charged once."""

from __future__ import annotations

from typing import Any

import pytest

from service.contract.errors import RateLimited, TooManyJobs
from service.contract.keys import KeyLimits
from service.store import JobStore, SubmitLimits, Submitted
from tests.support.records import LIMITS, claim, claim_all, make_spec, submit, succeed
from tests.support.snapshots import check_rules, take_snapshot


def _limits(**changes: Any) -> SubmitLimits:
    return SubmitLimits(100, 100, 900, KeyLimits(**changes))


def _submit(store: JobStore, cost: float, limits: SubmitLimits, key_id: str = "k") -> Submitted:
    spec = make_spec(cost=cost)
    store.jobs.begin_upload(spec.job_id)
    return store.jobs.submit(
        spec,
        start_within_seconds=None,
        finish_within_seconds=100,
        ttl_seconds=100,
        limits=limits,
        key_id=key_id,
    )


def _pass(store: JobStore, seconds: float, key_id: str = "k") -> None:
    """Let a budget have been looked at so long ago."""
    store.redis.hincrby(f"{store.namespace}:budget:{key_id}", "at", -round(seconds * 1000))


def test_key_has_a_number_of_unfinished_jobs(store: JobStore) -> None:
    limits = _limits(unfinished_jobs=2)
    first = submit(store, limits=limits, key_id="k")
    submit(store, limits=limits, key_id="k")
    with pytest.raises(TooManyJobs) as caught:
        submit(store, limits=limits, key_id="k")
    assert (caught.value.policy, caught.value.retry_after_seconds) == ("jobs", 10)
    submit(store, limits=limits, key_id="twin")
    assert claim(store) == [first]
    with pytest.raises(TooManyJobs):
        submit(store, limits=limits, key_id="k")
    succeed(store, first)
    submit(store, limits=limits, key_id="k")


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_job_that_is_gone_counts_no_more(store: JobStore, end: str) -> None:
    limits = _limits(unfinished_jobs=1)
    job_id = submit(store, limits=limits, key_id="k")
    getattr(store.jobs, end)(job_id, "default")
    submit(store, limits=limits, key_id="k")
    check_rules(take_snapshot(store.redis, store.namespace))


def test_budget_is_charged_and_fills_up_again(store: JobStore) -> None:
    limits = _limits(megapixels_per_minute=6)
    used = _submit(store, 4, limits).usage
    assert 2_000_000 <= used.pixels_left < 2_100_000
    assert 39 < used.full_in_seconds <= 40
    with pytest.raises(RateLimited) as caught:
        _submit(store, 3, limits)
    assert caught.value.policy == "pixels"
    wait = caught.value.retry_after_seconds or 0
    assert 9 < wait <= 10, "a megapixel is missing, and six come in a minute"
    _submit(store, 3, limits, key_id="other")
    _pass(store, wait)
    _submit(store, 3, limits)


def test_refused_job_is_not_charged(store: JobStore) -> None:
    limits = _limits(megapixels_per_minute=6)
    before = _submit(store, 4, limits).usage.pixels_left
    for _ in range(3):
        with pytest.raises(RateLimited):
            _submit(store, 5, limits)
    assert _submit(store, 0.1, limits).usage.pixels_left >= before - 100_000


def test_job_larger_than_the_budget_goes_when_it_is_full(store: JobStore) -> None:
    limits = _limits(megapixels_per_minute=1)
    used = _submit(store, 3, limits).usage
    assert used.pixels_left == -2_000_000
    assert used.full_in_seconds == 180
    with pytest.raises(RateLimited):
        _submit(store, 3, limits)
    _pass(store, 179)
    with pytest.raises(RateLimited):
        _submit(store, 3, limits)
    _pass(store, 2)
    _submit(store, 3, limits)


def test_job_is_charged_once_however_often_it_is_sent(store: JobStore) -> None:
    limits, spec = _limits(megapixels_per_minute=60), make_spec(cost=1)
    store.jobs.begin_upload(spec.job_id)
    for _ in range(3):
        used = store.jobs.submit(
            spec,
            start_within_seconds=None,
            finish_within_seconds=100,
            ttl_seconds=100,
            limits=limits,
            key_id="k",
        ).usage
    assert 59_000_000 <= used.pixels_left < 60_000_000
    assert used.key_jobs == 1


def test_budget_that_is_full_is_not_kept(store: JobStore) -> None:
    _submit(store, 1, _limits(megapixels_per_minute=60))
    budget = f"{store.namespace}:budget:k"
    assert 0 < int(store.redis.pttl(budget)) <= 1001


def test_budget_fills_up_again_though_the_clock_was_set_back(store: JobStore) -> None:
    limits = _limits(megapixels_per_minute=6)
    _submit(store, 6, limits)
    _pass(store, -3600)
    with pytest.raises(RateLimited) as caught:
        _submit(store, 3, limits)
    assert 29 < (caught.value.retry_after_seconds or 0) <= 31
    _pass(store, 30)
    _submit(store, 3, limits)


def test_smaller_budget_holds_from_the_next_job_on(store: JobStore) -> None:
    _submit(store, 1, _limits(megapixels_per_minute=100))
    assert _submit(store, 1, _limits(megapixels_per_minute=2)).usage.pixels_left == 1_000_000


def test_weight_is_the_share_of_a_tenant(store: JobStore) -> None:
    heavy, light = _limits(weight=2), _limits()
    for _ in range(30):
        submit(store, limits=heavy, tenant="heavy")
        submit(store, limits=light, tenant="light")
    tenants = {
        job_id: record["tenant"]
        for job_id, record in take_snapshot(store.redis, store.namespace).jobs.items()
    }
    served = [tenants[job_id] for (job_id,) in claim_all(store)[:30]]
    assert served.count("heavy") == 20
    # Not in blocks either.
    assert all("light" in served[start : start + 3] for start in range(0, 30, 3))


def test_job_of_a_late_tenant_is_next_however_much_waits(store: JobStore) -> None:
    for _ in range(200):
        submit(store, tenant="greedy", limits=LIMITS)
    for number in range(3):
        claim(store, f"g{number}")
    late = submit(store, tenant="late", limits=LIMITS)
    assert claim(store, "next") == [late]
