from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from worker.engines.diffusion.probes import (
    ProcessProbe,
    choose_probe,
    read_group_free,
    read_kibibytes,
)

MEBIBYTE = 2**20


def test_process_probe_measures_what_was_taken_and_given_back() -> None:
    probe = choose_probe("cpu")
    assert isinstance(probe, ProcessProbe)
    for size in (64, 16):
        probe.begin()
        taken = np.ones(size * MEBIBYTE, np.uint8)
        assert taken[-1] == 1
        del taken
        peak = probe.peak()
        assert peak is not None
        assert size - 4 <= peak / MEBIBYTE <= size + 16
    free = probe.free()
    assert free is not None and free > 64 * MEBIBYTE


def test_process_probe_tells_nothing_where_the_kernel_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("_STATUS", "_CLEAR", "_MEMORY", "_GROUP"):
        monkeypatch.setattr(f"worker.engines.diffusion.probes.{name}", tmp_path / "none" / name)
    probe = ProcessProbe()
    probe.begin()
    assert probe.peak() is None
    assert probe.free() is None


def test_read_kibibytes_finds_a_line_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "status"
    file.write_text("VmRSSx:\t   7 kB\nVmRSS:\t   2048 kB\n")
    assert read_kibibytes(file, "VmRSS") == 2 * MEBIBYTE
    assert read_kibibytes(file, "VmHWM") is None


@pytest.mark.parametrize(
    ("limit", "free"), [("max", None), ("1000", 300), ("500", 0), ("nonsense", None)]
)
def test_read_group_free_gives_what_the_limit_leaves(
    tmp_path: Path, limit: str, free: int | None
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("700\n")
    assert read_group_free(tmp_path) == free
    assert read_group_free(tmp_path / "none") is None
