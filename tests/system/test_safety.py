"""A safety check of the operator's, through a real worker."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.contract.jobs import JobStatus
from service.local.broker import EmbeddedBroker
from tests.support.safety import FORBIDDEN
from tests.support.stack import running_stack

pytestmark = pytest.mark.slow


def test_worker_refuses_what_the_check_refuses_and_paints_the_rest(
    private_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with running_stack(private_broker.url, tmp_path) as stack:
        stack.start_worker(safety_check="tests.support.safety:build_check")
        refused = stack.submit(params={"prompt": f"a {FORBIDDEN} door"})
        allowed = stack.submit(params={"prompt": "a door"})
        assert stack.wait_ended(allowed).status is JobStatus.SUCCEEDED, stack.logs()
        record = stack.wait_ended(refused)
        assert record.status is JobStatus.FAILED and record.error is not None
        assert record.error.code == "prompt_refused"
        assert FORBIDDEN not in stack.logs()
