"""A soak of the whole deployment under random faults: no job lost, none painted twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_invariant_holds_under_a_minute_of_faults(tmp_path: Path) -> None:
    report = tmp_path / "soak.html"
    argv = ["chaos", "--seconds", "60", "--faults-per-minute", "50", "--report", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *argv], capture_output=True, text=True, timeout=840
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every invariant held" in done.stdout
    assert "<svg" in report.read_text()
