"""The API stays light: what importing it costs, and what it must never load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "numpy", "diffusers", "cv2", "worker")


def _run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def test_app_loads_nothing_heavy() -> None:
    code = f"import sys, service.api.app; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert _run(code) == "[]"


@pytest.mark.slow
def test_app_fits_in_120_mib(tmp_path: Path) -> None:
    code = (
        "from service.api.app import create_app; from service.config import ServiceSettings\n"
        "client = create_app(ServiceSettings()).test_client()\n"
        "assert client.get('/openapi.yaml').status_code == 200\n"
        "print(open('/proc/self/status').read().split('VmRSS:')[1].split()[0])"
    )
    assert int(_run(code)) / 1024 < 120


def test_importing_the_app_neither_connects_nor_reads_the_environment() -> None:
    code = (
        "import os\n"
        "os.environ['PAINTJOB_REDIS_URL'] = 'nonsense://'\n"
        "os.environ['PAINTJOB_PORT'] = 'nonsense'\n"
        "import service.api.app\n"
        "print('ok')"
    )
    assert _run(code) == "ok"
