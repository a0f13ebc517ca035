"""`Idempotency-Key` over HTTP as clients use it: real gunicorn of two processes, real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import redis

from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE, rq_list
from service.local.broker import EmbeddedBroker
from service.store import connect
from tests.support.patience import wait_for
from tests.support.pictures import mask, picture
from tests.support.server import RunningServer, running_server
from tests.support.stack import Stack, running_stack

pytestmark = pytest.mark.slow
TWO_PROCESSES = {"PAINTJOB_HTTP_WORKERS": "2", "PAINTJOB_HTTP_THREADS": "8"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps its blobs."""
    return tmp_path_factory.mktemp("idempotency")


@pytest.fixture(scope="module")
def running(shared_broker: EmbeddedBroker, folder: Path) -> Iterator[RunningServer]:
    """A server of two processes."""
    with running_server(shared_broker.url, folder, **TWO_PROCESSES) as running:
        yield running


@pytest.fixture
def server(running: RunningServer, broker_url: str) -> RunningServer:
    """The server, on a broker that is empty."""
    return running


@pytest.fixture
def stack(broker_url: str, folder: Path) -> Iterator[Stack]:
    """Workers that see the server's blobs."""
    with running_stack(broker_url, folder / "data", lease_seconds=5.0) as running:
        yield running


def _post(url: str, key: str, tag: str = "zoo:echo", **fields: str) -> httpx2.Response:
    # A connection of its own each time, and httpx2 draws a boundary for each body.
    files = {"image": ("a.png", picture()), "mask": ("m.png", mask())}
    data = {"method": "patch", "tags": f'["{tag}"]', **fields}
    return httpx2.post(
        f"{url}/inpaint", files=files, data=data, headers={"Idempotency-Key": key}, timeout=30
    )


def _job_of(answer: httpx2.Response, *, replayed: bool) -> dict[str, Any]:
    assert answer.is_success, answer.text
    assert answer.headers.get("Idempotency-Replayed") == ("true" if replayed else None)
    job: dict[str, Any] = answer.json()
    return job


def test_every_try_has_a_boundary_of_its_own_and_gives_the_same_job(server: RunningServer) -> None:
    answers = [_post(server.url, "k") for _ in range(4)]
    assert len({answer.request.headers["Content-Type"] for answer in answers}) == 4
    first, *rest = answers
    job = _job_of(first, replayed=False)
    assert {_job_of(answer, replayed=True)["id"] for answer in rest} == {job["id"]}
    assert {answer.headers["Location"] for answer in answers} == {f"/jobs/{job['id']}"}
    assert _post(server.url, "k", seed="1").json()["code"] == "idempotency_conflict"


def test_key_holds_across_processes_and_makes_one_wakeup(
    server: RunningServer, redis_client: redis.Redis
) -> None:
    assert len(psutil.Process(server.process.pid).children()) == 2
    # Each process is asked alone: the other is stopped meanwhile.
    first, second = psutil.Process(server.process.pid).children()
    ids = []
    for asleep in (first, second):
        asleep.suspend()
        try:
            ids.append(_post(server.url, "k").json()["id"])
        finally:
            asleep.resume()
    assert ids[0] == ids[1]
    assert redis_client.llen(rq_list(DEFAULT_NAMESPACE, CPU_QUEUE)) == 1


def test_tries_at_the_same_moment_make_one_job(
    server: RunningServer, redis_client: redis.Redis
) -> None:
    tries = 8
    together = threading.Barrier(tries)

    def post(_: int) -> httpx2.Response:
        together.wait()
        return _post(server.url, "k")

    with ThreadPoolExecutor(tries) as pool:
        answers = list(pool.map(post, range(tries)))
    assert [answer.status_code for answer in answers] == [202] * tries
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert redis_client.llen(rq_list(DEFAULT_NAMESPACE, CPU_QUEUE)) == 1
    assert redis_client.zcard(f"{DEFAULT_NAMESPACE}:ready:{CPU_QUEUE}") == 1


def test_retry_gives_the_job_as_it_is_now_while_it_runs_and_after_the_end(
    server: RunningServer, stack: Stack
) -> None:
    stack.start_worker()
    tag = "zoo:slow:40:0.05"
    job = _job_of(_post(server.url, "k", tag), replayed=False)
    stack.wait_painting(job["id"])
    running = _job_of(_post(server.url, "k", tag), replayed=True)
    assert (running["id"], running["status"]) == (job["id"], "running")
    stack.wait_ended(job["id"])
    ended = _job_of(_post(server.url, "k", tag), replayed=True)
    assert (ended["id"], ended["status"], ended["attempt"]) == (job["id"], "succeeded", 1)
    assert ended == httpx2.get(server.url + job["links"]["self"]).json()
    assert httpx2.get(server.url + ended["links"]["result"]).is_success


def test_key_is_free_after_delete(server: RunningServer) -> None:
    job = _job_of(_post(server.url, "k"), replayed=False)
    assert httpx2.delete(server.url + job["links"]["self"]).status_code == 204
    other = _job_of(_post(server.url, "k", seed="1"), replayed=False)
    assert other["id"] != job["id"]
    assert httpx2.get(server.url + job["links"]["self"]).json()["code"] == "job_expired"


def test_key_of_a_job_that_ran_out_is_not_painted_again(
    server: RunningServer, stack: Stack
) -> None:
    stack.start_worker()
    job = _job_of(_post(server.url, "k", ttl_seconds="1"), replayed=False)
    stack.wait_ended(job["id"])
    stack.start("service.courier")

    def is_gone() -> bool:
        return httpx2.get(server.url + job["links"]["self"]).status_code == 404

    wait_for(is_gone, stack.logs)
    late = _post(server.url, "k", ttl_seconds="1")
    assert (late.status_code, late.json()["code"]) == (404, "job_expired")


def test_key_outlives_a_restart_of_the_api_and_of_the_broker(
    private_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with running_server(private_broker.url, tmp_path, **TWO_PROCESSES) as server:
        job = _job_of(_post(server.url, "k"), replayed=False)
        private_broker.kill()
        assert _post(server.url, "k").json()["code"] == "broker_unavailable"
        private_broker.start()
        assert _job_of(_post(server.url, "k"), replayed=True)["id"] == job["id"]
    with running_server(private_broker.url, tmp_path, **TWO_PROCESSES) as server:
        assert _job_of(_post(server.url, "k"), replayed=True)["id"] == job["id"]
        waiting = connect(private_broker.url).redis.zcard(f"{DEFAULT_NAMESPACE}:ready:{CPU_QUEUE}")
        assert waiting == 1
