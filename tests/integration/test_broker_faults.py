"""Why a broker cannot be used: the true cause, and never the password."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import exceptions as errors
from structlog.testing import capture_logs

from service.contract.errors import BrokerUnavailable
from service.contract.names import CPU_QUEUE
from service.contract.setting_errors import SettingsError
from service.store import connect
from service.store.broker_faults import find_fault
from tests.support.brokers import (
    Servers,
    find_free_port,
    forwarding,
    running_servers,
    start_cluster,
)
from tests.support.certificates import make_certificate

SECRET = "correct-horse"  # noqa: S105


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with running_servers() as running:
        yield running


@pytest.fixture(scope="module")
def locked(servers: Servers) -> int:
    """Port of a server with a password, and a user who may do nothing."""
    port = servers.start("--requirepass", SECRET)
    client = servers.connect(port, password=SECRET)
    client.acl_setuser("weak", enabled=True, passwords=[f"+{SECRET}"], commands=["+info"])
    client.close()
    return port


def _find_cause(url: str) -> tuple[str, str]:
    """Return the cause that is logged, and what the command line would print."""
    store = connect(url)
    with capture_logs() as logs, pytest.raises(BrokerUnavailable) as raised:
        store.check_ready()
    store.close()
    assert SECRET not in str(logs) + raised.value.cause
    (line,) = logs
    assert line["event"] == "broker_unavailable"
    assert line["detail"] in raised.value.cause
    return line["cause"], raised.value.cause


def test_cause_is_told_of_a_login_that_fails(locked: int) -> None:
    address = f"127.0.0.1:{locked}"
    for url, cause in (
        (f"redis://{address}", "password_missing"),
        (f"redis://:wrong-{SECRET}@{address}", "wrong_password"),
        (f"redis://weak:{SECRET}@{address}", "not_permitted"),
    ):
        found, text = _find_cause(url)
        assert (found, address in text) == (cause, True), url


def test_cause_is_told_of_an_address_that_leads_nowhere(tmp_path: Path) -> None:
    for url, cause in (
        (f"redis://127.0.0.1:{find_free_port()}", "refused"),
        ("redis://no-such-host.invalid", "unknown_host"),
        (f"unix://{tmp_path}/no.sock", "no_socket"),
        (f"redis+sentinel://127.0.0.1:{find_free_port()}/main", "no_primary"),
    ):
        assert _find_cause(url)[0] == cause


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (errors.BusyLoadingError(), "loading"),
        (errors.MasterDownError("down"), "master_down"),
        (errors.OutOfMemoryError(), "full"),
        (errors.ClusterDownError("down"), "cluster_down"),
        (errors.ResponseError("ACL failure in script: no 'set'"), "not_permitted"),
        (errors.ConnectionError("max number of clients reached"), "too_many_clients"),
    ],
)
def test_cause_is_that_of_what_the_server_answers(error: errors.RedisError, cause: str) -> None:
    assert find_fault(error).cause == cause


def test_tls_works_with_a_certificate_that_is_trusted(servers: Servers, tmp_path: Path) -> None:
    port = servers.start()
    certificate = make_certificate(tmp_path, "localhost")
    with forwarding(port, certificate) as tls:
        address = f"localhost:{tls.port}"
        assert _find_cause(f"rediss://{address}")[0] == "certificate"
        assert _find_cause(f"redis://{address}")[0] == "closed"
        assert _find_cause(f"rediss://localhost:{port}")[0] == "tls"
        store = connect(f"rediss://{address}?ssl_ca_certs={certificate}")
        store.check_ready()
        store.close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://h?nonsense=1",
        "redis://h?socket_timeout=soon",
        "rediss://h?ssl_ca_certs=/no/such/file",
        "redis+sentinel://h",
    ],
)
def test_url_that_cannot_be_meant_is_refused_by_name(url: str) -> None:
    with pytest.raises(SettingsError, match="PAINTJOB_REDIS_URL="):
        connect(url)


def test_connections_that_a_firewall_forgot_cost_no_call(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with forwarding(servers.start()) as path:
        # As if they had been idle for long.
        monkeypatch.setattr("service.store.HEALTH_SECONDS", 1e-9)
        store = connect(f"redis://127.0.0.1:{path.port}")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: store.redis.client_id(), range(8)))
            store.check_ready()
            assert path.swallow() > 1
        with capture_logs() as logs:
            for _ in range(8):
                store.check_ready()
        assert logs == []
        store.close()


def test_former_primary_is_left_for_the_server_that_answers_now(servers: Servers) -> None:
    """A failover behind one address: connections stay open to a server that takes no writes."""
    first, second = servers.start(), servers.start()
    with forwarding(first) as address:
        store = connect(f"redis://127.0.0.1:{address.port}")
        store.presence.leave("w", CPU_QUEUE)
        servers.connect(first).replicaof("127.0.0.1", str(second))
        assert _tries(store) == "read_only"
        address.target = second
        store.presence.leave("w", CPU_QUEUE)
        store.close()


def _tries(store: object) -> str:
    with capture_logs() as logs, contextlib.suppress(BrokerUnavailable):
        store.presence.announce("w", CPU_QUEUE, methods=(), models=(), state="idle")  # type: ignore[attr-defined]
    return str(logs[0]["cause"]) if logs else ""


def test_cluster_is_followed_to_the_server_of_our_slot(servers: Servers) -> None:
    other, owner = start_cluster(servers, "{paintjob}")
    store = connect(f"redis://127.0.0.1:{other}")
    with capture_logs() as logs:
        store.presence.announce("w1", CPU_QUEUE, methods=(), models=(), state="idle")
    assert logs == []
    assert [worker.name for worker in store.presence.load_workers()] == ["w1"]
    store.close()
    assert servers.connect(owner).exists("{paintjob}:worker:w1") == 1
