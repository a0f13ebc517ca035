"""Runs the jobs of one claim to their end.

It watches the horse, renews leases, obeys cancels and deadlines, and commits. Nothing here blocks:
what cannot be written to Redis now stays in the job's pending writes, and the loop is the retry.
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
from worker.accounting import Account
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
from worker.reporting import ClaimedJob

POLL_SECONDS = 0.05
LOOK_SECONDS = 0.25
"""Seconds between two looks for cancels and deadlines, which also renew the leases."""

WRITE_RETRY_SECONDS = 0.25
MIN_PROGRESS_SECONDS = 0.2
"""Progress is written at most five times a second."""

FINAL_WRITE_SECONDS = 2.0
"""Seconds for which a drain still tries to write to Redis after its grace."""

log = structlog.get_logger()


class Drain(IntEnum):
    """Urgency of a request to stop the worker."""

    NO = 0
    ASKED = 1
    AT_ONCE = 2


@dataclass
class _LiveJob:
    """A claimed job and its writes that are still to be made.

    Attributes:
        account: what its end is logged and counted with.
        pending_writes: scripts to run, in order; each returns the verdict, or None if it decides
            nothing.
        progress: the latest that the horse reported.
        preview_path: path of the latest preview.
        is_unwritten: True while `progress` is still to be written.
        written_at: when progress was last written.
        closing: an end is among the pending writes; later messages of the horse are ignored.
        ended: Redis has returned the job's verdict.
    """

    claimed: ClaimedJob
    account: Account
    pending_writes: deque[Callable[[], str | None]] = field(default_factory=deque)
    reports: int = 0
    progress: Progress | None = None
    preview_path: str | None = None
    is_unwritten: bool = False
    written_at: float = 0.0
    painting_since: float | None = None
    closing: bool = False
    ended: bool = False

    @property
    def claim(self) -> tuple[str, str]:
        return self.claimed.job_id, self.claimed.token

    def report(self, write: Callable[..., None], *details: object) -> None:
        """Add a report to the pending writes; its number lets Redis recognize a repeated one."""
        self.reports += 1
        self.pending_writes.append(partial(write, *self.claim, self.reports, *details))

    def note(self, progress: Progress | None) -> None:
        """Keep the latest progress, with the latest preview, to be written soon."""
        if progress is not None:
            self.progress = progress.model_copy(update={"preview_path": self.preview_path})
            self.is_unwritten = True

    def close(self, write: Callable[..., str], *details: object, **more: object) -> None:
        """Add the job's end to the pending writes, unless there is one."""
        if not self.closing and not self.ended:
            self.closing = True
            if details:
                self.account.note_reason(details[0])
            self.pending_writes.append(partial(write, *self.claim, *details, **more))


def _open(claimed: ClaimedJob) -> _LiveJob:
    account = Account.open(claimed)
    return _LiveJob(account.claimed, account)


class CallRun:
    """The jobs of one claim, from the message to the horse until every job has ended.

    Args:
        store: the claims are written through it.
        harness: a ready horse.
        jobs: the claimed jobs, under one token.
        settings: the worker's.
        upkeep: called often; renews presence and reaps, never blocks long.
        drain: returns how urgently the worker is to stop.
    """

    def __init__(
        self,
        store: WorkerStore,
        harness: Harness,
        jobs: Sequence[ClaimedJob],
        settings: WorkerSettings,
        upkeep: Callable[[], None],
        drain: Callable[[], Drain],
    ) -> None:
        self._store = store
        self._harness = harness
        self._live = {job.job_id: _open(job) for job in jobs}
        self._settings = settings
        self._upkeep = upkeep
        self._drain = drain
        self._idle = False
        self._looked_at = time.monotonic()
        self._retry_at = 0.0
        self._drain_asked_at: float | None = None
        self._released_at: float | None = None
        self._useless_since: float | None = None
        self.requeued = 0

    def run(self) -> None:
        """Run the jobs. Afterwards the horse is idle, or dead and not yet discarded."""
        self._harness.heard_at = time.monotonic()
        self._harness.send(Paint(tuple(live.claimed for live in self._live.values())))
        while not self._is_over():
            for message in self._harness.poll(POLL_SECONDS):
                self._take(message)
            self._watch_horse()
            self._watch_painting()
            self._look()
            self._write_progress()
            self._flush()
            self._watch_drain()
            self._watch_useless()
            self._upkeep()

    def _is_over(self) -> bool:
        if not all(live.ended for live in self._live.values()):
            return self._is_past_final_writes()
        return self._idle or not self._harness.is_alive

    # Messages of the horse ------------------------------------------------------------------------

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
        for live in self._open_jobs(job_ids):
            live.painting_since = time.monotonic()
            live.report(self._store.claims.report_started)

    def _note_step(self, message: Step, job_ids: Sequence[str]) -> None:
        progress = Progress(
            stage=message.stage,
            step=message.step,
            steps=message.steps,
            fraction=message.fraction,
        )
        for live in self._open_jobs(job_ids):
            live.note(progress)

    def _note_preview(self, job_id: str, path: str) -> None:
        for live in self._open_jobs([job_id]):
            live.preview_path = path
            live.note(live.progress)

    def _write_progress(self) -> None:
        now = time.monotonic()
        for live in self._open_jobs(list(self._live)):
            # With pending writes Redis is behind: this progress would be stale when its turn came.
            due = (
                live.is_unwritten
                and not live.pending_writes
                and now - live.written_at >= MIN_PROGRESS_SECONDS
            )
            if due and live.progress is not None:
                live.is_unwritten, live.written_at = False, now
                live.report(self._store.claims.report_progress, live.progress)

    def _note_mask(self, message: MaskReady, live: _LiveJob) -> None:
        if not live.closing and not live.ended:
            live.report(self._store.claims.report_mask, message.mask, message.path)

    def _commit(self, message: Done, live: _LiveJob) -> None:
        live.account.done = message
        live.close(
            self._store.claims.finish_succeeded,
            outputs=message.outputs,
            recipe=message.recipe,
            timings=message.timings,
            warnings=message.warnings,
        )

    def _open_jobs(self, job_ids: Sequence[str]) -> list[_LiveJob]:
        jobs = [self._live[job_id] for job_id in job_ids]
        return [live for live in jobs if not live.closing and not live.ended]

    # Writes to Redis ------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Make the pending writes, job by job and in order; after a silence try again later."""
        if time.monotonic() < self._retry_at:
            return
        try:
            for live in self._live.values():
                while live.pending_writes:
                    verdict = live.pending_writes[0]()
                    live.pending_writes.popleft()
                    if verdict is not None:
                        self._note_end(live, verdict)
        except BrokerUnavailable:
            self._retry_at = time.monotonic() + WRITE_RETRY_SECONDS

    def _note_end(self, live: _LiveJob, verdict: str) -> None:
        live.ended = True
        live.pending_writes.clear()
        live.account.end(verdict)
        if verdict == "queued":
            self.requeued += 1
        if verdict == "stale":
            self._harness.send(Discard(*live.claim))
        elif verdict == "succeeded":
            self._harness.note_success()

    def _look(self) -> None:
        """Renew the leases, and read cancels, deadlines and lost claims."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        jobs = [live for live in self._live.values() if not live.ended]
        if not jobs:
            return
        try:
            verdicts = self._store.claims.renew([live.claim for live in jobs])
        except BrokerUnavailable:
            return
        for live, verdict in zip(jobs, verdicts, strict=True):
            # A closing job may be stale: its own end was written, and only the reply was lost.
            if verdict != "ok" and not live.closing:
                self._drop(live, verdict)

    def _drop(self, live: _LiveJob, verdict: str) -> None:
        self._harness.send(Abort(*live.claim))
        if verdict == "stale":
            self._note_end(live, "stale")
            return
        late = failure_of(DeadlineExceeded("the job did not finish before its deadline"))
        live.pending_writes.clear()
        # The script turns this into `canceled` where that was promised.
        live.close(self._store.claims.finish_failed, late)

    # Failures -------------------------------------------------------------------------------------

    def _watch_horse(self) -> None:
        if self._harness.pid is None:
            return
        if not self._harness.is_alive:
            for message in self._harness.poll(0):
                self._take(message)
            self._harness.discard(self._any_job_id())
            self._release_all("crashed")
        elif self._is_hung():
            log.warning("horse_hung", horse=self._harness.pid)
            self._harness.discard(self._any_job_id())
            self._release_all("hung")

    def _watch_painting(self) -> None:
        """Fail the jobs that are painted for longer than the operator allows."""
        limit = self._settings.max_painting_seconds
        for live in self._open_jobs(list(self._live)):
            since = live.painting_since
            if since is not None and time.monotonic() - since > limit:
                self._harness.send(Abort(*live.claim))
                detail = (
                    f"painting took longer than {limit:g} s, the limit of this service; choose a "
                    "lower quality, a smaller hole or a smaller picture"
                )
                live.close(self._store.claims.finish_failed, failure_of(DeadlineExceeded(detail)))

    def _is_hung(self) -> bool:
        if self._idle:
            return False
        painting = any(live.painting_since for live in self._live.values())
        settings = self._settings
        limit = settings.step_hang_seconds if painting else settings.load_hang_seconds
        return time.monotonic() - self._harness.heard_at > limit

    def _release_all(self, outcome: Outcome) -> None:
        """Release every job that has no end yet."""
        for live in self._live.values():
            live.close(self._store.claims.release, outcome)

    def _watch_useless(self) -> None:
        """Kill a horse that goes on painting after every job has ended."""
        useless = not self._idle and all(live.ended for live in self._live.values())
        if not useless or not self._harness.is_alive:
            self._useless_since = None
            return
        self._useless_since = self._useless_since or time.monotonic()
        if time.monotonic() - self._useless_since > self._settings.abort_grace_seconds:
            self._harness.discard(intentional=True)

    def _any_job_id(self) -> str:
        return next(iter(self._live))

    # Drain ----------------------------------------------------------------------------------------

    def _watch_drain(self) -> None:
        drain = self._drain()
        if drain is Drain.NO or self._released_at is not None:
            return
        now = time.monotonic()
        self._drain_asked_at = self._drain_asked_at or now
        if drain is Drain.AT_ONCE or now - self._drain_asked_at > self._settings.drain_seconds:
            self._released_at = now
            for live in self._open_jobs(list(self._live)):
                self._harness.send(Abort(*live.claim))
            self._release_all("drained")

    def _is_past_final_writes(self) -> bool:
        """Return True when the grace is over and Redis does not answer: the leases will expire."""
        released_at = self._released_at
        return released_at is not None and time.monotonic() - released_at > FINAL_WRITE_SECONDS
