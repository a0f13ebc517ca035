"""The service's processes, each as an operator starts it, with an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS

ROOT = Path(__file__).parents[2]

COMMANDS: Mapping[str, Sequence[str]] = {
    "api": ("gunicorn", "--config", "python:service.api.gunicorn_conf", "service.api.wsgi:app"),
    "worker": ("worker",),
    "courier": ("service.courier",),
    "serve": ("service.cli", "serve"),
    "up": ("service.cli", "up"),
    "workers": ("service.cli", "workers"),
    "show": ("service.cli", "config", "show"),
    "config": ("service.cli", "config", "check"),
}


@dataclass
class Program:
    """A process that was started.

    Attributes:
        process: it.
        log: file of its output, both streams.
    """

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        """Return all that it has written so far."""
        return self.log.read_text()

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        return self.process.wait(PATIENCE_SECONDS)


class Programs:
    """Starts processes, and ends those that are left.

    Args:
        directory: for logs, and the data directory.
        environ: settings that all of them get, by their whole names.
    """

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._directory = directory
        self._environ = {"PAINTJOB_DATA_DIR": str(directory / "data"), **environ}
        self._started: list[Program] = []

    def start(self, name: str, *prefix: str, **settings: str) -> Program:
        """Start a process by its name in `COMMANDS`.

        Args:
            name: which.
            prefix: a program that runs it, with its arguments.
            settings: further environment.
        """
        argv = [*prefix, sys.executable, "-m", *COMMANDS[name]]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), **self._environ, **settings}
        file = self._directory / f"{len(self._started)}-{name}.log"
        with file.open("wb") as log:
            process = subprocess.Popen(
                argv, cwd=self._directory, env=environ, stdout=log, stderr=log
            )
        program = Program(process, file)
        self._started.append(program)
        return program

    def logs(self) -> str:
        """Return what all have written, for the message of a failed test."""
        return "\n".join(f"== {each.log.name}\n{each.output[-3000:]}" for each in self._started)

    def stop(self) -> None:
        """Stop all that still run, and wait."""
        for each in self._started:
            each.process.terminate()
        for each in self._started:
            try:
                each.wait()
            except subprocess.TimeoutExpired:
                each.process.kill()
                each.process.wait()


@contextmanager
def running_programs(directory: Path, **environ: str) -> Iterator[Programs]:
    """Yield a place for processes that share an environment."""
    programs = Programs(directory, environ)
    try:
        yield programs
    finally:
        programs.stop()
