"""A backup of broker and pictures, taken and restored as docs/operations.md says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from service.contract.jobs import JobStatus
from tests.support.brokers import Servers, running_servers
from tests.support.patience import wait_for
from tests.support.stack import Stack, running_stack

pytestmark = pytest.mark.slow


@pytest.fixture
def servers() -> Iterator[Servers]:
    with running_servers() as running:
        yield running


def _paint(stack: Stack) -> str:
    worker = stack.start_worker()
    job_id = stack.submit()
    assert stack.wait_ended(job_id).status is JobStatus.SUCCEEDED, stack.logs()
    worker.terminate()
    worker.wait()
    return job_id


def _back_up(servers: Servers, port: int, blobs: Path, backup: Path) -> None:
    """Copy the broker first: what is wiped meanwhile must not be missing from older records."""
    servers.connect(port).bgsave()
    dump = servers.directory / str(port) / "dump.rdb"
    wait_for(lambda: dump.exists() and servers.connect(port).info()["rdb_bgsave_in_progress"] == 0)
    backup.mkdir()
    shutil.copy(dump, backup / "dump.rdb")
    shutil.copytree(blobs, backup / "blobs")


def _restore(servers: Servers, port: int, blobs: Path, backup: Path) -> None:
    """Start from the dump without an append-only file, which is then written from it."""
    folder = servers.directory / str(port)
    folder.mkdir()
    shutil.copy(backup / "dump.rdb", folder / "dump.rdb")
    shutil.copytree(backup / "blobs", blobs)
    servers.start("--appendonly", "no", port=port)
    client = servers.connect(port)
    wait_for(lambda: _is_loaded(client))
    client.config_set("appendonly", "yes")
    wait_for(lambda: not _is_writing(client))
    servers.kill(port)
    servers.start("--appendonly", "yes", port=port)
    wait_for(lambda: _is_loaded(client))


def _is_loaded(client: redis.Redis) -> bool:
    try:
        return client.dbsize() > 0
    except redis.ConnectionError:
        return False


def _is_writing(client: redis.Redis) -> bool:
    info = client.info("persistence")
    return bool(info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"])


def test_restored_service_keeps_results_and_paints_what_waited(
    servers: Servers, tmp_path: Path
) -> None:
    port = servers.start("--appendonly", "yes")
    data, backup = tmp_path / "data", tmp_path / "backup"
    with running_stack(f"redis://127.0.0.1:{port}/0", data) as stack:
        done = _paint(stack)
        waiting = stack.submit()
        _back_up(servers, port, data / "blobs", backup)
        # All is lost.
        servers.kill(port)
        shutil.rmtree(servers.directory / str(port))
        shutil.rmtree(data / "blobs")
        _restore(servers, port, data / "blobs", backup)
        output = stack.record(done).outputs[0]
        stack.blobs.get_checked(output.path, output.sha256)
        stack.start_worker()
        record = stack.wait_ended(waiting)
        assert (record.status, record.attempt) == (JobStatus.SUCCEEDED, 1), stack.logs()
