"""The parent's hold on its horse: start it, exchange messages, notice its death, end it."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TypeGuard

import structlog

from service.telemetry.families import FAMILIES, HORSE_STARTS, MODEL_EVICTIONS, MODEL_LOADS
from service.telemetry.metrics import replay
from worker.child import run_child
from worker.config import WorkerSettings
from worker.messages import BadSettings, Idle, OfCall, Ready, Started, ToHorse, ToParent

BROKEN_AFTER_DEATHS = 3
YOUNG_SECONDS = 60.0
"""Horses that die this soon, one after another, are a sign of a broken driver."""

STOP_SECONDS = 1.0

log = structlog.get_logger()


class HorseBroken(Exception):
    """Three horses died within a minute of their start: starting another is useless."""


class HorseRefused(Exception):
    """The horse cannot work with its settings; the text is the reason."""


class Harness:
    """One horse at a time.

    Args:
        settings: the worker's; passed on to the horse.
        clock: returns seconds that only grow; tests replace it.

    Attributes:
        ready: the horse's message that it is ready; `None` before.
        models: names of the models that it has loaded now, the most recently used last.
        heard_at: time of its last message, by the clock.
    """

    def __init__(
        self, settings: WorkerSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._started_at = 0.0
        self._young_deaths = 0
        self._last_fatal_job_id = ""
        self.ready: Ready | None = None
        self.models: tuple[str, ...] = ()
        self.heard_at = 0.0

    @property
    def pid(self) -> int | None:
        """The horse's process id, `None` without a horse."""
        return self._process.pid if self._process else None

    @property
    def is_alive(self) -> bool:
        """True while there is a horse and it runs."""
        return self._process is not None and self._process.is_alive()

    def start(self) -> None:
        """Start a horse; it can paint once `ready` is set.

        Call it from the main thread: the kernel ends the horse with the thread that started it.

        Raises:
            HorseBroken: the last three died young.
        """
        if self._young_deaths >= BROKEN_AFTER_DEATHS:
            raise HorseBroken
        ours, theirs = multiprocessing.Pipe()
        # Spawned, not forked: an accelerator's context does not survive a fork.
        process = multiprocessing.get_context("spawn").Process(
            target=run_child, args=(theirs, self._settings, os.getpid()), name="horse"
        )
        process.start()
        theirs.close()
        self._process, self._connection, self.ready = process, ours, None
        self._started_at = self.heard_at = self._clock()
        HORSE_STARTS.note(1)

    def send(self, message: ToHorse) -> None:
        """Send a message; one that cannot be sent is lost with the horse."""
        if self._connection is None:
            return
        try:
            self._connection.send(message)
        except OSError:
            log.info("horse_gone", horse=self.pid)

    def poll(self, timeout: float) -> list[OfCall]:
        """Return the horse's messages about calls, waiting up to `timeout` seconds for the first.

        Raises:
            HorseRefused: its settings cannot work.
        """
        if self._connection is None or self._process is None:
            time.sleep(timeout)
            return []
        wait([self._connection, self._process.sentinel], timeout)
        messages: list[ToParent] = []
        try:
            while self._connection.poll():
                messages.append(self._connection.recv())
        except (EOFError, OSError):
            # It died; `messages` holds what it sent before.
            pass
        if messages:
            self.heard_at = self._clock()
        return [message for message in messages if self._note(message)]

    def _note(self, message: ToParent) -> TypeGuard[OfCall]:
        """Keep what a message says of the horse itself; return whether it is about a call."""
        if isinstance(message, BadSettings):
            raise HorseRefused(message.reason)
        if isinstance(message, Ready):
            self.ready = message
            self._note_models(message.models)
            return False
        for one in message.messages:
            if isinstance(one, Started | Idle):
                self._note_models(one.models)
            if isinstance(one, Idle):
                replay(one.samples, FAMILIES)
        return True

    def _note_models(self, models: tuple[str, ...]) -> None:
        if models == self.models:
            return
        for name in set(models) - set(self.models):
            MODEL_LOADS.note(1, name)
        for name in set(self.models) - set(models):
            MODEL_EVICTIONS.note(1, name)
        self.models = models

    def discard(self, job_id: str = "", *, intentional: bool = False) -> int | None:
        """Discard a dead horse, or kill a living one, and count deaths soon after the start.

        Args:
            job_id: the job it died on. A job that kills one horse after another says nothing about
                the driver, so a death on the same job is counted once.
            intentional: True for a healthy horse that painted a job that had ended.

        Returns:
            The exit code: negative for a signal.
        """
        if self._process is None or self._connection is None:
            return None
        self._process.kill()
        self._process.join()
        code = self._process.exitcode
        self._connection.close()
        if not intentional:
            self._count_death(job_id)
        self._forget()
        log.warning("horse_died", exit_code=code, young_deaths=self._young_deaths)
        return code

    def _count_death(self, job_id: str) -> None:
        if self._clock() - self._started_at >= YOUNG_SECONDS:
            self._young_deaths = 0
        elif not job_id or job_id != self._last_fatal_job_id:
            self._young_deaths += 1
        self._last_fatal_job_id = job_id

    def note_success(self) -> None:
        """Note a success: earlier deaths no longer point to the driver."""
        self._young_deaths = 0

    def stop(self) -> None:
        """End the horse: close the pipe, at which it exits; kill it if it does not."""
        if self._process is None or self._connection is None:
            return
        self._connection.close()
        self._process.join(STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._forget()

    def _forget(self) -> None:
        self._process, self._connection, self.ready = None, None, None
        self.models = ()
