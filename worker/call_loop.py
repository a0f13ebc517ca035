"""Runs calls to their end, at most two at a time: the next is painted while the last is written.

It watches the horse, renews leases, obeys cancels and deadlines, and commits. Nothing here blocks:
what cannot be written to Redis now stays with the jobs, and the loop is the retry. What is due goes
to Redis in one round trip, and the claim of the next jobs with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Literal

import structlog

from service.contract.errors import BrokerUnavailable
from service.store import WorkerStore
from service.telemetry.families import CALL_JOBS
from worker.call_run import CallRun
from worker.claiming import ClaimSource
from worker.config import WorkerSettings
from worker.harness import Harness
from worker.messages import OfCall
from worker.reporting import ClaimedJob

POLL_SECONDS = 0.05
LOOK_SECONDS = 0.25
"""Seconds between two looks for cancels and deadlines, which also renew the leases."""

WRITE_RETRY_SECONDS = 0.25
FINAL_WRITE_SECONDS = 2.0
"""Seconds for which a drain still tries to write to Redis after its grace."""

MOST_CALLS = 2

log = structlog.get_logger()


class Drain(IntEnum):
    """Urgency of a request to stop the worker."""

    NO = 0
    ASKED = 1
    AT_ONCE = 2


class CallLoop:
    """The calls that a horse works on.

    Args:
        store: the claims are written through it.
        harness: a ready horse.
        source: claims more jobs.
        settings: the worker's.
        upkeep: called often; renews presence and reaps, never blocks long.
        drain: returns how urgently the worker is to stop.
    """

    def __init__(
        self,
        store: WorkerStore,
        harness: Harness,
        source: ClaimSource,
        settings: WorkerSettings,
        upkeep: Callable[[], None],
        drain: Callable[[], Drain],
    ) -> None:
        self._store = store
        self._harness = harness
        self._source = source
        self._settings = settings
        self._upkeep = upkeep
        self._drain = drain
        self._calls: list[CallRun] = []
        self._claim_at = 0.0
        self._looked_at = time.monotonic()
        self._retry_at = 0.0
        self._drain_asked_at: float | None = None
        self._released_at: float | None = None
        self._useless_since: float | None = None
        self.requeued = 0

    def run(self, jobs: Sequence[ClaimedJob]) -> None:
        """Run jobs, and those that are claimed meanwhile, until none is left.

        Afterwards the horse is idle, or dead and not yet discarded.
        """
        self._begin(jobs)
        while self._calls:
            self._take(self._harness.poll(POLL_SECONDS))
            self._watch_horse()
            self._look()
            for call in self._calls:
                call.end_overlong(self._settings.max_painting_seconds)
                call.add_progress()
            self._flush()
            self._watch_drain()
            self._watch_useless()
            self._drop_over()
            self._upkeep()

    def _begin(self, jobs: Sequence[ClaimedJob]) -> None:
        if jobs:
            if not self._calls:
                self._harness.heard_at = time.monotonic()
            CALL_JOBS.note(len(jobs), self._settings.queue)
            self._calls.append(CallRun(self._store.claims, self._harness, jobs))
            self._calls[-1].begin()

    def _take(self, messages: Sequence[OfCall]) -> None:
        calls = {call.token: call for call in self._calls}
        # Of one that is over, nothing more is wanted.
        for message in messages:
            if message.token in calls:
                for one in message.messages:
                    calls[message.token].take(one)

    def _drop_over(self) -> None:
        over = [call for call in self._calls if self._is_over(call)]
        self.requeued += sum(call.requeued for call in over)
        self._calls = [call for call in self._calls if call not in over]

    def _is_over(self, call: CallRun) -> bool:
        if not call.has_ended:
            return self._is_past_final_writes()
        return call.is_idle or not self._harness.is_alive

    # Redis ----------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Make what is due, in order, and claim; after a silence try again later."""
        now = time.monotonic()
        writes = [(call, *write) for call in self._calls for write in call.list_writes()]
        claims = self._may_claim(now)
        if now < self._retry_at or not (writes or claims):
            return
        calls = [write for _, _, write in writes]
        try:
            if claims:
                verdicts, jobs = self._source.claim(self._list_beside(), calls)
                self._claim_at = 0.0 if jobs else now + POLL_SECONDS
            else:
                verdicts, jobs = self._store.claims.make_all(calls)[0], []
        except BrokerUnavailable:
            self._retry_at = time.monotonic() + WRITE_RETRY_SECONDS
            return
        for (call, live, _), verdict in zip(writes, verdicts, strict=True):
            call.note_written(live, verdict)
        self._begin(jobs)

    def _may_claim(self, now: float) -> bool:
        """Return whether the horse would begin another call, and this worker may take one."""
        if not self._harness.is_alive or self._drain() is not Drain.NO:
            return False
        if self._source.is_unsure:
            # It may hold jobs already: they wait until it is known which.
            return len(self._calls) < MOST_CALLS
        working = sum(not call.is_idle for call in self._calls)
        is_free = all(call.is_painted for call in self._calls) and working < MOST_CALLS
        return is_free and now >= self._claim_at

    def _list_beside(self) -> list[tuple[str, str]]:
        """Return the claims that the horse still works for."""
        return [live.claim for call in self._calls for live in call.list_open()]

    def _look(self) -> None:
        """Renew the leases, and read cancels, deadlines and lost claims."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        held = [(call, live) for call in self._calls for live in call.list_held()]
        if not held:
            return
        try:
            verdicts = self._store.claims.renew([live.claim for _, live in held])
        except BrokerUnavailable:
            return
        for (call, live), verdict in zip(held, verdicts, strict=True):
            # A closing job may be stale: its own end was written, and only the reply was lost.
            if verdict != "ok" and live.is_open:
                call.drop(live, verdict)

    # Failures -------------------------------------------------------------------------------------

    def _watch_horse(self) -> None:
        if self._harness.pid is None:
            return
        if not self._harness.is_alive:
            self._take(self._harness.poll(0))
            self._end_horse("crashed")
        elif self._is_hung():
            log.warning("horse_hung", horse=self._harness.pid)
            self._end_horse("hung")

    def _end_horse(self, outcome: Literal["crashed", "hung"]) -> None:
        # Most likely that of the call that is painted.
        self._harness.discard(self._calls[-1].any_job_id)
        for call in self._calls:
            call.release_all(outcome)

    def _is_hung(self) -> bool:
        working = [call for call in self._calls if not call.is_idle]
        if not working:
            return False
        settings = self._settings
        painting = any(call.is_painting for call in working)
        limit = settings.step_hang_seconds if painting else settings.load_hang_seconds
        return time.monotonic() - self._harness.heard_at > limit

    def _watch_useless(self) -> None:
        """Kill a horse that goes on with jobs that have ended, and has no others."""
        working = [call for call in self._calls if not call.is_idle]
        useless = bool(working) and all(call.has_ended for call in working)
        if not useless or not self._harness.is_alive:
            self._useless_since = None
            return
        self._useless_since = self._useless_since or time.monotonic()
        if time.monotonic() - self._useless_since > self._settings.abort_grace_seconds:
            self._harness.discard(intentional=True)

    # Drain ----------------------------------------------------------------------------------------

    def _watch_drain(self) -> None:
        drain = self._drain()
        if drain is Drain.NO or self._released_at is not None:
            return
        now = time.monotonic()
        self._drain_asked_at = self._drain_asked_at or now
        if drain is Drain.AT_ONCE or now - self._drain_asked_at > self._settings.drain_seconds:
            self._released_at = now
            for call in self._calls:
                call.abort_all()
                call.release_all("drained")

    def _is_past_final_writes(self) -> bool:
        """Return True when the grace is over and Redis does not answer: the leases will expire."""
        released_at = self._released_at
        return released_at is not None and time.monotonic() - released_at > FINAL_WRITE_SECONDS
