"""Wake-ups: anonymous, harmless, and of RQ's own making."""

from __future__ import annotations

import pytest
from rq import Queue
from rq.job import Job

from service.contract.errors import BrokerUnavailable
from service.contract.names import (
    CPU_QUEUE,
    DEFAULT_NAMESPACE,
    RUN_JOB,
    gpu_queue,
    new_job_id,
    rq_list,
    rq_prefix,
)
from service.store import JobStore, connect
from service.store.wakeups import WAKEUP_SECONDS, Wakeups
from tests.support.records import Clock, make_spec, submit, submit_many
from tests.support.snapshots import take_snapshot


@pytest.fixture
def wakeups(store: JobStore) -> Wakeups:
    return Wakeups(store.redis, DEFAULT_NAMESPACE)


def test_notify_adds_as_many_wakeups(store: JobStore, wakeups: Wakeups) -> None:
    wakeups.notify(CPU_QUEUE)
    wakeups.notify(CPU_QUEUE, 3)
    wakeups.notify(gpu_queue("g"), 2)
    assert store.redis.llen(rq_list(DEFAULT_NAMESPACE, CPU_QUEUE)) == 4
    assert store.redis.llen(rq_list(DEFAULT_NAMESPACE, gpu_queue("g"))) == 2


def test_wakeup_names_no_job_and_is_readable_by_rq(store: JobStore, wakeups: Wakeups) -> None:
    wakeups.notify(CPU_QUEUE, 2)
    queue = Queue(CPU_QUEUE, connection=store.redis, serializer="json")
    jobs = [Job.fetch(id_, connection=store.redis, serializer="json") for id_ in queue.job_ids]
    assert len({job.id for job in jobs}) == 2
    for job in jobs:
        assert job.id.startswith("d-")
        assert (job.func_name, list(job.args), job.kwargs) == (RUN_JOB, [], {})
        assert job.result_ttl == 0


def test_prepared_wakeups_are_what_rq_makes(store: JobStore, wakeups: Wakeups) -> None:
    for _ in range(2):
        submit(store, make_spec(job_id=new_job_id()), wakeup=wakeups.prepare(CPU_QUEUE))
    wakeups.notify(CPU_QUEUE)
    ids = Queue(CPU_QUEUE, connection=store.redis, serializer="json").job_ids
    assert len(set(ids)) == 3
    made = [Job.fetch(id_, connection=store.redis, serializer="json") for id_ in ids]
    assert {(job.func_name, job.result_ttl, job.failure_ttl, job.origin) for job in made} == {
        (RUN_JOB, 0, 3600, CPU_QUEUE)
    }
    assert all(0 < store.redis.ttl(job.key) <= WAKEUP_SECONDS for job in made)


def test_wakeup_does_not_stay_forever(store: JobStore, wakeups: Wakeups) -> None:
    wakeups.notify(CPU_QUEUE)
    (key,) = store.redis.keys(f"{rq_prefix(DEFAULT_NAMESPACE)}:job:*")
    assert 0 < store.redis.ttl(key) <= WAKEUP_SECONDS


def test_notify_keeps_everything_under_the_namespace(store: JobStore, wakeups: Wakeups) -> None:
    wakeups.notify(CPU_QUEUE)
    own = store.redis.keys(f"{rq_prefix(DEFAULT_NAMESPACE)}:*")
    assert own
    assert sorted(own) == sorted(store.redis.keys("*"))


def test_notify_raises_unavailable_when_the_broker_is_away() -> None:
    nobody = connect("unix:///no/such/broker.sock")
    with pytest.raises(BrokerUnavailable):
        Wakeups(nobody.redis, DEFAULT_NAMESPACE).notify(CPU_QUEUE)


def test_wakeups_refuse_a_namespace_that_rq_was_not_imported_with(store: JobStore) -> None:
    with pytest.raises(ValueError, match="key prefix"):
        Wakeups(store.redis, "{elsewhere}")


def test_deleted_list_is_filled_again(store: JobStore, clock: Clock, wakeups: Wakeups) -> None:
    submit_many(store, 7)
    wakeups.notify(CPU_QUEUE, 7)
    clock.reaped(1)
    assert store.reaper.reap(min_gap_seconds=0).missing == {}
    store.redis.delete(rq_list(DEFAULT_NAMESPACE, CPU_QUEUE))
    store.reaper.reap(min_gap_seconds=0)
    clock.short_for(CPU_QUEUE, 1)
    for queue, count in store.reaper.reap(min_gap_seconds=0).missing.items():
        wakeups.notify(queue, count)
    snapshot = take_snapshot(store.redis, store.namespace)
    assert len(snapshot.lists[f"rq:queue:{CPU_QUEUE}"]) == 7
    assert store.reaper.reap(min_gap_seconds=0).missing == {}
    assert f"short:{CPU_QUEUE}" not in take_snapshot(store.redis, store.namespace).strings
