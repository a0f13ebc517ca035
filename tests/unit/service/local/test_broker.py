"""The embedded broker: private, durable, alone on its directory."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis

from service.contract.settings import BROKER_URL_FILE, SharedSettings
from service.local.broker import BrokerError, EmbeddedBroker
from tests.support.patience import wait_for


def _client(broker: EmbeddedBroker) -> redis.Redis:
    return redis.Redis.from_url(broker.url, decode_responses=True)


def test_broker_keeps_its_data_when_killed_and_started_again(
    private_broker: EmbeddedBroker,
) -> None:
    url = private_broker.url
    with _client(private_broker) as client:
        for number in range(50):
            client.set(f"key:{number}", number)
    private_broker.kill()
    assert not private_broker.is_running
    assert private_broker.start() == url
    with _client(private_broker) as client:
        assert client.get("key:49") == "49"
        assert client.dbsize() == 50


@pytest.mark.slow
def test_broker_refuses_a_directory_in_use(tmp_path: Path) -> None:
    first = EmbeddedBroker(tmp_path)
    first.start()
    try:
        with pytest.raises(BrokerError, match="another broker runs in"):
            EmbeddedBroker(tmp_path).start()
        assert first.answers()
    finally:
        first.stop()


def test_broker_leaves_its_url_while_it_runs_and_takes_it_away(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    url = broker.start()
    assert SharedSettings(data_dir=tmp_path).resolved_redis_url() == url
    broker.stop()
    assert not (tmp_path / BROKER_URL_FILE).exists()
    with pytest.raises(ValueError, match=f"runs in {tmp_path}; .*set PAINTJOB_DATA_DIR"):
        SharedSettings(data_dir=tmp_path).resolved_redis_url()


def test_broker_refuses_writes_beyond_its_memory(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, max_memory_bytes=8_000_000)
    broker.start()
    try:
        with contextlib.closing(_client(broker)) as client:
            assert client.info("memory")["maxmemory"] == 8_000_000
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                for number in range(100):
                    client.set(f"key{number}", b"x" * 200_000)
    finally:
        broker.stop()


def test_broker_shows_its_socket_and_url_to_its_user_only(private_broker: EmbeddedBroker) -> None:
    socket = Path(private_broker.url.removeprefix("unix://"))
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((socket.parent / "url").stat().st_mode) == 0o600


def test_broker_takes_a_short_folder_when_the_socket_path_is_too_long(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    broker = EmbeddedBroker(data_dir)
    url = broker.start()
    try:
        socket = Path(url.removeprefix("unix://"))
        assert len(str(socket)) < 100
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert (data_dir / "broker" / "appendonlydir").is_dir()
        broker.kill()
        assert broker.start() == url
    finally:
        broker.stop()
    assert not socket.parent.exists()


def test_broker_works_when_the_path_needs_quoting(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path / "a folder 100%")
    broker.start()
    try:
        with _client(broker) as client:
            assert client.ping()
    finally:
        broker.stop()


def test_broker_never_forgets_keys_to_make_room(redis_client: redis.Redis) -> None:
    assert redis_client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert redis_client.config_get("appendonly") == {"appendonly": "yes"}


def test_broker_can_be_started_again_after_stop(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    for _ in range(2):
        broker.start()
        assert broker.answers()
        broker.stop()
        assert not broker.is_running


_HOLDER = """
import pathlib, sys, time
from service.local.broker import EmbeddedBroker
broker = EmbeddedBroker(pathlib.Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel call is Linux's own")
def test_broker_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder, holder.stdout as output:
        server = psutil.Process(int(output.readline()))
        os.kill(holder.pid, signal.SIGKILL)
    # Its own end frees the directory: a new start waits for it and finds it free.
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    try:
        wait_for(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    finally:
        broker.stop()
