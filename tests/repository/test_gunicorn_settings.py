"""gunicorn's settings: one set, found from a checkout and from an installed package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKOUT = str(ROOT / "deploy" / "gunicorn.conf.py")


def _gunicorn(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", *arguments, "service.api.wsgi:app"],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("source", ["python:service.api.gunicorn_conf", CHECKOUT])
def test_gunicorn_takes_the_settings(source: str) -> None:
    shown = _gunicorn(
        "--print-config", "--config", source, PAINTJOB_HTTP_THREADS="7", PAINTJOB_PORT="1234"
    )
    assert shown.returncode == 0, shown.stderr
    lines = {
        name.strip(): value.strip()
        for name, _, value in (line.partition("=") for line in shown.stdout.splitlines())
    }
    assert lines["threads"] == "7"
    assert lines["keepalive"] == "75"
    assert lines["bind"] == "['127.0.0.1:1234']"
    assert lines["worker_class"] == "service.serving.http_worker.HttpWorker"
    assert lines["preload_app"] == "False"
    assert lines["control_socket_disable"] == "True"
