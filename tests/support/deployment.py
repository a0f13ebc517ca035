"""`paintjob up` as a test runs it: the real command, on a free port and in its own directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from service.local.deployment import READY_LINE
from tests.support.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]


@dataclass
class RunningUp:
    """A running `paintjob up`.

    Attributes:
        process: the command itself.
        url: where its API is.
        data_dir: its data directory.
        lines: what it has said until it was ready; all of it after `stop`.
    """

    process: subprocess.Popen[str]
    url: str
    data_dir: Path
    lines: list[str] = field(default_factory=list)

    def find_children(self, word: str) -> list[psutil.Process]:
        """Find the processes directly under it whose command line contains a word."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if word in _command_line(child)]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and wait; gives its exit status."""
        self.process.send_signal(number)
        self.lines += self.process.communicate(timeout=PATIENCE_SECONDS)[0].splitlines()
        return self.process.returncode


def up_command(data_dir: Path, *arguments: str) -> list[str]:
    """Return the command line of an `up` on a free port."""
    argv = [sys.executable, "-m", "service.cli", "up", "--port", "0"]
    return [*argv, "--data-dir", str(data_dir), *arguments]


@contextmanager
def running_up(*arguments: str, **settings: str) -> Iterator[RunningUp]:
    """Run `paintjob up` until the block ends.

    Args:
        arguments: further arguments of the command.
        settings: further environment.
    """
    data_dir = Path(tempfile.mkdtemp(prefix="pj-up-"))
    process = subprocess.Popen(
        up_command(data_dir, *arguments),
        cwd=ROOT,
        # The built-in model takes a worker of its own, with torch: only for tests that ask for it.
        env={**os.environ, "PAINTJOB_SELF_MODEL": "false", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    up = RunningUp(process, "", data_dir)
    try:
        up.url = _read_url(up)
        yield up
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        shutil.rmtree(data_dir, ignore_errors=True)


def _command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        # It has just ended.
        return ""


def _read_url(up: RunningUp) -> str:
    if up.process.stdout is None:
        raise RuntimeError("its output must be a pipe")
    while line := up.process.stdout.readline():
        up.lines.append(line.rstrip())
        if line.startswith(READY_LINE):
            return line.removeprefix(READY_LINE).strip()
    raise RuntimeError("\n".join(up.lines))
