"""What a tenant stores is counted in the step that accepts, and freed by whatever ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.contract.errors import StoreUnavailable, TooMuchStored
from service.contract.jobs import BatchPlace, Recipe, Timings
from service.contract.keys import StoredLimits
from service.store import InputBytes, JobStore, Stored, SubmitLimits
from tests.support.records import (
    FAILURE,
    TENANT,
    Clock,
    claim,
    keep,
    make_output,
    make_spec,
    make_upload,
    submit,
    succeed,
)
from tests.support.snapshots import check_rules, take_snapshot

NOTHING = Stored(0, 0, 0, 0)
_RECIPE, _TIMINGS = Recipe(engine="test"), Timings()
BATCH = "batch_A"
SHARED = InputBytes(1, {"upl_A": 7})


@pytest.fixture(autouse=True)
def rules(store: JobStore) -> Iterator[None]:
    yield
    check_rules(take_snapshot(store.redis, store.namespace))


def _stored(store: JobStore) -> Stored:
    return store.holdings.load(TENANT)


def _limits(**stored: int) -> SubmitLimits:
    return SubmitLimits(100, 100, 900, stored=StoredLimits(**stored))


def _begin(store: JobStore, batch_id: str = BATCH, **options: Any) -> Stored:
    return store.batches.begin(batch_id, TENANT, total=1, ttl_seconds=60, **options).stored


def _expire(store: JobStore, clock: Clock, job_id: str) -> None:
    claim(store)
    succeed(store, job_id)
    clock.expire(job_id)
    clock.reaped(1)
    store.reaper.reap(min_gap_seconds=0)


def _delete(store: JobStore, clock: Clock, job_id: str) -> None:
    store.jobs.delete(job_id, TENANT)


def _delete_painting(store: JobStore, clock: Clock, job_id: str) -> None:
    claim(store)
    store.jobs.delete(job_id, TENANT)
    assert succeed(store, job_id) == "stale"


@pytest.mark.parametrize("remove", [_expire, _delete, _delete_painting])
def test_job_counts_until_it_is_wiped(
    store: JobStore, clock: Clock, remove: Callable[[JobStore, Clock, str], None]
) -> None:
    job_id = submit(store, inputs=InputBytes(500))
    assert _stored(store) == Stored(1, 0, 0, 500)
    remove(store, clock, job_id)
    assert _stored(store) == NOTHING


def test_results_count_once_they_are_committed(store: JobStore) -> None:
    job_id = submit(store, inputs=InputBytes(500))
    claim(store)
    output = make_output(job_id, "c1").model_copy(update={"bytes": 2000})
    for _ in range(2):
        store.claims.finish_succeeded(
            job_id, "c1", outputs=[output, output], recipe=_RECIPE, timings=_TIMINGS
        )
    assert _stored(store) == Stored(1, 0, 0, 4500)


def test_failed_job_still_counts_with_its_inputs(store: JobStore) -> None:
    job_id = submit(store, inputs=InputBytes(500))
    claim(store)
    store.claims.finish_failed(job_id, "c1", FAILURE)
    assert _stored(store) == Stored(1, 0, 0, 500)


def test_job_is_refused_at_the_limit_of_jobs_until_one_is_wiped(store: JobStore) -> None:
    limits = _limits(jobs=2)
    first = submit(store, limits=limits)
    submit(store, limits=limits)
    claim(store)
    succeed(store, first)
    with pytest.raises(TooMuchStored, match="jobs, ended ones included") as caught:
        submit(store, limits=limits)
    assert caught.value.policy == "stored-jobs"
    submit(store, limits=limits, tenant="other")
    store.jobs.delete(first, TENANT)
    submit(store, limits=limits)


def test_job_is_refused_at_the_limit_of_bytes(store: JobStore) -> None:
    limits = _limits(bytes=1000)
    first = submit(store, limits=limits, inputs=InputBytes(600))
    with pytest.raises(TooMuchStored, match="bytes"):
        submit(store, limits=limits, inputs=InputBytes(401))
    submit(store, limits=limits, inputs=InputBytes(400))
    store.jobs.delete(first, TENANT)
    assert _stored(store) == Stored(1, 0, 0, 400)


def test_upload_counts_once_however_many_jobs_use_it(store: JobStore) -> None:
    keep(store, make_upload())
    limits = _limits(bytes=9)
    ids = [submit(store, inputs=SHARED, limits=limits) for _ in range(2)]
    assert _stored(store) == Stored(2, 0, 1, 9)
    store.uploads.drop("upl_A", TENANT)
    assert _stored(store) == Stored(2, 0, 0, 9), "jobs still hold the blob"
    store.jobs.delete(ids[0], TENANT)
    assert _stored(store) == Stored(1, 0, 0, 8)
    store.jobs.delete(ids[1], TENANT)
    assert _stored(store) == NOTHING


def test_link_counts_if_its_upload_went_meanwhile(store: JobStore) -> None:
    job_id = submit(store, inputs=SHARED)
    assert _stored(store) == Stored(1, 0, 0, 8)
    with pytest.raises(TooMuchStored):
        submit(store, inputs=InputBytes(0, {"upl_B": 7}), limits=_limits(bytes=14))
    store.jobs.delete(job_id, TENANT)
    assert _stored(store) == NOTHING


def test_upload_counts_until_its_blob_is_wiped(store: JobStore, clock: Clock) -> None:
    keep(store, make_upload())
    clock.make_wipes_due()
    assert _stored(store) == Stored(0, 0, 1, 7)
    assert store.wipes.take() == ["upl_A#now"]
    assert _stored(store) == NOTHING


def test_upload_runs_out_though_no_courier_has_wiped_it(store: JobStore) -> None:
    keep(store, make_upload())
    store.redis.zadd(f"{store.namespace}:uploads:{TENANT}", {"upl_A": 1})
    assert _stored(store) == NOTHING


def test_upload_is_refused_at_the_limits(store: JobStore) -> None:
    assert keep(store, make_upload(), uploads=1) == Stored(0, 0, 1, 7)
    with pytest.raises(TooMuchStored, match="uploads"):
        keep(store, make_upload("upl_B"), uploads=1)
    with pytest.raises(TooMuchStored, match="bytes"):
        keep(store, make_upload("upl_B"), bytes=13)
    assert keep(store, make_upload("upl_B"), uploads=2, bytes=14) == Stored(0, 0, 2, 14)


def test_upload_whose_blob_was_wiped_is_refused(store: JobStore, clock: Clock) -> None:
    store.jobs.begin_upload("upl_A")
    clock.make_wipes_due()
    with pytest.raises(StoreUnavailable):
        store.uploads.keep(make_upload(), StoredLimits())
    assert store.uploads.find("upl_A", TENANT) is None


def test_batch_is_refused_at_the_limit_until_one_goes(store: JobStore) -> None:
    assert _begin(store, limit=1) == Stored(0, 1, 0, 0)
    assert _begin(store, limit=1) == Stored(0, 1, 0, 0), "repeated"
    with pytest.raises(TooMuchStored, match="batches") as caught:
        _begin(store, "batch_B", limit=1)
    assert caught.value.policy == "batches"
    store.batches.forget(BATCH, TENANT)
    assert _begin(store, "batch_B", limit=1) == Stored(0, 1, 0, 0)


def test_batch_counts_until_it_expires(store: JobStore) -> None:
    _begin(store)
    place = BatchPlace(batch_id=BATCH, index=0)
    job_id = submit(store, make_spec(batch=place))
    store.batches.close(BATCH)
    store.jobs.delete(job_id, TENANT)
    names = [f"{store.namespace}:{name}" for name in (f"batch:{BATCH}", f"batches:{TENANT}")]
    ends = [store.redis.pexpiretime(name) for name in names]
    assert ends[0] == ends[1] == store.redis.zscore(names[1], BATCH)
    store.redis.zadd(names[1], {BATCH: 1})
    assert _stored(store) == NOTHING


def test_records_of_earlier_releases_drive_no_count_below_zero(store: JobStore) -> None:
    older, newer = submit(store, inputs=InputBytes(500)), submit(store, inputs=InputBytes(30))
    # As if the first had been accepted by a release that counts no bytes.
    store.redis.hdel(f"{store.namespace}:job:{older}", "stored_bytes", "shares")
    store.redis.set(f"{store.namespace}:stored:{TENANT}", 30)
    assert _stored(store) == Stored(2, 0, 0, 30)
    claim(store)
    succeed(store, older)
    assert _stored(store) == Stored(2, 0, 0, 31)
    store.jobs.delete(older, TENANT)
    assert _stored(store) == Stored(1, 0, 0, 30)
    store.jobs.delete(newer, TENANT)
    assert _stored(store) == NOTHING


def test_count_that_an_earlier_release_left_behind_goes_with_the_last_job(store: JobStore) -> None:
    job_id = submit(store, inputs=InputBytes(30))
    store.redis.incrby(f"{store.namespace}:stored:{TENANT}", 500)
    store.jobs.delete(job_id, TENANT)
    assert _stored(store) == NOTHING
