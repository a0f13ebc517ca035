"""Duties of a worker beside painting: announce itself, reap, send missing wake-ups."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from service.contract.errors import BrokerUnavailable
from service.store import BrokerCheck, WorkerStore
from service.store.wakeups import Wakeups
from service.telemetry.pulse import Pulse
from worker.config import WorkerSettings
from worker.harness import Harness

REAP_SECONDS = 1.0

log = structlog.get_logger()


class Upkeep:
    """Does what is due; never waits longer than one answer of Redis may take.

    Args:
        store: presence and the reaper.
        wakeups: notifies workers of requeued jobs.
        harness: its methods and models are announced.
        settings: the worker's.
        name: the worker's name.
        pulse: beats at each call.
    """

    def __init__(
        self,
        store: WorkerStore,
        wakeups: Wakeups,
        harness: Harness,
        settings: WorkerSettings,
        name: str,
        pulse: Pulse,
    ) -> None:
        self._store = store
        self._wakeups = wakeups
        self._harness = harness
        self._settings = settings
        self._name = name
        self._pulse = pulse
        self._check = BrokerCheck(store.link)
        self._announced_at = 0.0
        self._reaped_at = 0.0
        self._state = "starting"

    def set_state(self, state: str) -> None:
        """Set the announced state; announce it at once if it changed."""
        if state != self._state:
            self._state = state
            self._announced_at = 0.0

    def run(self) -> None:
        """Do what is due."""
        self._pulse.beat()
        now = time.monotonic()
        if now - self._announced_at >= self._settings.lease_seconds / 2:
            self._announced_at = now
            self._guarded(self._check.run)
            self._guarded(self._announce)
        if now - self._reaped_at >= REAP_SECONDS:
            self._reaped_at = now
            self._guarded(self._reap)

    def leave(self) -> None:
        """Withdraw the announcement."""
        self._guarded(lambda: self._store.presence.leave(self._name, self._settings.queue))

    def _announce(self) -> None:
        ready = self._harness.ready
        self._store.presence.announce(
            self._name,
            self._settings.queue,
            methods=ready.methods if ready else (),
            models=sorted(self._harness.models),
            state=self._state,
        )

    def _reap(self) -> None:
        report = self._store.reaper.reap()
        self._wakeups.notify_missing(report)
        if report.requeued or report.ended:
            log.info("reaped", requeued=report.requeued, ended=report.ended)

    def _guarded(self, call: Callable[[], None]) -> None:
        """Call; the store logs why Redis does not answer."""
        with suppress(BrokerUnavailable):
            call()
