"""The checks of a soak find what they are there to find."""

from __future__ import annotations

from service.contract.names import DEFAULT_TENANT, new_job_id
from service.local.chaos.faults import INJECT, draw_schedule
from service.local.chaos.invariants import check_jobs, check_memory
from service.local.chaos.workload import Ended
from service.store import JobStore
from tests.support.records import claim, make_spec, submit, succeed


def _submit_one(store: JobStore) -> str:
    spec = make_spec(tenant=DEFAULT_TENANT)
    submit(store, spec)
    return spec.job_id


def test_job_that_ended_once_is_no_problem(store: JobStore) -> None:
    job_id = _submit_one(store)
    claim(store)
    succeed(store, job_id)
    assert check_jobs(store, [Ended("inpaint", [job_id])]) == []


def test_job_that_is_unknown_is_lost(store: JobStore) -> None:
    [problem] = check_jobs(store, [Ended("inpaint", [new_job_id()])])
    assert problem.endswith("is lost")


def test_job_that_has_not_ended_is_a_problem(store: JobStore) -> None:
    problems = check_jobs(store, [Ended("inpaint", [_submit_one(store)])])
    assert any("still queued" in problem for problem in problems)
    assert any("ended 0 times" in problem for problem in problems)


def test_job_with_a_second_end_is_a_problem(store: JobStore) -> None:
    job_id = _submit_one(store)
    claim(store)
    succeed(store, job_id)
    events = f"{store.namespace}:events:{job_id}"
    store.redis.xadd(events, dict(store.redis.xrevrange(events, count=1)[0][1]))  # type: ignore[index, arg-type]
    [problem] = check_jobs(store, [Ended("inpaint", [job_id])])
    assert problem.endswith("has ended 2 times")


def test_what_a_scenario_saw_is_reported(store: JobStore) -> None:
    assert check_jobs(store, [Ended("cancel", problems=["seen"])]) == ["seen"]


def test_parent_that_grows_by_more_than_a_tenth_is_a_problem() -> None:
    megabyte = 2**20
    assert check_memory({"w": 60 * megabyte}, {"w": 69 * megabyte}) == []
    assert check_memory({"w": 60 * megabyte}, {"w": 71 * megabyte}) != []


def test_schedule_is_the_seeds_and_has_every_kind() -> None:
    schedule = draw_schedule(7, 600, 60)
    assert schedule == draw_schedule(7, 600, 60)
    assert schedule != draw_schedule(8, 600, 60)
    assert {fault.kind for fault in schedule} == set(INJECT)
    assert all(0 < fault.at_seconds < 600 for fault in schedule)
