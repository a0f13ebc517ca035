"""What the worker relies on in RQ: a release that changes any of it must not pass unseen."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest
import rq
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.utils import as_text

from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE, RUN_JOB, rq_list, rq_prefix
from service.store.wakeups import Wakeups
from worker.worker import WORKER_TTL_SECONDS, PaintWorker

SIGNATURES = {
    "execute_job": ["self", "job", "queue"],
    "request_stop": ["self", "signum", "frame"],
    "run_maintenance_tasks": ["self"],
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_overridden_method_has_the_signature_we_override(name: str) -> None:
    theirs = inspect.signature(getattr(SimpleWorker, name))
    ours = inspect.signature(getattr(PaintWorker, name))
    assert list(theirs.parameters) == SIGNATURES[name]
    assert list(ours.parameters) == SIGNATURES[name]


def test_nothing_else_of_rq_is_overridden() -> None:
    ours = {name for name, value in vars(PaintWorker).items() if inspect.isfunction(value)}
    theirs = {name for cls in SimpleWorker.__mro__ for name in vars(cls)}
    assert (ours & theirs) - {"__init__"} == set(SIGNATURES)


def test_rq_uses_our_prefix() -> None:
    assert rq_prefix(DEFAULT_NAMESPACE) == rq.defaults.RQ_KEY_PREFIX


def test_name_of_wakeups_resolves_and_refuses_to_run() -> None:
    module, _, function = RUN_JOB.rpartition(".")
    with pytest.raises(RuntimeError, match="Paintjob worker"):
        getattr(import_module(module), function)()


def test_notify_puts_one_anonymous_wakeup_on_the_list(broker_url: str) -> None:
    redis = Redis.from_url(broker_url)
    Wakeups(redis, DEFAULT_NAMESPACE).notify(CPU_QUEUE, 2)
    ids = [as_text(id_) for id_ in redis.lrange(rq_list(DEFAULT_NAMESPACE, CPU_QUEUE), 0, -1)]
    assert len(ids) == 2
    job = Job.fetch(ids[0], connection=redis, serializer="json")
    assert job.func_name == RUN_JOB
    assert not job.args
    assert not job.kwargs
    assert redis.ttl(job.key) > 0


def test_one_queue_blocks_by_blmove_for_a_second(broker_url: str) -> None:
    worker = SimpleWorker(
        [CPU_QUEUE], connection=Redis.from_url(broker_url), worker_ttl=WORKER_TTL_SECONDS
    )
    assert worker.dequeue_timeout == 1
    assert Queue(CPU_QUEUE, connection=worker.connection).intermediate_queue_key == (
        rq_list(DEFAULT_NAMESPACE, CPU_QUEUE) + ":intermediate"
    )
