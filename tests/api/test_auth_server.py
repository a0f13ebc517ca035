"""API keys under gunicorn: across processes, in the logs, and where it may listen at all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import psutil
import pytest

from service import cli
from service.client import PaintjobClient
from service.store import JobStore, connect
from tests.support.keys import bearer, make_key
from tests.support.pictures import mask, picture
from tests.support.server import ROOT, RunningServer, running_server

pytestmark = pytest.mark.slow

EVERYWHERE = "0.0.0.0"  # noqa: S104 - that is what is refused
TRIES = 24
"""Connections of their own, so that every process of two is met: all but once in eight million."""


@pytest.fixture
def server(broker_url: str, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of two processes that asks for keys and says all that it can."""
    settings = {"PAINTJOB_AUTH": "keys", "PAINTJOB_LOG_LEVEL": "DEBUG"}
    with running_server(broker_url, tmp_path, PAINTJOB_HTTP_WORKERS="2", **settings) as running:
        yield running


@pytest.fixture
def store(broker_url: str) -> Iterator[JobStore]:
    opened = connect(broker_url)
    yield opened
    opened.redis.close()


def _ask_all(server: RunningServer, key: str) -> set[int]:
    return {
        httpx2.get(f"{server.url}/limits", headers=bearer(key)).status_code for _ in range(TRIES)
    }


def test_revoked_key_is_refused_by_every_process_at_once(
    server: RunningServer, store: JobStore
) -> None:
    assert len(psutil.Process(server.process.pid).children()) == 2
    key, other = make_key(store), make_key(store)
    assert _ask_all(server, key) == {200}
    store.keys.revoke(key.split("_")[1])
    assert _ask_all(server, key) == {401}
    assert _ask_all(server, other) == {200}
    listed = [sys.executable, "-m", "service.cli", "jobs", "list", "--url", server.url]
    done = subprocess.run([*listed, "--key", key], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("; pass a key by --key or PAINTJOB_KEY\n")


def test_key_stands_in_no_log_and_its_id_does(server: RunningServer, store: JobStore) -> None:
    key = make_key(store)
    wrong = f"{key[:-4]}0000"
    files = {"image": ("image.png", picture()), "mask": ("mask.png", mask())}
    for sent, status in ((key, 202), (wrong, 401)):
        answer = httpx2.post(f"{server.url}/inpaint", files=files, headers=bearer(sent))
        assert answer.status_code == status
        assert sent not in answer.text + str(answer.headers)
    # In the wrong place it is not logged either.
    httpx2.get(f"{server.url}/jobs/{key}", headers=bearer(key))
    httpx2.get(f"{server.url}/limits?key={key}", headers=bearer(key))
    log = server.log.read_text()
    key_id, secret = key.split("_")[1:]
    assert f'"key_id":"{key_id}"' in log.replace('": "', '":"')
    assert secret[:-4] not in log


def _start(*bind: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "--config",
        "python:service.api.gunicorn_conf",
        *bind,
    ]
    return subprocess.run(
        [*command, "service.api.wsgi:app"],
        env={**os.environ, "PAINTJOB_PORT": "0", **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize(
    ("bind", "settings"),
    [
        ([], {"PAINTJOB_HOST": EVERYWHERE}),
        (["--bind", "0.0.0.0:0"], {}),
        (["--bind", "[::]:0"], {}),
        (["--bind", "127.0.0.1:0", "--bind", "0.0.0.0:0"], {}),
    ],
)
def test_gunicorn_refuses_an_address_that_others_reach(
    bind: list[str], settings: dict[str, str]
) -> None:
    if "[::]:0" in bind and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    done = _start(*bind, **settings)
    assert done.returncode != 0
    assert "PAINTJOB_AUTH=keys" in done.stderr
    assert "PAINTJOB_AUTH=open-to-everyone" in done.stderr


@pytest.mark.parametrize("auth", ["keys", "open-to-everyone"])
def test_gunicorn_listens_everywhere_when_told_so(
    broker_url: str, tmp_path: Path, auth: str
) -> None:
    settings = {"PAINTJOB_HOST": EVERYWHERE, "PAINTJOB_AUTH": auth, "PAINTJOB_HTTP_WORKERS": "1"}
    with running_server(broker_url, tmp_path, **settings) as server:
        status = httpx2.get(f"{server.url}/limits").status_code
    assert status == (401 if auth == "keys" else 200)


def test_client_and_command_line_send_their_key(
    server: RunningServer,
    store: JobStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = make_key(store)
    with PaintjobClient(server.url, api_key=key) as client:
        job = client.submit("outpaint", ("image.png", picture()), params={"right": 8})
        assert client.get_job(job.id).id == job.id
    image = tmp_path / "image.png"
    image.write_bytes(picture())
    monkeypatch.setenv("PAINTJOB_KEY", key)
    command = ["paintjob", "submit", "outpaint", str(image), "--right", "8", "--dry-run"]
    for further, status in (([], 0), (["--key", f"{key[:-4]}0000"], 1)):
        monkeypatch.setattr(sys, "argv", [*command, "--url", server.url, *further])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        assert (caught.value.code or 0) == status
    assert "valid API key" in capsys.readouterr().err
