"""A tenant's single job does not wait for another tenant's many, with real workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.contract.jobs import JobRecord
from tests.support.stack import Stack, running_stack

JOB_SECONDS = 0.3


def count_started(stack: Stack, job_ids: list[str], late: JobRecord) -> int:
    """Return how many of these jobs began while a later one waited."""
    assert late.started_at is not None
    began = [stack.record(job_id, "greedy").started_at for job_id in job_ids]
    return sum(at is not None and late.created_at < at < late.started_at for at in began)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_single_job_starts_after_a_job_or_two_of_each_worker(
    broker_url: str, tmp_path: Path, workers: int
) -> None:
    tag = f"zoo:slow:3:{JOB_SECONDS / 3}"
    with running_stack(broker_url, tmp_path, lease_seconds=10.0) as stack:
        greedy = [stack.submit(tag, tenant="greedy") for _ in range(60)]
        for _ in range(workers):
            stack.start_worker()
        for _ in range(3):
            record = stack.wait_ended(stack.submit(tag, tenant="late"), tenant="late")
            between = count_started(stack, greedy, record)
            # Of each worker the one that it paints, and one that it has claimed beside it.
            assert between <= 2 * workers, between
        assert stack.record(greedy[-1], "greedy").status == "queued", "it did not wait for these"
