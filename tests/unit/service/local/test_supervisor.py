"""The supervisor, with small real programs."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from service.local.processes import ChildProcess
from service.local.supervisor import StartError, Supervisor
from tests.support.patience import wait_for

_OBEDIENT = """
import pathlib, signal, sys, time
log = pathlib.Path(sys.argv[1])
def stop(*_):
    with log.open("a") as file:
        file.write(f"{sys.argv[2]} stopped\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
with log.open("a") as file:
    file.write(f"{sys.argv[2]} started\\n")
time.sleep(600)
"""
_DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
while True:
    signal.pause()
"""


def _program(
    tmp_path: Path, name: str, code: str = _OBEDIENT, grace_seconds: float = 600.0
) -> ChildProcess:
    log = tmp_path / "events"

    def has_started(_: int) -> bool:
        wanted = f"{name} started" if code == _OBEDIENT else "deaf"
        written = log if code == _OBEDIENT else tmp_path / f"{name}.log"
        return written.exists() and wanted in written.read_text()

    return ChildProcess(
        name,
        [sys.executable, "-S", "-c", code, str(log), name],
        lambda _: dict(os.environ),
        tmp_path / f"{name}.log",
        check_ready=has_started,
        grace_seconds=grace_seconds,
    )


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _later(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


def test_supervisor_starts_all_and_stops_stage_after_stage(tmp_path: Path) -> None:
    first, second = _program(tmp_path, "worker"), _program(tmp_path, "broker")
    lines: list[str] = []
    ready: list[bool] = []

    def on_ready() -> None:
        ready.append(first.is_running and second.is_running)
        _interrupt()

    Supervisor([[first], [second]], lines.append).run(on_ready)
    assert ready == [True]
    events = (tmp_path / "events").read_text().splitlines()
    assert sorted(events[:2]) == ["broker started", "worker started"]
    assert events[2:] == ["worker stopped", "broker stopped"]
    assert [line.split()[:2] for line in lines if "stopped" in line] == [
        ["worker", "stopped"],
        ["broker", "stopped"],
    ]


def test_supervisor_restarts_what_dies(tmp_path: Path) -> None:
    program = _program(tmp_path, "worker")
    lines: list[str] = []

    def kill_it() -> None:
        (tmp_path / "events").unlink()
        program.kill()
        threading.Thread(target=interrupt_when_it_is_back, daemon=True).start()

    def interrupt_when_it_is_back() -> None:
        wait_for(lambda: sum(line.split()[1] == "ready" for line in lines) == 2)
        _interrupt()

    Supervisor([[program]], lines.append).run(kill_it)
    states = [line.split()[1] for line in lines]
    assert states == ["starting", "ready", "ended", "starting", "ready", "stopping", "stopped"]
    assert "ended by SIGKILL" in lines[2]


@pytest.mark.slow
def test_supervisor_gives_up_when_a_program_never_comes_up(tmp_path: Path) -> None:
    good = _program(tmp_path, "good")
    bad = _program(tmp_path, "bad", "raise SystemExit(3)")
    with pytest.raises(StartError, match=r"bad does not start: exit 3, see .*bad.log"):
        Supervisor([[good], [bad]], lambda _: None).run(lambda: None)
    assert not good.is_running


def test_supervisor_kills_what_does_not_stop_in_its_grace(tmp_path: Path) -> None:
    program = _program(tmp_path, "deaf", _DEAF, grace_seconds=0.3)
    lines: list[str] = []
    Supervisor([[program]], lines.append).run(_interrupt)
    assert not program.is_running
    assert lines[-1].split() == ["deaf", "killed"]


@pytest.mark.slow
def test_supervisor_hurries_when_signaled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.local.supervisor.HURRIED_SECONDS", 0.3)
    program = _program(tmp_path, "deaf", _DEAF)

    def on_ready() -> None:
        _interrupt()
        _later(0.5, _interrupt)

    Supervisor([[program]], lambda _: None).run(on_ready)
    assert not program.is_running


def test_supervisor_puts_signal_handlers_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    Supervisor([[_program(tmp_path, "one")]], lambda _: None).run(_interrupt)
    assert signal.getsignal(signal.SIGTERM) is before
