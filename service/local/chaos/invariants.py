"""Checks of what must hold after a soak, whatever was killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from service.client import PaintjobClient
from service.contract.errors import MissingResource
from service.contract.jobs import MAX_REQUEUES, JobRecord, JobStatus
from service.contract.names import CPU_QUEUE, DEFAULT_TENANT, rq_list
from service.local.chaos.fleet import Fleet
from service.local.chaos.receiver import Receiver
from service.local.chaos.workload import Ended
from service.store import START, JobStore, wiped_prefix

SETTLE_SECONDS = 60.0
MEMORY_GROWTH = 1.10
MEMORY_SLACK_BYTES = 4 * 1024 * 1024
"""Growth that a parent is always allowed: the steps of the allocator."""


def check_jobs(store: JobStore, ended: Iterable[Ended]) -> list[str]:
    """Check that every accepted job has exactly one end, and few enough attempts.

    Returns:
        The problems found, each in one line.
    """
    problems = []
    for submission in ended:
        problems += submission.problems
        for job_id in submission.job_ids:
            try:
                record = store.jobs.load(job_id, DEFAULT_TENANT).record
            except MissingResource:
                problems.append(f"{job_id} was accepted and is lost")
            else:
                problems += _check_record(record, _count_ends(store, job_id))
    return problems


def check_nothing_is_left(fleet: Fleet) -> list[str]:
    """Check that no lease, no waiting job and no wake-up is left once all jobs have ended."""
    redis, namespace = fleet.store.redis, fleet.store.namespace
    keys = {
        "leases": f"{namespace}:leases",
        "waiting jobs": f"{namespace}:ready:{CPU_QUEUE}",
    }
    left = {name: int(redis.zcard(key)) for name, key in keys.items()}
    wakeups = rq_list(namespace, CPU_QUEUE)
    if not _settles(lambda: redis.llen(wakeups) == 0):
        left["wake-ups"] = int(redis.llen(wakeups))
    return [f"{count} {name} are left" for name, count in left.items() if count]


def check_webhooks(receiver: Receiver, ended: Sequence[Ended]) -> list[str]:
    """Check that each wanted webhook arrived, every time under the same id."""
    jobs = [job for one in ended if one.kind == "webhook" for job in one.job_ids]

    def missing() -> list[str]:
        notified = {job for job, _ in receiver.webhook_ids}
        return [job for job in jobs if job not in notified]

    _settles(lambda: not missing())
    problems = [f"the webhook of {job} never arrived" for job in missing()]
    for (subject, status), ids in receiver.webhook_ids.items():
        if len(ids) > 1:
            problems.append(f"{subject} {status} was sent under {len(ids)} ids")
    return problems


def check_blobs_are_wiped(fleet: Fleet, jobs: Iterable[str]) -> list[str]:
    """Delete all jobs, and check that no blob is left that is not promised to be deleted.

    An API process that is killed between the first byte and the acceptance leaves pictures behind;
    the wipe list has them since before that byte, due within the hour.
    """
    with PaintjobClient(fleet.url) as client:
        for job_id in jobs:
            client.delete(job_id)
    if _settles(lambda: not _find_leaks(fleet)):
        return []
    leaks = _find_leaks(fleet)
    return [f"{len(leaks)} blobs are left: {leaks[:5]}"]


def _find_leaks(fleet: Fleet) -> list[str]:
    """Return the blobs that nothing will delete: those of uploads are on the wipe list."""
    redis, namespace = fleet.store.redis, fleet.store.namespace
    found: Any = redis.zrange(f"{namespace}:wipe", 0, -1)
    members = [member.decode() for member in found]
    promised = tuple(wiped_prefix(member) for member in members if member.endswith("#upload"))
    return [path for path in fleet.blobs.list("") if not path.startswith(promised)]


def check_memory(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Check that no parent has grown by more than a tenth."""
    bound = max(before.values()) * MEMORY_GROWTH + MEMORY_SLACK_BYTES
    return [
        f"{name} holds {size / 2**20:.0f} MiB, {bound / 2**20:.0f} MiB are its bound"
        for name, size in after.items()
        if size > bound
    ]


def _check_record(record: JobRecord, ends: int) -> list[str]:
    problems = []
    if not record.status.is_terminal:
        problems.append(f"{record.spec.job_id} is still {record.status}")
    if ends != 1:
        problems.append(f"{record.spec.job_id} has ended {ends} times")
    if record.attempt > MAX_REQUEUES + 1:
        problems.append(f"{record.spec.job_id} took {record.attempt} attempts")
    if record.status is JobStatus.SUCCEEDED and not record.outputs:
        problems.append(f"{record.spec.job_id} succeeded without an output")
    return problems


def _count_ends(store: JobStore, job_id: str) -> int:
    return sum(event.is_end for event in store.events.load_after(job_id, START))


def _settles(condition: Callable[[], bool]) -> bool:
    give_up_at = time.monotonic() + SETTLE_SECONDS
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.1)
    return True
