"""Kernels are compiled once on a machine, however many processes start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "worker.engines.patch"],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )


def count_compiled(process: subprocess.Popen[str]) -> int:
    text, _ = process.communicate()
    assert process.returncode == 0
    found = re.search(r"(\d+) functions were compiled", text)
    assert found
    return int(found[1])


def test_of_two_processes_one_compiles_and_the_other_loads(tmp_path: Path) -> None:
    both = [start(tmp_path) for _ in range(2)]
    least, most = sorted(count_compiled(process) for process in both)
    assert least == 0
    assert most > 20
    assert count_compiled(start(tmp_path)) == 0
