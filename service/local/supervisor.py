"""The supervisor: starts programs, restarts those that end, stops all in order."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

POLL_SECONDS = 0.05
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A program that ran this long is restarted with the first delay again."""
MAX_START_DEATHS = 4
"""Failures of one program, before all were ready once, that end the start."""
HURRIED_SECONDS = 5.0
"""Grace time after a second signal."""


class Program(Protocol):
    """A program that the supervisor keeps running."""

    @property
    def name(self) -> str:
        """Its name in status lines."""
        ...

    @property
    def grace_seconds(self) -> float:
        """Seconds that it may take to stop before it is killed."""
        ...

    @property
    def is_running(self) -> bool:
        """True if it was started and has not ended."""
        ...

    def start(self) -> None:
        """Start it, or start it again.

        Raises:
            Exception: it could not be started; counts as a death.
        """
        ...

    def is_ready(self) -> bool:
        """Return whether it is ready; called while it runs, must return within about a second."""
        ...

    def tend(self) -> None:
        """Do small work for it; called often while it runs."""
        ...

    def describe(self) -> str:
        """Return its address or its outcome, in a few words."""
        ...

    def terminate(self) -> None:
        """Ask it to stop; a second call asks it to hurry."""
        ...

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for its end; return whether it has ended."""
        ...

    def kill(self) -> None:
        """End it at once, with all its child processes."""
        ...


class StartError(Exception):
    """Error: a program ended repeatedly before all were ready; the text names it."""


@dataclass
class _Watched:
    program: Program
    is_ready: bool = False
    deaths: int = 0
    started_at: float = 0.0
    restart_at: float | None = None


class Supervisor:
    """Runs programs until a signal comes.

    Args:
        stages: the programs in the order in which they stop, stage after stage; they start the
            other way round, so that nothing runs without what it needs.
        report: receives one line for people.
    """

    def __init__(self, stages: Sequence[Sequence[Program]], report: Callable[[str], None]) -> None:
        self._stages = [[_Watched(program) for program in stage] for stage in stages]
        self._report = report
        self._signals = 0
        self._was_ready = False

    def run(self, on_ready: Callable[[], None]) -> None:
        """Run everything until SIGINT, SIGTERM or SIGHUP; call from the main thread.

        Args:
            on_ready: called once, when all programs are ready for the first time.

        Raises:
            StartError: a program does not start; all programs were stopped.
        """
        with self._catch_signals():
            try:
                self._watch(on_ready)
            finally:
                self._stop_all()

    def _watch(self, on_ready: Callable[[], None]) -> None:
        everything = [watched for stage in reversed(self._stages) for watched in stage]
        for watched in everything:
            if self._signals == 0:
                self._start(watched)
        while self._signals == 0:
            for watched in everything:
                self._look_after(watched)
            if not self._was_ready and all(watched.is_ready for watched in everything):
                self._was_ready = True
                on_ready()
            time.sleep(POLL_SECONDS)

    def _start(self, watched: _Watched) -> None:
        watched.is_ready = False
        watched.restart_at = None
        watched.started_at = time.monotonic()
        self._report_state(watched, "starting")
        try:
            watched.program.start()
        except Exception as error:  # whatever it was, the others go on
            self._note_end(watched, str(error))

    def _look_after(self, watched: _Watched) -> None:
        now = time.monotonic()
        if watched.restart_at is not None:
            if now >= watched.restart_at:
                self._start(watched)
            return
        if not watched.program.is_running:
            self._note_end(watched, watched.program.describe())
            return
        watched.program.tend()
        if not watched.is_ready and watched.program.is_ready():
            watched.is_ready = True
            self._report_state(watched, "ready", watched.program.describe())

    def _note_end(self, watched: _Watched, reason: str) -> None:
        """Record an end, and schedule the restart: later each time, unless it had run for long."""
        watched.program.kill()
        watched.is_ready = False
        lived_seconds = time.monotonic() - watched.started_at
        watched.deaths = 1 if lived_seconds > STEADY_SECONDS else watched.deaths + 1
        if not self._was_ready and watched.deaths >= MAX_START_DEATHS:
            raise StartError(f"{watched.program.name} does not start: {reason}")
        delay = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2 ** (watched.deaths - 1))
        watched.restart_at = time.monotonic() + delay
        self._report_state(watched, "ended", f"{reason}; restart in {delay:g} s")

    def _stop_all(self) -> None:
        for stage in self._stages:
            running = [watched for watched in stage if watched.program.is_running]
            for watched in running:
                self._report_state(watched, "stopping")
                watched.program.terminate()
            self._wait_for(running)

    def _wait_for(self, stage: Sequence[_Watched]) -> None:
        """Wait for a stage within its grace; a new signal hurries it, and time out kills it."""
        if not stage:
            return
        seen = self._signals
        deadline = time.monotonic() + max(watched.program.grace_seconds for watched in stage)
        left = list(stage)
        while left and time.monotonic() < deadline:
            if self._signals > seen:
                seen = self._signals
                deadline = min(deadline, time.monotonic() + HURRIED_SECONDS)
                for watched in left:
                    watched.program.terminate()
            left = [watched for watched in left if not watched.program.wait(POLL_SECONDS)]
        for watched in stage:
            # Those that ended in time too: a child that they left behind must not stay.
            watched.program.kill()
            self._report_state(watched, "killed" if watched in left else "stopped")

    def _report_state(self, watched: _Watched, state: str, detail: str = "") -> None:
        self._report(f"  {watched.program.name:<20} {state:<9} {detail}".rstrip())

    @contextmanager
    def _catch_signals(self) -> Iterator[None]:
        def count(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, count) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
