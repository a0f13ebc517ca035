"""Records that older releases wrote are read, claimed and ended as their own release would."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.contract.jobs import KNOWN_SCHEMAS, SCHEMA
from service.store import JobStore
from tests.support.records import Clock, claim, load, submit, submit_many, succeed
from tests.support.snapshots import check_rules, take_snapshot


def _make_older(store: JobStore, job_id: str) -> None:
    """Rewrite a waiting job as schema 3 had it: `batch_key` in the spec and beside it."""
    key = f"{store.namespace}:job:{job_id}"
    text: str = store.redis.hget(key, "spec").decode()  # type: ignore[union-attr]
    spec = json.loads(text)
    spec |= {"batch_key": spec.pop("call_key"), "schema_number": 3}
    fields: dict[Any, Any] = {"schema": 3, "spec": json.dumps(spec), "batch_key": spec["batch_key"]}
    store.redis.hset(key, mapping=fields)
    store.redis.hdel(key, "call_key")


def _claim_as_older(store: JobStore, job_ids: list[str]) -> None:
    """Leave behind what a claim of schema 3 did: the size of the call as `batch`."""
    claim(store, max_jobs=len(job_ids))
    for job_id in job_ids:
        key = f"{store.namespace}:job:{job_id}"
        store.redis.hset(key, "batch", len(job_ids))
        store.redis.hdel(key, "call_size")


def test_newest_schema_is_known() -> None:
    assert max(KNOWN_SCHEMAS) == SCHEMA


def test_spec_of_schema_3_is_read(store: JobStore) -> None:
    job_id = submit(store, call_key="k")
    _make_older(store, job_id)
    spec = load(store, job_id).spec
    assert (spec.call_key, spec.schema_number) == ("k", 3)


def test_jobs_of_both_schemas_share_a_call(store: JobStore) -> None:
    older, newer, other = (submit(store, call_key=key) for key in ("k", "k", "x"))
    _make_older(store, older)
    assert claim(store, max_jobs=4) == [older, newer]
    assert claim(store, "c2", max_jobs=4) == [other]


@pytest.mark.parametrize(("count", "crashes"), [(1, 1), (2, 0)])
def test_claim_of_schema_3_counts_a_crash_only_alone(
    store: JobStore, clock: Clock, count: int, crashes: int
) -> None:
    ids = submit_many(store, count, call_key="k")
    _claim_as_older(store, ids)
    for number, job_id in enumerate(ids):
        store.claims.report_started(job_id, "c1", 1)
        if number == 0:
            assert store.claims.release(job_id, "c1", "crashed") == "queued"
        else:
            clock.run_out_lease(job_id)
            store.reaper.reap(min_gap_seconds=0)
    assert [load(store, job_id).crashes for job_id in ids] == [crashes] * count
    check_rules(take_snapshot(store.redis, store.namespace))


def test_claim_of_schema_3_is_committed(store: JobStore) -> None:
    job_id = submit(store)
    _claim_as_older(store, [job_id])
    assert succeed(store, job_id) == "succeeded"
