"""Sentinel promotes a replica while jobs run, and the former primary comes back as a replica."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.contract.errors import BrokerUnavailable
from service.contract.jobs import JobStatus
from tests.faults.conftest import SHORT_LEASE_SECONDS
from tests.support.brokers import Servers, running_servers
from tests.support.patience import wait_for
from tests.support.stack import Stack, running_stack

pytestmark = pytest.mark.slow

SERVICE = "paintjob-main"


@pytest.fixture
def servers() -> Iterator[Servers]:
    with running_servers() as running:
        yield running


def _watch(primary: int) -> str:
    """Return the configuration of a Sentinel that promotes soon."""
    return "\n".join(
        (
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary} 1",
            f"sentinel down-after-milliseconds {SERVICE} 500",
            f"sentinel failover-timeout {SERVICE} 5000",
            "",
        )
    )


def test_jobs_survive_that_sentinel_promotes_another_server(
    servers: Servers, tmp_path: Path
) -> None:
    first, second = servers.start(), servers.start()
    servers.connect(second).replicaof("127.0.0.1", str(first))
    sentinel = servers.start(sentinel=_watch(first))
    watching = servers.connect(sentinel)
    wait_for(lambda: len(watching.sentinel_slaves(SERVICE)) == 1)
    url = f"redis+sentinel://127.0.0.1:{sentinel}/{SERVICE}"
    with running_stack(url, tmp_path, lease_seconds=SHORT_LEASE_SECONDS) as stack:
        stack.start_worker()
        stack.start("service.courier")
        job_id = stack.submit("zoo:until:released")
        stack.wait_painting(job_id)
        wait_for(lambda: _lag(servers, first) == 0)
        servers.kill(first)
        wait_for(lambda: _answers(stack))
        assert watching.sentinel_get_master_addr_by_name(SERVICE) == ("127.0.0.1", second)
        stack.release()
        record = stack.wait_ended(job_id)
        assert (record.status, record.attempt) == (JobStatus.SUCCEEDED, 1), stack.logs()
        # Idle connections lead to the new primary, too, and still do when the old one is back.
        servers.start(port=first)
        wait_for(lambda: servers.connect(first).info("replication")["role"] == "slave")
        assert _paint(stack) is JobStatus.SUCCEEDED, stack.logs()


def _answers(stack: Stack) -> bool:
    try:
        stack.store.check_ready()
    except BrokerUnavailable:
        return False
    return True


def _paint(stack: Stack) -> JobStatus:
    return stack.wait_ended(stack.submit()).status


def _lag(servers: Servers, primary: int) -> int:
    """Return how many bytes the replica has not confirmed."""
    found = servers.connect(primary).info("replication")
    return int(found["master_repl_offset"]) - int(found["slave0"]["offset"])
