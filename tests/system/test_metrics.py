"""Metrics of the real processes: API, courier, worker and its horse."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from service.contract.jobs import JobStatus
from service.store import connect
from service.telemetry.families import API, COURIER, FAMILIES, WORKER
from tests.support.broker import running_broker
from tests.support.keys import bearer, make_key
from tests.support.metrics import (
    check_with_promtool,
    fetch_metrics,
    find_metrics_port,
    value_of,
)
from tests.support.patience import wait_for
from tests.support.server import running_server
from tests.support.stack import Stack, running_stack

pytestmark = pytest.mark.slow

SHORT = {"operation": "inpaint", "method": "patch", "model": "none"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A worker and a courier that serve metrics, which have painted, failed and canceled."""
    with (
        running_broker() as broker,
        running_stack(
            broker.url,
            tmp_path_factory.mktemp("metrics"),
            environ={"PAINTJOB_METRICS_PORT": "0"},
        ) as stack,
    ):
        stack.start_worker()
        stack.start("service.courier")
        succeeded, failed = stack.submit(), stack.submit("zoo:fail")
        assert stack.wait_ended(succeeded).status is JobStatus.SUCCEEDED
        assert stack.wait_ended(failed).status is JobStatus.FAILED
        yield stack


def _fetch(stack: Stack, module: str) -> str:
    (log,) = stack.directory.glob(f"{module}-*.log")
    wait_for(lambda: find_metrics_port(log.read_text()) > 0, stack.logs)
    return fetch_metrics(find_metrics_port(log.read_text()))


def test_worker_shows_how_long_the_parts_of_its_jobs_took(stack: Stack) -> None:
    text = _fetch(stack, "worker")
    for part in ("wait", "paint", "encode", "duration"):
        assert value_of(text, f"paintjob_job_{part}_seconds_count", **SHORT) == 1, part
    assert value_of(text, "paintjob_call_jobs_sum", queue="paint-cpu") == 2
    assert value_of(text, "paintjob_horse_starts_total") == 1
    for process in ("worker", "horse"):
        assert value_of(text, "paintjob_resident_memory_bytes", process=process) > 1e7


def test_worker_shows_what_its_horse_has_counted(stack: Stack) -> None:
    text = _fetch(stack, "worker")
    assert value_of(text, "paintjob_blob_call_duration_seconds_count", operation="get") >= 2
    assert value_of(text, "paintjob_blob_call_duration_seconds_count", operation="put") >= 1


def test_courier_shows_ends_queues_and_workers(stack: Stack) -> None:
    text = _fetch(stack, "service.courier")
    assert value_of(text, "paintjob_jobs_ended_total", status="succeeded", code="") == 1
    assert value_of(text, "paintjob_jobs_ended_total", status="failed") == 1
    assert value_of(text, "paintjob_attempts_ended_total", outcome="succeeded") == 1
    assert value_of(text, "paintjob_workers", queue="paint-cpu") == 1
    assert value_of(text, "paintjob_broker_up") == 1
    assert value_of(text, "paintjob_broker_memory_bytes") > 0


def test_courier_shows_what_waits_and_for_how_long(stack: Stack) -> None:
    held = stack.submit("zoo:until:metrics")
    stack.wait_painting(held)
    waiting = stack.submit()
    text = _fetch(stack, "service.courier")
    assert value_of(text, "paintjob_queue_waiting_jobs", queue="paint-cpu") == 1
    assert value_of(text, "paintjob_running_jobs") == 1
    assert 0 <= value_of(text, "paintjob_queue_oldest_age_seconds", queue="paint-cpu") < 600
    stack.store.jobs.cancel(waiting, "default")
    text = _fetch(stack, "service.courier")
    assert value_of(text, "paintjob_jobs_ended_total", status="canceled") == 1
    assert value_of(text, "paintjob_queue_waiting_jobs", queue="paint-cpu") == 0
    stack.release("metrics")
    stack.wait_ended(held)


@pytest.mark.parametrize("module", ["worker", "service.courier"])
def test_metrics_follow_the_conventions(stack: Stack, module: str) -> None:
    check_with_promtool(_fetch(stack, module))


def test_names_are_those_of_the_table(stack: Stack) -> None:
    for module, process in (("worker", WORKER), ("service.courier", COURIER)):
        shown = set(re.findall(r"^# TYPE (\w+)", _fetch(stack, module), re.MULTILINE))
        table = {family.shown_name for family in FAMILIES if process in family.processes}
        assert shown <= table


def test_processes_of_the_api_count_together(broker_url: str, tmp_path: Path) -> None:
    settings = {"PAINTJOB_METRICS_PORT": "0", "PAINTJOB_HTTP_WORKERS": "2"}
    with running_server(broker_url, tmp_path, **settings) as server:
        port = find_metrics_port(server.log.read_text())
        before = _count_requests(fetch_metrics(port), "/version")
        with httpx2.Client(headers={"Connection": "close"}) as client:
            for _ in range(20):
                client.get(f"{server.url}/version")
            client.get(f"{server.url}/jobs/job_00000000000000000000000000")
            client.request("ODD", f"{server.url}/nowhere")
        for _ in range(4):  # whichever process answers
            text = fetch_metrics(port)
            assert _count_requests(text, "/version") == before + 20
        assert value_of(text, "paintjob_http_problems_total", code="not_found") >= 1
        assert value_of(text, "paintjob_http_requests_total", method="other") == 1
        assert value_of(text, "paintjob_http_request_duration_seconds_count") >= 22
        assert value_of(text, "paintjob_broker_call_duration_seconds_count", script="view") == 1
        assert value_of(text, "paintjob_resident_memory_bytes", process="api") > 1e7
        shown = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
        assert shown <= {family.shown_name for family in FAMILIES if API in family.processes}
        # The public port shows them to nobody while no keys are required.
        assert httpx2.get(f"{server.url}/metrics").status_code == 404
        check_with_promtool(text)


def test_counts_go_on_when_a_process_of_the_api_is_replaced(
    broker_url: str, tmp_path: Path
) -> None:
    settings = {"PAINTJOB_METRICS_PORT": "0", "PAINTJOB_HTTP_WORKERS": "1"}
    with running_server(broker_url, tmp_path, **settings) as server:
        port = find_metrics_port(server.log.read_text())
        answered = 0
        (pid,) = _find_children(server.process.pid)

        def is_answered() -> bool:
            nonlocal answered
            try:
                answered += httpx2.get(f"{server.url}/version").status_code == 200
            except httpx2.TransportError:
                return False
            return True

        assert is_answered()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: pid not in _find_children(server.process.pid), server.log.read_text)
        wait_for(is_answered, server.log.read_text)
        assert _count_requests(fetch_metrics(port), "/version") == answered


def test_public_port_shows_metrics_to_a_key_with_the_scope(broker_url: str, tmp_path: Path) -> None:
    store = connect(broker_url)
    with running_server(broker_url, tmp_path, PAINTJOB_AUTH="keys") as server:
        url = f"{server.url}/metrics"
        assert httpx2.get(url).status_code == 401
        caller = make_key(store, scopes=["jobs:read", "jobs:write"])
        assert httpx2.get(url, headers=bearer(caller)).status_code == 403
        operator = make_key(store, tenant="operator", scopes=["metrics:read"])
        answer = httpx2.get(url, headers=bearer(operator))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        check_with_promtool(answer.text)


def _count_requests(text: str, route: str) -> float:
    return value_of(text, "paintjob_http_requests_total", route=route, status="200")


def _find_children(pid: int) -> list[int]:
    return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
