"""The processors that this process may use, and libraries bounded to them."""

from __future__ import annotations

import math
import os
from collections.abc import MutableMapping
from functools import cache
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
_LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def count_threads() -> int:
    """Return how many threads of this process may run at once.

    That is what the scheduler allows and what the container's share of time lets run: more threads
    than that stop all together when the share of a period is used up.
    """
    # macOS has no such call.
    allowed = getattr(os, "sched_getaffinity", None)
    visible = len(allowed(0)) if allowed else os.cpu_count() or 1
    share = read_share()
    return visible if share is None else max(1, min(visible, math.ceil(share)))


@cache
def read_share(root: Path = _CGROUPS, own: Path = _OWN_CGROUP) -> float | None:
    """Return the processors' time that the control groups allow, in processors; None: all.

    Source: cgroup v2 `cpu.max` of the kernel's documentation, and of v1 `cpu.cfs_quota_us`.
    """
    shares = [share for folder in _find_folders(root, own) for share in _read_folder(folder)]
    return min(shares, default=None)


def bound_threads(environ: MutableMapping[str, str]) -> None:
    """Have libraries that are loaded later start no more threads than may run at once.

    They count the machine's processors. What the environment says already stays.
    """
    count = count_threads()
    if count < (os.cpu_count() or 1):
        for name in _LIBRARIES:
            environ.setdefault(name, str(count))


def _find_folders(root: Path, own: Path) -> list[Path]:
    """Return the folders of this process's control groups, and those above them."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / controllers if controllers and (root / controllers).exists() else root
        folder = top / path.strip("/")
        found += [folder, *(above for above in folder.parents if above.is_relative_to(top))]
        # Version 1 under its usual name, whatever other controllers share it.
        found.append(root / "cpu")
    return found


def _read_folder(folder: Path) -> list[float]:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu.cfs_period_us").read_text().strip()
    except (OSError, ValueError):
        return []
    return [] if quota in ("max", "-1") else [int(quota) / int(period)]
