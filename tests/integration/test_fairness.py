"""A tenant's single job does not wait for another tenant's many, with real workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stack import running_stack

JOB_SECONDS = 0.3


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_single_job_starts_within_a_job_of_each_worker_and_a_second(
    broker_url: str, tmp_path: Path, workers: int
) -> None:
    tag = f"zoo:slow:3:{JOB_SECONDS / 3}"
    with running_stack(broker_url, tmp_path, lease_seconds=10.0) as stack:
        greedy = [stack.submit(tag, tenant="greedy") for _ in range(60)]
        for _ in range(workers):
            stack.start_worker()
        for _ in range(3):
            record = stack.wait_ended(stack.submit(tag, tenant="late"), tenant="late")
            assert record.started_at is not None
            waited = (record.started_at - record.created_at).total_seconds()
            assert waited <= JOB_SECONDS * workers + 1
        assert stack.record(greedy[-1], "greedy").status == "queued", "it did not wait for these"
