"""Clients with API keys that follow jobs: their slots, and what they may do, over real sockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from service.contract.jobs import JobStatus
from service.store import JobStore, connect
from tests.support.keys import bearer, make_key
from tests.support.patience import wait_for
from tests.support.pictures import picture
from tests.support.server import RunningServer, running_server

pytestmark = pytest.mark.slow

HANG_SECONDS = 60


@pytest.fixture
def server(broker_url: str, tmp_path: Path) -> Iterator[RunningServer]:
    settings = {"AUTH": "keys", "HTTP_WORKERS": "1", "KEY_WAITING_CLIENTS": "2"}
    given = {f"PAINTJOB_{name}": value for name, value in settings.items()}
    with running_server(broker_url, tmp_path, **given) as running:
        yield running


@pytest.fixture
def store(broker_url: str) -> Iterator[JobStore]:
    opened = connect(broker_url)
    yield opened
    opened.redis.close()


def _submit(server: RunningServer, key: str, **fields: str) -> str:
    files = {"image": ("image.png", picture())}
    data = {"right": "8", **fields}
    answer = httpx2.post(f"{server.url}/outpaint", files=files, data=data, headers=bearer(key))
    job_id: str = answer.raise_for_status().json()["id"]
    return job_id


def _follow(stack: ExitStack, server: RunningServer, job_id: str, key: str) -> httpx2.Response:
    url = f"{server.url}/jobs/{job_id}/events"
    stream = httpx2.stream("GET", url, headers=bearer(key), timeout=HANG_SECONDS)
    return stack.enter_context(stream)


def test_one_key_does_not_use_all_wait_slots(server: RunningServer, store: JobStore) -> None:
    first, second = make_key(store), make_key(store, "other")
    job_id, other = _submit(server, first), _submit(server, second)
    with ExitStack() as stack:
        assert [_follow(stack, server, job_id, first).status_code for _ in range(2)] == [200, 200]
        refused = _follow(stack, server, job_id, first)
        assert refused.status_code == 503
        refused.read()
        assert refused.json()["code"] == "too_many_waiters"
        assert "this key" in refused.json()["detail"]
        assert _follow(stack, server, other, second).status_code == 200


def test_stream_ends_when_its_key_is_revoked(server: RunningServer, store: JobStore) -> None:
    key = make_key(store)
    job_id = _submit(server, key)
    ended = threading.Event()
    text: list[str] = []

    def read(answer: httpx2.Response) -> None:
        text.extend(answer.iter_text())
        ended.set()

    with ExitStack() as stack:
        answer = _follow(stack, server, job_id, key)
        reader = threading.Thread(target=read, args=(answer,))
        reader.start()
        store.keys.revoke(key.split("_")[1])
        assert ended.wait(HANG_SECONDS)
        reader.join()
    assert "the API key was revoked" in "".join(text)


def test_wait_ends_when_its_key_is_revoked(server: RunningServer, store: JobStore) -> None:
    key = make_key(store)
    job_id = _submit(server, key)
    answers: list[httpx2.Response] = []

    def wait() -> None:
        headers = {**bearer(key), "Prefer": "wait=60"}
        answers.append(httpx2.get(f"{server.url}/jobs/{job_id}", headers=headers, timeout=120))

    waiting = threading.Thread(target=wait)
    waiting.start()
    # Of the two slots of its key the waiting request holds one.
    wait_for(lambda: not _can_follow(server, job_id, key, 2))
    store.keys.revoke(key.split("_")[1])
    waiting.join()
    assert (answers[0].status_code, answers[0].json()["code"]) == (401, "unauthorized")


def test_only_a_key_that_writes_cancels_by_leaving(server: RunningServer, store: JobStore) -> None:
    writer, reader = make_key(store), make_key(store, scopes={"jobs:read"})
    job_id = _submit(server, writer, cancel_on_disconnect="true")
    with ExitStack() as stack:
        assert _follow(stack, server, job_id, reader).status_code == 200
    # The server has noticed that the client left once both slots of its key are free.
    wait_for(lambda: _can_follow(server, job_id, reader, 2))
    assert store.jobs.load(job_id, "acme").status is JobStatus.QUEUED
    with ExitStack() as stack:
        assert _follow(stack, server, job_id, writer).status_code == 200
    wait_for(lambda: store.jobs.load(job_id, "acme").status is JobStatus.CANCELED)


def _can_follow(server: RunningServer, job_id: str, key: str, times: int) -> bool:
    with ExitStack() as stack:
        answers = [_follow(stack, server, job_id, key) for _ in range(times)]
        return all(answer.status_code == 200 for answer in answers)
