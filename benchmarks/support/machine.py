"""The machine, the day and the versions that figures were measured with."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import psutil

LIBRARIES: Final = (
    "numpy", "opencv-python-headless", "numba", "pillow", "flask", "gunicorn", "redis", "rq",
    "torch",
)  # fmt: skip
QUIET_LOAD: Final = 0.5
"""The load of a core above which a machine counts as busy."""


def describe_machine() -> list[str]:
    """Return lines on machine, load, day, commit and versions, and a warning where it is busy."""
    load = os.getloadavg()[0]
    cores = os.cpu_count() or 1
    memory = psutil.virtual_memory().total / 2**30
    lines = [
        f"{time.strftime('%Y-%m-%d')}, commit `{_read_commit()}`; {_read_processor()}, "
        f"{cores} cores, {memory:.0f} GiB; {platform.system()} {platform.machine()}; "
        f"load {load:.1f}.",
        f"Python {platform.python_version()}, {', '.join(_list_versions(LIBRARIES))}.",
    ]
    if load > QUIET_LOAD * cores:
        lines.append("**The machine was busy with other work: trust ratios, not seconds.**")
    return [*lines, ""]


def _list_versions(names: Sequence[str]) -> list[str]:
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def _read_commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run(
        [git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _read_processor() -> str:
    path = Path("/proc/cpuinfo")
    for line in path.read_text().splitlines() if path.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
