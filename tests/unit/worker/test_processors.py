from __future__ import annotations

import os
from pathlib import Path

import pytest

from worker.processors import bound_threads, count_threads, read_share


def _write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_share_is_the_least_of_all_groups_above(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    own.write_text("0::/pod/container\n")
    assert read_share(root, own) is None
    _write(root / "pod" / "container", cpu__max="max 100000\n")
    read_share.cache_clear()
    assert read_share(root, own) is None
    _write(root / "pod", cpu__max="150000 100000\n")
    read_share.cache_clear()
    assert read_share(root, own) == 1.5


def test_share_is_read_from_groups_of_version_one_too(tmp_path: Path) -> None:
    root, own = tmp_path / "cgroup", tmp_path / "own"
    own.write_text("5:memory:/m\n4:cpu,cpuacct:/docker/a\n")
    _write(root / "cpu,cpuacct" / "docker" / "a", cpu__cfs_quota_us="200000\n")
    _write(root / "cpu,cpuacct" / "docker" / "a", cpu__cfs_period_us="100000\n")
    assert read_share(root, own) == 2.0


def test_threads_are_bounded_by_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    environ = {"OPENBLAS_NUM_THREADS": "3"}
    for share, threads in ((None, 16), (2.0, 2), (1.5, 2), (0.1, 1), (64.0, 16)):
        monkeypatch.setattr("worker.processors.read_share", lambda found=share: found)
        assert count_threads() == threads
    monkeypatch.setattr("worker.processors.read_share", lambda: 2.0)
    bound_threads(environ)
    assert (environ["OMP_NUM_THREADS"], environ["OPENBLAS_NUM_THREADS"]) == ("2", "3")


def test_threads_are_counted_where_the_scheduler_tells_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on macOS."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr("worker.processors.read_share", lambda: None)
    assert count_threads() == os.cpu_count()
