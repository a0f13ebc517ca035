"""Carries one claimed batch to its end.

It watches the horse, renews leases, obeys cancels and deadlines, and commits.
Nothing here blocks: what cannot be written to Redis now waits in the row's outbox, and the loop is
the retry.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial

import structlog

from service.contract.errors import BrokerUnavailable, DeadlineExceeded
from service.contract.jobs import Progress
from service.store import Outcome, WorkerStore, failure_of
from worker.config import WorkerSettings
from worker.harness import Harness
from worker.messages import (
    Abort,
    Discard,
    Done,
    Failed,
    Idle,
    MaskReady,
    Paint,
    Preview,
    Started,
    Step,
    ToParent,
)
from worker.reporting import Row

POLL_SECONDS = 0.05
LOOK_SECONDS = 0.25
"""How often cancels and deadlines are looked for, and leases renewed."""

OUTBOX_RETRY_SECONDS = 0.25
MIN_TELL_SECONDS = 0.2
"""Progress is written at most five times a second."""

LAST_WORDS_SECONDS = 2.0
"""How long a drain goes on trying to write to Redis after its grace is spent."""

log = structlog.get_logger()


class Drain(IntEnum):
    """How urgently the worker is asked to stop."""

    NO = 0
    ASKED = 1
    AT_ONCE = 2


@dataclass
class _LiveRow:
    """A row and what is still to be written of it.

    Attributes:
        outbox: scripts to run, in order; each gives the verdict, or nothing if it decides nothing.
        progress: the latest that the horse told.
        preview_path: of the latest preview.
        untold: whether `progress` is still to be written.
        told_at: when progress was last written.
        closing: an end is in the outbox; the horse has no more say.
        ended: Redis has said what became of the row.
    """

    row: Row
    outbox: deque[Callable[[], str | None]] = field(default_factory=deque)
    reports: int = 0
    progress: Progress | None = None
    preview_path: str | None = None
    untold: bool = False
    told_at: float = 0.0
    painting: bool = False
    closing: bool = False
    ended: bool = False

    @property
    def claim(self) -> tuple[str, str]:
        return self.row.job_id, self.row.token

    def report(self, write: Callable[..., None], *details: object) -> None:
        """Have something written; numbered, so that Redis sees a repeated one."""
        self.reports += 1
        self.outbox.append(partial(write, *self.claim, self.reports, *details))

    def note(self, progress: Progress | None) -> None:
        """Keep the latest progress, with the latest preview, to be written soon."""
        if progress is not None:
            self.progress = progress.model_copy(update={"preview_path": self.preview_path})
            self.untold = True

    def close(self, write: Callable[..., str], *details: object, **more: object) -> None:
        """Have the row's end written, unless one is on its way."""
        if not self.closing and not self.ended:
            self.closing = True
            self.outbox.append(partial(write, *self.claim, *details, **more))


class BatchRun:
    """One batch, from the message to the horse until every row has ended.

    Args:
        store: the claims, in particular.
        harness: a ready horse.
        rows: what was claimed, under one token.
        settings: the worker's.
        upkeep: called often; renews presence and reaps, never blocks long.
        drain: tells whether the worker is to stop.
    """

    def __init__(
        self,
        store: WorkerStore,
        harness: Harness,
        rows: Sequence[Row],
        settings: WorkerSettings,
        upkeep: Callable[[], None],
        drain: Callable[[], Drain],
    ) -> None:
        self._store = store
        self._harness = harness
        self._live = {row.job_id: _LiveRow(row) for row in rows}
        self._settings = settings
        self._upkeep = upkeep
        self._drain = drain
        self._idle = False
        self._looked_at = time.monotonic()
        self._retry_at = 0.0
        self._drain_asked_at: float | None = None
        self._handed_back_at: float | None = None
        self._unwanted_since: float | None = None
        self.requeued = 0

    def run(self) -> None:
        """Run the batch. Afterwards the horse is idle, or dead and not yet buried."""
        self._harness.heard_at = time.monotonic()
        self._harness.send(Paint(tuple(live.row for live in self._live.values())))
        while not self._is_over():
            for message in self._harness.poll(POLL_SECONDS):
                self._take(message)
            self._watch_horse()
            self._look()
            self._tell_progress()
            self._flush()
            self._watch_drain()
            self._watch_unwanted()
            self._upkeep()

    def _is_over(self) -> bool:
        if not all(live.ended for live in self._live.values()):
            return self._is_past_last_words()
        return self._idle or not self._harness.is_alive

    # What the horse says --------------------------------------------------------------------------

    def _take(self, message: ToParent) -> None:
        match message:
            case Started(job_ids):
                self._note_started(job_ids)
            case Step(job_ids):
                self._note_step(message, job_ids)
            case Preview(job_id, path):
                self._note_preview(job_id, path)
            case MaskReady(job_id):
                self._note_mask(message, self._live[job_id])
            case Done(job_id):
                self._commit(message, self._live[job_id])
            case Failed(job_id, failure):
                self._live[job_id].close(self._store.claims.finish_failed, failure)
            case Idle():
                self._idle = True

    def _note_started(self, job_ids: Sequence[str]) -> None:
        for live in self._open_rows(job_ids):
            live.painting = True
            live.report(self._store.claims.report_started)

    def _note_step(self, message: Step, job_ids: Sequence[str]) -> None:
        progress = Progress(
            stage=message.stage,
            step=message.step,
            steps=message.steps,
            fraction=message.fraction,
        )
        for live in self._open_rows(job_ids):
            live.note(progress)

    def _note_preview(self, job_id: str, path: str) -> None:
        for live in self._open_rows([job_id]):
            live.preview_path = path
            live.note(live.progress)

    def _tell_progress(self) -> None:
        now = time.monotonic()
        for live in self._open_rows(list(self._live)):
            # With an outbox Redis is behind, and this progress would be stale when its turn comes.
            due = live.untold and not live.outbox and now - live.told_at >= MIN_TELL_SECONDS
            if due and live.progress is not None:
                live.untold, live.told_at = False, now
                live.report(self._store.claims.report_progress, live.progress)

    def _note_mask(self, message: MaskReady, live: _LiveRow) -> None:
        if not live.closing and not live.ended:
            live.report(self._store.claims.report_mask, message.mask, message.path)

    def _commit(self, message: Done, live: _LiveRow) -> None:
        live.close(
            self._store.claims.finish_succeeded,
            outputs=message.outputs,
            recipe=message.recipe,
            timings=message.timings,
            warnings=message.warnings,
        )

    def _open_rows(self, job_ids: Sequence[str]) -> list[_LiveRow]:
        rows = [self._live[job_id] for job_id in job_ids]
        return [live for live in rows if not live.closing and not live.ended]

    # What Redis says ------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Write what waits, row by row and in order; at the first silence try again later."""
        if time.monotonic() < self._retry_at:
            return
        try:
            for live in self._live.values():
                while live.outbox:
                    verdict = live.outbox[0]()
                    live.outbox.popleft()
                    if verdict is not None:
                        self._note_end(live, verdict)
        except BrokerUnavailable:
            self._retry_at = time.monotonic() + OUTBOX_RETRY_SECONDS

    def _note_end(self, live: _LiveRow, verdict: str) -> None:
        live.ended = True
        live.outbox.clear()
        log.info("row_ended", job_id=live.row.job_id, verdict=verdict)
        if verdict == "queued":
            self.requeued += 1
        if verdict == "stale":
            self._harness.send(Discard(*live.claim))
        elif verdict == "succeeded":
            self._harness.praise()

    def _look(self) -> None:
        """Renew the leases, and learn of cancels, deadlines and lost claims."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        rows = [live for live in self._live.values() if not live.ended]
        if not rows:
            return
        try:
            verdicts = self._store.claims.renew([live.claim for live in rows])
        except BrokerUnavailable:
            return
        for live, verdict in zip(rows, verdicts, strict=True):
            # A row that is closing may be stale because its own end was written and only the reply
            # was lost.
            if verdict != "ok" and not live.closing:
                self._drop(live, verdict)

    def _drop(self, live: _LiveRow, verdict: str) -> None:
        self._harness.send(Abort(*live.claim))
        if verdict == "stale":
            self._note_end(live, "stale")
            return
        late = failure_of(DeadlineExceeded("the job did not finish in the time it was given"))
        live.outbox.clear()
        # The script turns this into `canceled` where that was promised.
        live.close(self._store.claims.finish_failed, late)

    # What goes wrong ------------------------------------------------------------------------------

    def _watch_horse(self) -> None:
        if self._harness.pid is None:
            return
        if not self._harness.is_alive:
            for message in self._harness.poll(0):
                self._take(message)
            self._harness.bury(self._victim())
            self._give_back("crashed")
        elif self._is_hung():
            log.warning("horse_hung", horse=self._harness.pid)
            self._harness.bury(self._victim())
            self._give_back("hung")

    def _is_hung(self) -> bool:
        if self._idle:
            return False
        painting = any(live.painting for live in self._live.values())
        settings = self._settings
        limit = settings.step_hang_seconds if painting else settings.load_hang_seconds
        return time.monotonic() - self._harness.heard_at > limit

    def _give_back(self, outcome: Outcome) -> None:
        """Release every row that has no end yet."""
        for live in self._live.values():
            live.close(self._store.claims.release, outcome)

    def _watch_unwanted(self) -> None:
        """Kill a horse that goes on painting what nobody wants any more."""
        unwanted = not self._idle and all(live.ended for live in self._live.values())
        if not unwanted or not self._harness.is_alive:
            self._unwanted_since = None
            return
        self._unwanted_since = self._unwanted_since or time.monotonic()
        if time.monotonic() - self._unwanted_since > self._settings.abort_grace_seconds:
            self._harness.bury(sacrificed=True)

    def _victim(self) -> str:
        return next(iter(self._live))

    # Drain ----------------------------------------------------------------------------------------

    def _watch_drain(self) -> None:
        drain = self._drain()
        if drain is Drain.NO or self._handed_back_at is not None:
            return
        now = time.monotonic()
        self._drain_asked_at = self._drain_asked_at or now
        if drain is Drain.AT_ONCE or now - self._drain_asked_at > self._settings.drain_seconds:
            self._handed_back_at = now
            for live in self._open_rows(list(self._live)):
                self._harness.send(Abort(*live.claim))
            self._give_back("drained")

    def _is_past_last_words(self) -> bool:
        """Whether the grace is over and Redis still does not answer: the leases will run out."""
        handed_back_at = self._handed_back_at
        return handed_back_at is not None and time.monotonic() - handed_back_at > LAST_WORDS_SECONDS
