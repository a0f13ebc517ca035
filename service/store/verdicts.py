"""What the scripts answer, as errors: to a caller, and into a job that a script ends."""

from __future__ import annotations

from service.contract.errors import (
    DeadlineExceeded,
    Hung,
    IdempotencyConflict,
    JobExpired,
    NotFound,
    NoWorker,
    PaintjobError,
    QueueFull,
    RateLimited,
    RequeuedTooOften,
    StoreUnavailable,
    TooManyJobs,
    WorkerLost,
)
from service.contract.jobs import JobFailure
from service.contract.keys import KEY_JOBS, PIXELS, TENANT_JOBS


def failure_of(error: PaintjobError) -> JobFailure:
    """Give an error as it stands in a job."""
    return JobFailure(
        code=error.code, title=error.title, detail=error.detail, retryable=error.retryable
    )


ERRORS = {
    error.code: failure_of(error).model_dump_json()
    for error in (
        DeadlineExceeded("the job did not start or finish in the time it was given"),
        WorkerLost("the worker died each time it painted this job"),
        Hung("the painting made no progress and was stopped"),
        RequeuedTooOften("the job was handed back to the queue too often"),
    )
}
"""What a script writes into a job that it ends, by code."""


def absence_of(verdict: str) -> PaintjobError:
    """Give the error of a job that is not there: `missing` or `expired`."""
    if verdict == "expired":
        return JobExpired("the job and its pictures have been wiped")
    return NotFound("there is no such job")


def refusal_of(verdict: str, full_in_seconds: float) -> PaintjobError:
    """Give the error of a submission that was not accepted.

    Args:
        verdict: what the script answered.
        full_in_seconds: when the key's budget holds what is asked for, if that is what it lacks.
    """
    refusals: dict[str, PaintjobError] = {
        "conflict": IdempotencyConflict(
            "this Idempotency-Key was used with another request; draw a new one"
        ),
        "gone": JobExpired("the job of this Idempotency-Key has been wiped"),
        "batch_gone": NotFound("the batch was deleted while its items came in"),
        "queue_full": QueueFull("the queue is full; try again later", retry_after_seconds=10),
        "too_many_jobs": TooManyJobs(
            "too many of your jobs are unfinished; wait for some to end",
            retry_after_seconds=10,
            policy=TENANT_JOBS,
        ),
        "too_many_jobs_of_key": TooManyJobs(
            "too many jobs of this API key are unfinished; wait for some to end",
            retry_after_seconds=10,
            policy=KEY_JOBS,
        ),
        "over_budget": RateLimited(
            "the pixels of this minute are used up; Retry-After says when there are enough again",
            retry_after_seconds=full_in_seconds,
            policy=PIXELS,
        ),
        "no_worker": NoWorker(
            "no worker for this method has been seen for long", retry_after_seconds=60
        ),
        "upload_lost": StoreUnavailable("the upload took too long", retry_after_seconds=1),
    }
    return refusals[verdict]
