"""What every fault test ends with: nothing is left of a job but its record and its blobs."""

from __future__ import annotations

from collections.abc import Sequence

from service.contract.jobs import MAX_REQUEUES, JobStatus
from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE, rq_list
from tests.support.patience import wait_for
from tests.support.stack import Stack


def check_settled(stack: Stack, job_ids: Sequence[str], queue: str = CPU_QUEUE) -> None:
    """Check the invariants: one terminal state, one result, no lease, wake-up or blob left over."""
    redis = stack.store.redis
    for job_id in job_ids:
        record = stack.record(job_id)
        assert record.status.is_terminal
        assert record.attempt <= MAX_REQUEUES + 1
        ends = [
            event
            for event in stack.events(job_id)
            if event["type"] == "status" and JobStatus(event["data"]).is_terminal
        ]
        assert len(ends) == 1, ends
        if record.status is JobStatus.SUCCEEDED:
            _wait_for_blobs(stack, job_id, str(record.token))
    assert redis.zcard(f"{DEFAULT_NAMESPACE}:leases") == 0
    assert redis.zcard(f"{DEFAULT_NAMESPACE}:ready:{queue}") == 0
    wait_for(lambda: redis.llen(rq_list(DEFAULT_NAMESPACE, queue)) == 0, stack.logs)


def _wait_for_blobs(stack: Stack, job_id: str, token: str) -> None:
    wait_for(lambda: _folders(stack, job_id) <= {"input", token}, stack.logs)


def _folders(stack: Stack, job_id: str) -> set[str]:
    return {path.split("/")[2] for path in stack.blobs.list(f"jobs/{job_id}/")}
