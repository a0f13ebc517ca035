"""Verdicts of the scripts as errors: for a caller, and for a job that a script ends."""

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
    TooMuchStored,
    WorkerLost,
)
from service.contract.jobs import JobFailure
from service.contract.keys import (
    BATCHES,
    KEY_JOBS,
    PIXELS,
    STORED_BYTES,
    STORED_JOBS,
    TENANT_JOBS,
    UPLOADS,
)


def failure_of(error: PaintjobError) -> JobFailure:
    """Return an error in the form that job records keep."""
    return JobFailure(
        code=error.code, title=error.title, detail=error.detail, retryable=error.retryable
    )


ERRORS = {
    error.code: failure_of(error).model_dump_json()
    for error in (
        DeadlineExceeded("the job did not start or finish before its deadline"),
        WorkerLost("the worker died each time it painted this job; a smaller picture may help"),
        Hung("the painting made no progress and was stopped"),
        RequeuedTooOften("the job was requeued too often; send it again"),
    )
}
"""The error that a script writes into a job that it ends, by code."""


def absence_of(verdict: str) -> PaintjobError:
    """Return the error for a job that is `missing` or `expired`."""
    if verdict == "expired":
        return JobExpired("the job and its pictures have been wiped")
    return NotFound("there is no such job")


def refusal_of(verdict: str, full_in_seconds: float = 0) -> PaintjobError:
    """Return the error of a job, batch or upload that was not accepted.

    Args:
        verdict: the script's.
        full_in_seconds: seconds until the key's budget holds the cost of the job, if it does not.
    """
    refusals: dict[str, PaintjobError] = {
        "conflict": IdempotencyConflict(
            "this Idempotency-Key was used with another request; use a new key"
        ),
        "gone": JobExpired("the job of this Idempotency-Key has been wiped; use a new key"),
        "batch_gone": NotFound("the batch was deleted while its items were received"),
        "queue_full": QueueFull("the queue is full; try again later", retry_after_seconds=10),
        "too_many_jobs": TooManyJobs(
            "too many of your jobs are unfinished; wait until some have ended",
            retry_after_seconds=10,
            policy=TENANT_JOBS,
        ),
        "too_many_jobs_of_key": TooManyJobs(
            "too many jobs of this API key are unfinished; wait until some have ended",
            retry_after_seconds=10,
            policy=KEY_JOBS,
        ),
        **{name: _refuse_stored(*words) for name, words in _STORED.items()},
        "over_budget": RateLimited(
            "the pixel budget of this API key is used up; retry after the seconds in Retry-After",
            retry_after_seconds=full_in_seconds,
            policy=PIXELS,
        ),
        "no_worker": NoWorker(
            "no worker of this method has been online for a long time; try again later",
            retry_after_seconds=60,
        ),
        "upload_lost": StoreUnavailable(
            "the upload took too long; send the request again", retry_after_seconds=1
        ),
    }
    return refusals[verdict]


_STORED = {
    "too_many_stored_jobs": ("jobs, ended ones included", STORED_JOBS),
    "too_many_batches": ("batches", BATCHES),
    "too_many_uploads": ("uploads", UPLOADS),
    "too_many_bytes": ("bytes", STORED_BYTES),
}


def _refuse_stored(things: str, policy: str) -> TooMuchStored:
    return TooMuchStored(
        f"your tenant has reached its limit of stored {things}; delete some, or wait until some "
        "expire",
        retry_after_seconds=60,
        policy=policy,
    )
