"""Every process of a deployment is restarted under load, behind a real nginx; nobody notices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.contract.jobs import JobStatus
from service.contract.names import new_token
from tests.support.brokers import find_free_port
from tests.support.nginx import running_nginx
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.pictures import mask, picture
from tests.support.server import RunningServer, running_server
from tests.support.stack import Stack

pytestmark = pytest.mark.slow

PACE_SECONDS = 0.4
"""Between two rounds of a client: together below the rate that nginx lets through."""


@dataclass
class Load:
    """Clients that submit, read and wait until they are stopped, and all that went wrong."""

    url: str
    done: int = 0
    jobs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, headers: Callable[[], dict[str, str]], tag: str) -> None:
        """Be one client."""
        with httpx2.Client(base_url=self.url, timeout=PATIENCE_SECONDS) as client:
            while not self.stop.wait(PACE_SECONDS):
                job = self._call(client, "POST", "/inpaint", headers=headers(), **_form(tag))
                if job is not None:
                    self.jobs.append(job["id"])
                    self._call(client, "GET", job["links"]["self"])

    def _call(self, client: httpx2.Client, method: str, path: str, **named: Any) -> Any:
        try:
            answer = client.request(method, path, **named)
        except httpx2.TransportError as error:
            self.faults.append(f"{method} {path}: {error!r}")
            return None
        self.done += 1
        if answer.status_code not in (200, 202):
            self.faults.append(f"{method} {path}: {answer.status_code} {answer.text}")
            return None
        return answer.json()

    def wait_for_more(self, count: int = 12) -> None:
        """Wait until so many further requests were answered."""
        goal = self.done + count
        wait_for(lambda: self.done >= goal or bool(self.faults))


def _form(tag: str) -> dict[str, Any]:
    files = {"image": ("image.png", picture()), "mask": ("mask.png", mask())}
    return {"files": files, "data": {"tags": f'["{tag}"]'}}


def _make_plain() -> dict[str, str]:
    return {}


def _make_repeatable() -> dict[str, str]:
    return {"Idempotency-Key": new_token()}


def _make_waiting() -> dict[str, str]:
    return {"Prefer": "wait=30"}


@contextmanager
def _loading(url: str) -> Iterator[Load]:
    load = Load(url)
    clients = [
        threading.Thread(target=load.run, args=arguments)
        for arguments in (
            (_make_plain, "zoo:echo"),
            (_make_plain, "zoo:echo"),
            (_make_repeatable, "zoo:echo"),
            # Those that wait use connections at one time, of which nginx then keeps some idle.
            *[(_make_waiting, "zoo:slow:3:0.05")] * 6,
        )
    ]
    for client in clients:
        client.start()
    try:
        yield load
    finally:
        load.stop.set()
        for client in clients:
            client.join()


class _Apis:
    """Two APIs, each of which can be restarted at its port."""

    def __init__(self, stack: Stack, directory: Path) -> None:
        self._stack = stack
        self._directory = directory
        self.ports = [find_free_port(), find_free_port()]
        self._open: dict[int, ExitStack] = {}

    def start(self, port: int) -> RunningServer:
        folder = self._directory / str(port)
        folder.mkdir(exist_ok=True)
        settings = {
            "PAINTJOB_BLOB_URL": (self._stack.directory / "blobs").as_uri(),
            "PAINTJOB_PORT": str(port),
            "PAINTJOB_HTTP_WORKERS": "1",
            "PAINTJOB_TRUSTED_PROXIES": "127.0.0.1",
        }
        self._open[port] = ExitStack()
        running = running_server(self._stack.broker_url, folder, **settings)
        return self._open[port].enter_context(running)

    def stop(self, port: int) -> None:
        self._open.pop(port).close()

    def stop_all(self) -> None:
        for port in list(self._open):
            self.stop(port)


def test_restart_of_every_process_in_turn_fails_no_request_and_no_job(
    stack: Stack, tmp_path: Path
) -> None:
    apis = _Apis(stack, tmp_path)
    with ExitStack() as cleanup:
        cleanup.callback(apis.stop_all)
        for port in apis.ports:
            apis.start(port)
        workers = [stack.start_worker(), stack.start_worker()]
        url = cleanup.enter_context(running_nginx(tmp_path / "nginx", apis.ports))
        with _loading(url) as load:
            for port, worker in zip(apis.ports, workers, strict=True):
                load.wait_for_more()
                apis.stop(port)
                load.wait_for_more()
                apis.start(port)
                stack.start_worker()
                worker.terminate()
                assert worker.wait(timeout=PATIENCE_SECONDS) == 0
            load.wait_for_more()
        assert load.faults == []
        records = [stack.wait_ended(job_id) for job_id in load.jobs]
    assert {record.status for record in records} == {JobStatus.SUCCEEDED}
    assert {(record.attempt, record.crashes) for record in records} == {(1, 0)}
