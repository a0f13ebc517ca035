"""Waiting for jobs as clients do it: real gunicorn, real worker, real sockets."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from service.api.gunicorn_conf import graceful_timeout
from service.contract.jobs import JobStatus
from service.local.broker import EmbeddedBroker
from tests.support.broker import running_broker
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.pictures import mask, picture
from tests.support.server import RunningServer, running_server
from tests.support.sse import Listener, Message, follow
from tests.support.stack import Stack, running_stack

pytestmark = pytest.mark.slow

ONE_PROCESS = {"PAINTJOB_HTTP_WORKERS": "1"}


@contextmanager
def _running(
    broker_url: str, directory: Path, *, worker: bool = True, **settings: str
) -> Iterator[tuple[RunningServer, Stack]]:
    (directory / "data").mkdir()
    with (
        running_stack(broker_url, directory / "data") as stack,
        running_server(broker_url, directory, **settings) as server,
    ):
        if worker:
            stack.start_worker()
        yield server, stack


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, Stack]]:
    """A server of two processes, and a worker; on a broker of their own."""
    directory = tmp_path_factory.mktemp("running")
    with running_broker() as broker, _running(broker.url, directory) as both:
        yield both


def _post(
    server: RunningServer,
    tag: str = "zoo:echo",
    headers: dict[str, str] | None = None,
    **fields: Any,
) -> httpx2.Response:
    files = {"image": ("image.png", picture()), "mask": ("mask.png", mask())}
    data = {"tags": f'["{tag}"]', **fields}
    url = f"{server.url}/inpaint"
    return httpx2.post(url, files=files, data=data, headers=headers, timeout=PATIENCE_SECONDS)


def _versions(messages: list[Message]) -> list[int]:
    return [message.data["version"] for message in messages]


def _assert_complete(messages: list[Message]) -> None:
    """Every event once, in order, to the last."""
    assert _versions(messages) == list(range(1, len(messages) + 1))
    assert len({message.id for message in messages}) == len(messages)
    assert messages[-1].data["job"]["version"] == len(messages)


def test_post_answers_with_the_finished_job(running: tuple[RunningServer, Stack]) -> None:
    server, _ = running
    for _ in range(5):
        answer = _post(server, headers={"Prefer": "wait=60, return=minimal"})
        assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
        assert answer.headers["Preference-Applied"] == "wait=60"
        assert answer.headers["Location"] == answer.json()["links"]["self"]


def test_post_answers_with_the_picture_itself(running: tuple[RunningServer, Stack]) -> None:
    server, _ = running
    headers = {"Prefer": "wait=60", "Accept": "image/*, application/json;q=0.1"}
    answer = _post(server, headers=headers, seed="7")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/png")
    job_id = answer.headers["X-Job-ID"]
    assert answer.headers["X-Seed"] == "7"
    kept = httpx2.get(f"{server.url}/jobs/{job_id}/result")
    assert (answer.content, answer.headers["ETag"]) == (kept.content, kept.headers["ETag"])


def test_failed_job_is_a_job_or_a_problem_as_was_asked(
    running: tuple[RunningServer, Stack],
) -> None:
    server, _ = running
    job = _post(server, "zoo:raise", {"Prefer": "wait=60"})
    assert (job.status_code, job.json()["status"]) == (200, "failed")
    problem = _post(server, "zoo:raise", {"Prefer": "wait=60", "Accept": "image/png"})
    assert (problem.status_code, problem.json()["code"]) == (500, "internal")
    assert problem.headers["X-Job-ID"].startswith("job_")
    memory = _post(server, "zoo:memory", {"Prefer": "wait=60", "Accept": "image/png"})
    assert (memory.status_code, memory.json()["code"]) == (422, "out_of_memory")


def test_wait_that_runs_out_leaves_the_job_going(running: tuple[RunningServer, Stack]) -> None:
    server, stack = running
    began = time.monotonic()
    headers = {"Prefer": "wait=1", "Accept": "image/*"}
    answer = _post(server, "zoo:until:after_wait", headers)
    assert time.monotonic() - began > 0.9
    assert answer.status_code == 202
    assert answer.json()["status"] in ("queued", "running")
    stack.release("after_wait")
    url = server.url + answer.headers["Location"]
    later = httpx2.get(url, headers={"Prefer": "wait=60"}, timeout=PATIENCE_SECONDS)
    assert later.json()["status"] == "succeeded"
    assert later.headers["Preference-Applied"] == "wait=60"


def test_long_poll_returns_at_every_change_of_what_is_known(
    running: tuple[RunningServer, Stack],
) -> None:
    server, _ = running
    answer = _post(server, "zoo:slow:4:0.3")
    url, seen = server.url + answer.headers["Location"], [answer.json()["version"]]
    headers = {"Prefer": "wait=20", "If-None-Match": answer.headers["ETag"]}
    while answer.json()["status"] != "succeeded":
        answer = httpx2.get(url, headers=headers, timeout=PATIENCE_SECONDS)
        headers["If-None-Match"] = answer.headers["ETag"]
        seen.append(answer.json()["version"])
    assert len(seen) >= 5
    assert seen == sorted(set(seen))


def test_long_poll_without_change_is_304(broker_url: str, tmp_path: Path) -> None:
    with _running(broker_url, tmp_path, worker=False) as (server, _):
        answer = _post(server)
        url, headers = server.url + answer.headers["Location"], {"Prefer": "wait=1"}
        headers["If-None-Match"] = answer.headers["ETag"]
        again = httpx2.get(url, headers=headers)
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("fields", "tag"),
    [
        ({"finish_within_seconds": "2"}, "zoo:until:never"),
        ({"finish_within_seconds": "2"}, "zoo:hang:600"),
        ({"start_within_seconds": "1"}, "zoo:echo"),
    ],
)
def test_deadline_ends_the_job_and_the_work(
    running: tuple[RunningServer, Stack], fields: dict[str, str], tag: str
) -> None:
    server, stack = running
    if "start_within_seconds" in fields:
        stack.wait_painting(_post(server, "zoo:until:started_late").json()["id"])
    answer = _post(server, tag, {"Prefer": "wait=60", "Accept": "image/png"}, **fields)
    if "start_within_seconds" in fields:
        stack.release("started_late")
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    url = f"{server.url}/jobs/{answer.headers['X-Job-ID']}"
    job = httpx2.get(url).json()
    assert (job["status"], job["error"]["code"]) == ("failed", "deadline_exceeded")
    for name, value in fields.items():
        by = job["start_by_at" if name.startswith("start") else "finish_by_at"]
        created, due = (_parse_time(text) for text in (job["created_at"], by))
        assert due - created == pytest.approx(float(value), abs=0.01)
        assert _parse_time(job["finished_at"]) - due >= -0.01
    # The work has stopped: the worker is free for the next one.
    assert _post(server, headers={"Prefer": "wait=60"}).json()["status"] == "succeeded"
    assert httpx2.get(url).json()["version"] == job["version"]


def _parse_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_events_tell_all_and_end(running: tuple[RunningServer, Stack]) -> None:
    server, _ = running
    job = _post(server, "zoo:slow:5:0.25").json()
    messages = list(follow(server.url + job["links"]["events"]))
    _assert_complete(messages)
    names = [message.name for message in messages]
    assert names[:2] == ["status", "status"]
    assert {"painting", "mask", "progress"} <= set(names)
    assert messages[-1].data["status"] == "succeeded"
    assert messages[-1].data["job"] == httpx2.get(server.url + job["links"]["self"]).json()
    # Those of a job that has ended are told again, and after the last one there is nothing.
    again = list(follow(server.url + job["links"]["events"]))
    assert again == messages
    headers = {"Last-Event-ID": messages[-1].id}
    assert httpx2.get(server.url + job["links"]["events"], headers=headers).status_code == 204


def test_events_resume_at_every_place_without_gap_or_duplicate(
    running: tuple[RunningServer, Stack],
) -> None:
    server, _ = running
    job = _post(server, "zoo:slow:12:0.2").json()
    url, seen = server.url + job["links"]["events"], list[Message]()
    # Each connection is cut after one or two events.
    while not (seen and seen[-1].data["job"]):
        last = seen[-1].id if seen else ""
        seen += follow(url, last, at_most=1 + len(seen) % 2)
    _assert_complete(seen)
    assert len(seen) > 8


def test_waiters_of_two_processes_all_hear_the_end(running: tuple[RunningServer, Stack]) -> None:
    server, _ = running
    job = _post(server, "zoo:slow:8:0.2").json()
    listeners = [Listener([server.url + job["links"]["events"]]) for _ in range(12)]
    texts: list[str] = []

    def poll() -> None:
        headers = {"Prefer": "wait=60"}
        texts.append(
            httpx2.get(
                server.url + job["links"]["self"], headers=headers, timeout=PATIENCE_SECONDS
            ).text
        )

    threads = [threading.Thread(target=poll) for _ in range(12)]
    for thread in threads:
        thread.start()
    for listener in listeners:
        _assert_complete(listener.join())
    for thread in threads:
        thread.join()
    assert len(set(texts)) == 1
    assert '"status":"succeeded"' in texts[0]


def test_wiped_job_ends_streams_and_waits(broker_url: str, tmp_path: Path) -> None:
    with _running(broker_url, tmp_path, worker=False) as (server, _):
        job = _post(server).json()
        url = server.url + job["links"]["self"]
        listener = Listener([f"{url}/events"])
        answers: list[httpx2.Response] = []
        poll = threading.Thread(
            target=lambda: answers.append(
                httpx2.get(url, headers={"Prefer": "wait=60"}, timeout=PATIENCE_SECONDS)
            )
        )
        poll.start()
        wait_for(lambda: len(listener.messages) == 1)
        time.sleep(0.3)
        began = time.monotonic()
        httpx2.delete(url).raise_for_status()
        assert [message.name for message in listener.join()] == ["status", "wiped"]
        poll.join()
        # Long before its wait would have run out.
        assert time.monotonic() - began < 50
        assert (answers[0].status_code, answers[0].json()["code"]) == (404, "job_expired")


def test_full_house_is_told_before_anything_is_stored(broker_url: str, tmp_path: Path) -> None:
    settings = {**ONE_PROCESS, "PAINTJOB_HTTP_THREADS": "4"}
    with _running(broker_url, tmp_path, worker=False, **settings) as (server, stack):
        job = _post(server).json()
        url = server.url + job["links"]["events"]
        listeners = [Listener([url]) for _ in range(2)]
        wait_for(lambda: all(one.messages for one in listeners))
        blobs = stack.blobs.list("jobs/")
        refused = _post(server, headers={"Prefer": "wait=5"})
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_waiters")
        assert int(refused.headers["Retry-After"]) > 0
        assert httpx2.get(url).status_code == 503
        assert (
            httpx2.get(server.url + job["links"]["self"], headers={"Prefer": "wait=1"}).status_code
            == 503
        )
        assert stack.blobs.list("jobs/") == blobs
        assert stack.store.redis.zcard("{paintjob}:active:default") == 1
        # Those who do not wait are served.
        assert _post(server).status_code == 202
        httpx2.post(server.url + job["links"]["cancel"]).raise_for_status()
        for listener in listeners:
            listener.join()
        assert (
            httpx2.get(server.url + job["links"]["self"], headers={"Prefer": "wait=1"}).status_code
            == 200
        )


@contextmanager
def _sending(
    server: RunningServer, files: dict[str, Any], data: dict[str, str], headers: dict[str, str]
) -> Iterator[None]:
    """Post a form, and leave when the block ends, whatever has been answered."""
    request = httpx2.Request(
        "POST", f"{server.url}/inpaint", files=files, data=data, headers=headers
    )
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(f"POST /inpaint HTTP/1.1\r\n{lines}\r\n".encode() + request.read())
        yield


def _active(stack: Stack) -> list[str]:
    active: Any = stack.store.redis.zrange("{paintjob}:active:default", 0, -1)
    return [member.decode() for member in active]


@pytest.mark.parametrize("how", ["post", "poll", "events"])
def test_job_is_canceled_when_its_client_leaves(
    running: tuple[RunningServer, Stack], how: str
) -> None:
    server, stack = running
    if how == "post":
        files = {"image": ("image.png", picture()), "mask": ("mask.png", mask())}
        data = {"tags": '["zoo:until:never"]', "cancel_on_disconnect": "true"}
        with _sending(server, files, data, {"Prefer": "wait=60"}):
            wait_for(lambda: len(_active(stack)) == 1)
            (job_id,) = _active(stack)
    else:
        job_id = _post(server, "zoo:until:never", cancel_on_disconnect="true").json()["id"]
        url = f"{server.url}/jobs/{job_id}"
        if how == "poll":
            with pytest.raises(httpx2.ReadTimeout):
                httpx2.get(url, headers={"Prefer": "wait=60"}, timeout=httpx2.Timeout(60, read=0.5))
        else:
            next(follow(f"{url}/events"))
    record = stack.wait_ended(job_id)
    assert record.status is JobStatus.CANCELED


def test_client_that_leaves_frees_its_slot_and_harms_nothing(
    broker_url: str, tmp_path: Path
) -> None:
    settings = {**ONE_PROCESS, "PAINTJOB_HTTP_THREADS": "2"}
    with _running(broker_url, tmp_path, worker=False, **settings) as (server, stack):
        job = _post(server).json()
        url = server.url + job["links"]["self"]
        next(follow(f"{url}/events"))
        wait_for(
            lambda: (
                httpx2.get(url, headers={"Prefer": "wait=1"}, timeout=PATIENCE_SECONDS).status_code
                == 200
            )
        )
        assert stack.record(job["id"]).status is JobStatus.QUEUED


def test_stop_does_not_wait_for_open_streams(broker_url: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with (
        _running(broker_url, tmp_path / "a", worker=False) as (first, stack),
        running_server(broker_url, tmp_path / "b") as second,
    ):
        job = _post(first, cancel_on_disconnect="true").json()
        path = job["links"]["events"]
        listeners = [Listener([first.url + path, second.url + path]) for _ in range(6)]
        answers: list[httpx2.Response] = []
        url = first.url + job["links"]["self"]
        poll = threading.Thread(
            target=lambda: answers.append(
                httpx2.get(url, headers={"Prefer": "wait=60"}, timeout=PATIENCE_SECONDS)
            )
        )
        poll.start()
        wait_for(lambda: all(one.messages for one in listeners))
        time.sleep(0.5)
        began = time.monotonic()
        first.process.terminate()
        first.process.wait(timeout=PATIENCE_SECONDS)
        # Who waited for the streams would be killed after this time.
        assert time.monotonic() - began < graceful_timeout
        poll.join()
        assert (answers[0].status_code, answers[0].json()["status"]) == (200, "queued")
        # It was not the clients that left.
        assert stack.record(job["id"]).status is JobStatus.QUEUED
        httpx2.post(second.url + job["links"]["cancel"]).raise_for_status()
        for listener in listeners:
            _assert_complete(listener.join())
            assert listener.cuts >= 1


def test_streams_outlive_a_crash_of_the_broker(
    private_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    with _running(private_broker.url, tmp_path) as (server, stack):
        job = _post(server, "zoo:slow:30:0.2").json()
        listeners = [Listener([server.url + job["links"]["events"]]) for _ in range(4)]
        wait_for(lambda: all(len(one.messages) > 4 for one in listeners))
        # What is told reaches the disk within a second.
        private_broker.kill()
        time.sleep(1)
        private_broker.start()
        for listener in listeners:
            messages = listener.join()
            assert messages[-1].data["status"] in ("succeeded", "failed"), stack.logs()
            assert listener.cuts == 0
            assert _versions(messages)[:5] == [1, 2, 3, 4, 5]


def test_client_that_does_not_read_holds_up_nobody(broker_url: str, tmp_path: Path) -> None:
    with _running(broker_url, tmp_path, worker=True, **ONE_PROCESS) as (server, _):
        job = _post(server, "zoo:slow:20:0.1").json()
        path = job["links"]["events"]
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        for connection in idle:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        _assert_complete(Listener([server.url + path]).join())
        for connection in idle:
            connection.close()


def test_killed_api_process_costs_no_event(running: tuple[RunningServer, Stack]) -> None:
    server, _ = running
    job = _post(server, "zoo:slow:15:0.2").json()
    listeners = [Listener([server.url + job["links"]["events"]]) for _ in range(8)]
    wait_for(lambda: all(len(one.messages) > 3 for one in listeners))
    for child in psutil.Process(server.process.pid).children():
        os.kill(child.pid, signal.SIGKILL)
        time.sleep(0.5)
    for listener in listeners:
        _assert_complete(listener.join())
        assert listener.cuts >= 1
