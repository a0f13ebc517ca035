"""Logs and counts the ends of claims: one line, and for a success its times."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import structlog

from service.contract.jobs import JobFailure, Timings
from service.telemetry import families
from service.telemetry.logs import hash_tenant
from worker.messages import Done
from worker.reporting import ClaimedJob

LOADED_SECONDS = 0.01
"""A load that took less found its model in memory."""

NO_MODEL = "none"

log = structlog.get_logger()


@dataclass
class Account:
    """A claim, until it ends.

    Attributes:
        claimed: the job.
        claimed_at: when it was claimed, by `time.monotonic`.
        done: the horse's message, if it has painted the job.
        reason: why the claim ends otherwise: the code of the failure, or the outcome of a release.
    """

    claimed: ClaimedJob
    claimed_at: float = field(default_factory=time.monotonic)
    done: Done | None = None
    reason: str = ""

    def note_reason(self, reason: object) -> None:
        """Keep why the claim ends, as the store is told it."""
        self.reason = reason.code if isinstance(reason, JobFailure) else str(reason)

    def end(self, verdict: str) -> None:
        """Log the end of the claim; of a success, note how long its parts took."""
        job, spec = self.claimed, self.claimed.spec
        seconds = time.monotonic() - self.claimed_at
        timings = self.done.timings if self.done and verdict == "succeeded" else Timings()
        log.info(
            "job_ended",
            job_id=job.job_id,
            request_id=spec.request_id,
            tenant=hash_tenant(spec.tenant),
            operation=spec.operation,
            method=spec.method,
            model=spec.model,
            verdict=verdict,
            reason=None if verdict == "succeeded" else self.reason or None,
            attempt=job.attempt,
            seconds=round(seconds, 4),
            **timings.model_dump(exclude={"queued_seconds"}, exclude_none=True),
            waited_seconds=round(job.waited_seconds, 3),
        )
        if self.done is not None and verdict == "succeeded":
            self._measure(self.done, timings, seconds)

    def _measure(self, done: Done, timings: Timings, seconds: float) -> None:
        job, spec = self.claimed, self.claimed.spec
        labels = (spec.operation, spec.method, spec.model or NO_MODEL)
        paint_seconds = timings.paint_seconds or 0.0
        if job.attempt == 1:
            families.WAIT_SECONDS.note(job.waited_seconds, *labels)
        if (timings.load_seconds or 0.0) >= LOADED_SECONDS:
            families.LOAD_SECONDS.note(timings.load_seconds or 0.0, *labels)
        families.PAINT_SECONDS.note(paint_seconds, *labels)
        families.ENCODE_SECONDS.note(timings.encode_seconds or 0.0, *labels)
        families.DURATION_SECONDS.note(job.waited_seconds + seconds, *labels)
        if done.steps:
            families.STEPS.note(done.steps, *labels)
            families.STEP_SECONDS.note(paint_seconds, *labels)
