"""The units of systemd: valid by systemd's own check, confined, with time enough to stop."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.contract.settings import find_known_fields
from worker.config import WorkerSettings

FOLDER = Path(__file__).parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
STOP_SECONDS = {
    "paintjob-api.service": 30 + 5,
    "paintjob-courier.service": 15,
    "paintjob-worker@.service": WorkerSettings.model_fields["drain_seconds"].default,
}
"""Time that a process may take by its own limits."""

CONFINED = ("NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "User=paintjob")


def _read(unit: Path) -> Iterator[tuple[str, str]]:
    for line in unit.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            yield name, value


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    for unit in FOLDER.iterdir():
        # Programs and files of a unit must be there when it is checked.
        text = unit.read_text().replace("/opt/paintjob/bin/python", sys.executable)
        (tmp_path / unit.name.replace("@.", "@1.")).write_text(text)
    argv = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "paintjob" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_is_confined_and_has_time_to_stop(unit: Path) -> None:
    lines = dict(_read(unit))
    assert set(CONFINED) <= set(unit.read_text().splitlines())
    assert float(lines["TimeoutStopSec"]) > STOP_SECONDS[unit.name]
    assert lines["MemoryMax"] and lines["Restart"] == "always"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_names_settings_that_exist(unit: Path) -> None:
    given = [value.partition("=")[0] for name, value in _read(unit) if name == "Environment"]
    own = [name for name in given if name.startswith("PAINTJOB_")]
    assert {name.removeprefix("PAINTJOB_").lower() for name in own} <= find_known_fields()
