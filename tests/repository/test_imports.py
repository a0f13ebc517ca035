"""The floors hold, and the check that holds them would notice if they did not."""

from __future__ import annotations

import importlib
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import service
import worker
from service.contract.names import RUN_JOB

ROOT = Path(__file__).parents[2]
ENTRIES = {
    "service.api.gunicorn_conf": "read by gunicorn as its settings",
    "service.api.wsgi": "makes the app, as gunicorn's entry",
}
"""Modules that do something at import, and why they may."""

FORBIDDEN = [
    ("service.documents.schemas", "numpy"),
    ("service.documents.schemas", "worker.config"),
    ("service.contract.jobs", "flask"),
    ("service.contract.params", "service.contract.jobs"),
    ("worker.call_loop", "service.config"),
    ("worker.imaging.picture", "torch"),
]
"""Imports that break one rule each: who imports whom."""


def _module_names() -> list[str]:
    found = [
        module.name
        for package in (service, worker)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return sorted(name for name in found if not name.startswith("worker.engines.diffusion"))


@pytest.mark.slow
def test_every_module_imports_without_doing_anything() -> None:
    names = [name for name in _module_names() if name not in ENTRIES]
    code = (
        "import importlib, sys, threading\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "assert threading.active_count() == 1, threading.enumerate()\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""


def test_parent_of_a_horse_loads_nothing_heavy() -> None:
    heavy = {"PIL", "c2pa", "cv2", "httpcore", "httpx", "numba", "numpy", "obstore", "torch"}
    code = (
        "import sys, worker.main\n"
        f"print(*sorted({heavy!r} & {{name.partition('.')[0] for name in sys.modules}}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_name_of_wakeups_resolves() -> None:
    module, _, function = RUN_JOB.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function))


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "helpers", "common", "manager", "misc"}
    assert not drawers & {part for name in _module_names() for part in name.split(".")}


@pytest.mark.slow
def test_floors_are_held(tmp_path: Path) -> None:
    _copy_program(tmp_path)
    for importer, imported in FORBIDDEN:
        with (tmp_path / f"{importer.replace('.', '/')}.py").open("a") as file:
            file.write(f"\nimport {imported}\n")
    done = _lint(tmp_path)
    assert done.returncode == 1, done.stdout
    for importer, imported in FORBIDDEN:
        assert f"{importer} -> {imported} " in done.stdout, done.stdout


@pytest.mark.slow
def test_new_module_must_be_given_a_floor(tmp_path: Path) -> None:
    _copy_program(tmp_path)
    (tmp_path / "service" / "new_module.py").touch()
    done = _lint(tmp_path)
    assert done.returncode == 1, done.stdout
    assert "new_module" in done.stdout


def _copy_program(folder: Path) -> None:
    for package in ("service", "worker"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
