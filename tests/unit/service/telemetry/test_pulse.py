from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

from service.telemetry.pulse import Pulse

DOCKERFILE = Path(__file__).parents[4] / "deploy" / "Dockerfile.worker"


def _check(file: Path) -> int:
    """Run the health check of the image; return its exit status."""
    text = re.sub(r"\\\n\s*", "", DOCKERFILE.read_text())
    found = re.search(r"^HEALTHCHECK .*?\bCMD (.*)$", text, flags=re.MULTILINE)
    assert found is not None
    environ = {**os.environ, "PAINTJOB_HEALTH_FILE": str(file)}
    return subprocess.run(["/bin/sh", "-c", found[1]], env=environ, check=False).returncode


def test_pulse_keeps_the_health_check_of_the_image_content(tmp_path: Path) -> None:
    file = tmp_path / "alive"
    assert _check(file) != 0
    Pulse(file).beat()
    assert _check(file) == 0
    old = time.time() - 120
    os.utime(file, (old, old))
    assert _check(file) != 0


def test_pulse_ends_no_worker_where_its_file_cannot_be_written() -> None:
    Pulse(Path("/proc/nowhere/alive")).beat()
    Pulse(None).beat()
