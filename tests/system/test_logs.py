"""The logs of the real processes: JSON, with what a reader looks for."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.contract.jobs import JobStatus
from tests.support.pictures import mask, picture
from tests.support.server import running_server
from tests.support.stack import running_stack

pytestmark = pytest.mark.slow


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_request_is_logged_with_address_bytes_and_job(broker_url: str, tmp_path: Path) -> None:
    with running_server(broker_url, tmp_path, PAINTJOB_TRUSTED_PROXIES="127.0.0.1") as server:
        answer = httpx2.post(
            f"{server.url}/inpaint",
            files={"image": picture(64, 64), "mask": mask(64, 64, (16, 16, 48, 48))},
            data={"method": "patch"},
            headers={"X-Forwarded-For": "192.0.2.7", "X-Request-ID": "posted"},
        )
        job_id = answer.json()["id"]
        httpx2.get(f"{server.url}/jobs/{job_id}", headers={"X-Request-ID": "read"})
    # Everything, gunicorn's own lines too.
    lines = _lines(server.log)
    ended = {line.get("request_id"): line for line in lines if line["event"] == "request_ended"}
    assert ended["posted"]["address"] == "192.0.2.7"
    assert ended["posted"]["received_bytes"] > 300
    assert ended["posted"]["sent_bytes"] == len(answer.content)
    assert ended["read"]["job_id"] == job_id
    assert ended["read"]["address"] == "127.0.0.1"
    assert all(line["seconds"] >= 0 for line in ended.values())
    assert any(line["event"] == "job_accepted" and line["job_id"] == job_id for line in lines)
    assert any(line["event"] == "library_logged" for line in lines)
    assert not any(line.get("rule", "").startswith("/health") for line in lines)


def test_end_of_a_job_and_of_its_worker_are_explained(broker_url: str, tmp_path: Path) -> None:
    with running_stack(broker_url, tmp_path) as stack:
        worker = stack.start_worker()
        succeeded, failed = (
            stack.submit(tag, request_id=f"for-{tag}") for tag in ("zoo:echo", "zoo:raise")
        )
        assert stack.wait_ended(succeeded).status is JobStatus.SUCCEEDED
        assert stack.wait_ended(failed).status is JobStatus.FAILED
        worker.send_signal(signal.SIGTERM)
        worker.wait()
    lines = _lines(tmp_path / "worker-0.log")
    ends = {line["job_id"]: line for line in lines if line["event"] == "job_ended"}
    good, bad = ends[succeeded], ends[failed]
    assert (good["verdict"], good["method"], good["attempt"]) == ("succeeded", "patch", 1)
    assert good["request_id"] == "for-zoo:echo"
    assert {"paint_seconds", "encode_seconds", "seconds", "waited_seconds", "tenant"} <= set(good)
    assert (bad["verdict"], bad["reason"]) == ("failed", "internal")
    stopped = lines[-1]
    assert (stopped["event"], stopped["reason"]) == ("worker_stopped", "SIGTERM")
    assert stopped["exit_code"] == 0
    assert {line.get("worker") for line in lines[-2:]} == {good["worker"]}
