"""The settings of a broker that endanger accepted jobs are found, and logged once a process."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.local.broker import EmbeddedBroker
from service.store import BrokerCheck, BrokerMemory, JobStore, connect
from tests.support.http import build_app, context_of


@pytest.mark.parametrize(
    ("memory", "codes"),
    [
        (BrokerMemory(1, 10, "noeviction"), []),
        (BrokerMemory(1, None, "noeviction"), ["broker_unbounded"]),
        (BrokerMemory(1, 10, "volatile-lru"), ["broker_evicts"]),
        (BrokerMemory(1, None, "allkeys-lru"), ["broker_unbounded", "broker_evicts"]),
        (BrokerMemory(None, None), []),
    ],
)
def test_warnings_name_what_endangers_jobs(memory: BrokerMemory, codes: list[str]) -> None:
    assert [warning.code for warning in memory.warnings] == codes


@pytest.fixture
def store(private_broker: EmbeddedBroker) -> JobStore:
    return connect(private_broker.url)


def test_broker_with_a_bound_and_no_eviction_is_not_warned_of(store: JobStore) -> None:
    store.redis.config_set("maxmemory", 100_000_000)
    with capture_logs() as logs:
        BrokerCheck(store.scripts.link).run()
    assert logs == []


def test_check_logs_once(store: JobStore) -> None:
    store.redis.config_set("maxmemory", 0)
    store.redis.config_set("maxmemory-policy", "allkeys-lru")
    check = BrokerCheck(store.scripts.link)
    with capture_logs() as logs:
        check.run()
        check.run()
    found = [(entry["event"], entry["log_level"]) for entry in logs]
    assert found == [("broker_unbounded", "warning"), ("broker_evicts", "warning")]


def test_readiness_warns_without_failing_and_the_start_logs(
    store: JobStore, private_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    store.redis.config_set("maxmemory", 100_000_000)
    store.redis.config_set("maxmemory-policy", "volatile-ttl")
    app = build_app(private_broker.url, tmp_path)
    with capture_logs() as logs:
        context_of(app).check_broker()
    assert [entry["event"] for entry in logs] == ["broker_evicts"]
    response = app.test_client().get("/health/ready")
    assert response.status_code == 200
    assert [entry["code"] for entry in response.get_json()["warnings"]] == ["broker_evicts"]


def test_start_waits_for_no_broker(tmp_path: Path) -> None:
    context_of(build_app("redis://127.0.0.1:1", tmp_path)).check_broker()
