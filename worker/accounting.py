"""Logs and counts the ends of claims: one line, and for a success its times."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import structlog

from service.contract.jobs import JobFailure, Timings
from service.telemetry import families
from service.telemetry.logs import hash_tenant
from service.telemetry.traces import OpenSpan, find_trace_id, open_span
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
        span: of the claim; the horse's are its children.
    """

    claimed: ClaimedJob
    claimed_at: float = field(default_factory=time.monotonic)
    done: Done | None = None
    reason: str = ""
    span: OpenSpan = field(default_factory=OpenSpan)

    @classmethod
    def open(cls, claimed: ClaimedJob) -> Account:
        """Begin an account, and the span of the claim if its job is traced."""
        if not claimed.trace:
            return cls(claimed)
        spec = claimed.spec
        attributes = {
            "paintjob.job_id": claimed.job_id,
            "paintjob.request_id": spec.request_id,
            "paintjob.operation": spec.operation,
            "paintjob.method": spec.method,
            "paintjob.model": spec.model,
            "paintjob.attempt": claimed.attempt,
            "paintjob.waited_seconds": claimed.waited_seconds,
            "messaging.destination.name": spec.queue,
        }
        span = open_span("job", "consumer", parent=claimed.trace, attributes=attributes)
        return cls(replace(claimed, trace=span.context), span=span)

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
            trace_id=find_trace_id(job.trace),
            seconds=round(seconds, 4),
            **timings.model_dump(exclude={"queued_seconds"}, exclude_none=True),
            waited_seconds=round(job.waited_seconds, 3),
        )
        error = self.reason if verdict in ("failed", "queued") else ""
        self.span.end({"paintjob.verdict": verdict}, error)
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
