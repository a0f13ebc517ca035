"""One call as the parent sees it: the jobs of one claim, and what is to be written for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.contract.errors import DeadlineExceeded
from service.contract.jobs import Progress
from service.store import (
    ClaimCalls,
    Outcome,
    Report,
    ScriptCall,
    failure_of,
    make_mask,
    make_progress,
    make_started,
)
from worker.accounting import Account
from worker.harness import Harness
from worker.messages import (
    Abort,
    CallMessage,
    Discard,
    Done,
    Failed,
    Idle,
    MaskReady,
    Paint,
    Painted,
    Preview,
    Started,
    Step,
)
from worker.reporting import ClaimedJob

MIN_PROGRESS_SECONDS = 0.2
"""Progress is written at most five times a second."""


@dataclass
class LiveJob:
    """A claimed job and its writes that are still to be made.

    Attributes:
        account: what its end is logged and counted with.
        reports: what is to be written while it is worked on, in order.
        end: what commits or releases it, after the reports; later messages of the horse are
            ignored once there is one.
        numbered: reports so far; the numbers let Redis recognize a repeated one.
        progress: the latest that the horse reported.
        preview_path: path of the latest preview.
        is_unwritten: True while `progress` is still to be written.
        written_at: when progress was last written.
        ended: Redis has returned the job's verdict.
    """

    claimed: ClaimedJob
    account: Account
    reports: list[Report] = field(default_factory=list)
    end: ScriptCall[str] | None = None
    numbered: int = 0
    progress: Progress | None = None
    preview_path: str | None = None
    is_unwritten: bool = False
    written_at: float = 0.0
    painting_since: float | None = None
    ended: bool = False

    @property
    def claim(self) -> tuple[str, str]:
        """Job id and token."""
        return self.claimed.job_id, self.claimed.token

    @property
    def is_open(self) -> bool:
        """True while there is no end, written or still to be written."""
        return self.end is None and not self.ended

    @property
    def is_painting(self) -> bool:
        """True once its painting began, but not while a model is loaded for it."""
        is_loading = self.progress is not None and self.progress.stage == "load"
        return self.painting_since is not None and not is_loading

    def number(self) -> int:
        """Return the number of the next report."""
        self.numbered += 1
        return self.numbered

    def note(self, progress: Progress | None) -> None:
        """Keep the latest progress, with the latest preview, to be written soon."""
        if progress is not None:
            self.progress = progress.model_copy(update={"preview_path": self.preview_path})
            self.is_unwritten = True

    def close(self, end: ScriptCall[Any], reason: object = None) -> None:
        """Add the job's end to its writes, unless there is one.

        Args:
            end: commits or releases it.
            reason: the failure or the outcome, of what is no success.
        """
        if self.is_open:
            self.end = end
            if reason is not None:
                self.account.note_reason(reason)


class CallRun:
    """The jobs of one claim, from the message to the horse until every job has ended.

    Args:
        claims: build what is written.
        harness: a ready horse.
        jobs: the claimed jobs, under one token.

    Attributes:
        token: of the claim.
        is_painted: the horse would begin another call now.
        is_idle: the horse is done with this one.
        requeued: jobs that went back to their queue.
    """

    def __init__(self, claims: ClaimCalls, harness: Harness, jobs: Sequence[ClaimedJob]) -> None:
        self._claims = claims
        self._harness = harness
        accounts = [Account.open(job) for job in jobs]
        self._live = {one.claimed.job_id: LiveJob(one.claimed, one) for one in accounts}
        self.token = jobs[0].token
        self.is_painted = False
        self.is_idle = False
        self.requeued = 0

    def begin(self) -> None:
        """Send the jobs to the horse."""
        self._harness.send(Paint(tuple(live.claimed for live in self._live.values())))

    @property
    def any_job_id(self) -> str:
        """One of the jobs."""
        return next(iter(self._live))

    @property
    def has_ended(self) -> bool:
        """True when every job has ended."""
        return all(live.ended for live in self._live.values())

    @property
    def is_painting(self) -> bool:
        """True once a job's painting began."""
        return any(live.is_painting for live in self._live.values())

    def list_held(self) -> list[LiveJob]:
        """Return the jobs that have not ended: their leases are to be renewed."""
        return [live for live in self._live.values() if not live.ended]

    def list_open(self) -> list[LiveJob]:
        """Return the jobs without an end."""
        return [live for live in self._live.values() if live.is_open]

    # Messages of the horse ------------------------------------------------------------------------

    def take(self, message: CallMessage) -> None:
        """Take a message about this call."""
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
                live = self._live[job_id]
                live.close(self._claims.call_failed(*live.claim, failure), failure)
            case Painted() | Idle():
                self.is_painted = True
                self.is_idle = isinstance(message, Idle)

    def _note_started(self, job_ids: Sequence[str]) -> None:
        for live in self._open_of(job_ids):
            # A job whose mask was found begins twice: a death counts from the first time on.
            if live.painting_since is None:
                live.reports.append(make_started(live.number()))
            live.painting_since = time.monotonic()

    def _note_step(self, message: Step, job_ids: Sequence[str]) -> None:
        progress = Progress(
            stage=message.stage,
            step=message.step,
            steps=message.steps,
            fraction=message.fraction,
        )
        for live in self._open_of(job_ids):
            live.note(progress)

    def _note_preview(self, job_id: str, path: str) -> None:
        for live in self._open_of([job_id]):
            live.preview_path = path
            live.note(live.progress)

    def _note_mask(self, message: MaskReady, live: LiveJob) -> None:
        if live.is_open:
            live.reports.append(make_mask(live.number(), message.mask, message.path, message.asked))

    def _commit(self, message: Done, live: LiveJob) -> None:
        live.account.done = message
        live.close(
            self._claims.call_succeeded(
                *live.claim,
                outputs=message.outputs,
                recipe=message.recipe,
                timings=message.timings,
                warnings=message.warnings,
            )
        )

    def _open_of(self, job_ids: Sequence[str]) -> list[LiveJob]:
        return [live for job_id in job_ids if (live := self._live[job_id]).is_open]

    # Writes ---------------------------------------------------------------------------------------

    def add_progress(self) -> None:
        """Add the latest progress of each job to its writes, where it is due."""
        now = time.monotonic()
        for live in self.list_open():
            # With pending writes Redis is behind: this progress would be stale when its turn came.
            due = (
                live.is_unwritten
                and not live.reports
                and now - live.written_at >= MIN_PROGRESS_SECONDS
            )
            if due and live.progress is not None:
                live.is_unwritten, live.written_at = False, now
                live.reports.append(make_progress(live.number(), live.progress))

    def list_writes(self) -> Iterator[tuple[LiveJob, ScriptCall[Any]]]:
        """Yield what is to be written now, in order; `note_written` takes the answers."""
        for live in self.list_held():
            if live.reports:
                yield live, self._claims.call_report(*live.claim, live.reports)
            if live.end is not None:
                yield live, live.end

    def note_written(self, live: LiveJob, verdict: str | None) -> None:
        """Note that a write was made, and its verdict; None decides nothing."""
        live.reports.clear()
        if verdict is None:
            return
        live.ended = True
        live.account.end(verdict)
        if verdict == "queued":
            self.requeued += 1
        if verdict == "stale":
            self._harness.send(Discard(*live.claim))
        elif verdict == "succeeded":
            self._harness.note_success()

    # Ends that the horse does not decide ----------------------------------------------------------

    def drop(self, live: LiveJob, verdict: str) -> None:
        """Stop a job that was canceled, is late, or is no longer this worker's."""
        self._harness.send(Abort(*live.claim))
        if verdict == "stale":
            self.note_written(live, "stale")
            return
        late = failure_of(DeadlineExceeded("the job did not finish before its deadline"))
        live.reports.clear()
        # The script turns this into `canceled` where that was promised.
        live.close(self._claims.call_failed(*live.claim, late), late)

    def end_overlong(self, limit_seconds: float) -> None:
        """Fail the jobs that are painted for longer than the operator allows."""
        for live in self.list_open():
            since = live.painting_since
            if since is not None and time.monotonic() - since > limit_seconds:
                self._harness.send(Abort(*live.claim))
                detail = (
                    f"painting took longer than {limit_seconds:g} s, the limit of this service; "
                    "choose a lower quality, a smaller hole or a smaller picture"
                )
                late = failure_of(DeadlineExceeded(detail))
                live.close(self._claims.call_failed(*live.claim, late), late)

    def abort_all(self) -> None:
        """Have the horse stop every job without an end."""
        for live in self.list_open():
            self._harness.send(Abort(*live.claim))

    def release_all(self, outcome: Outcome) -> None:
        """Release every job that has no end yet."""
        for live in self.list_open():
            live.close(self._claims.call_release(*live.claim, outcome), outcome)
