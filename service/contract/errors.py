"""Every error that Paintjob raises on purpose, as one tree.

PaintjobError
├── BadRequest            the request could not be read at all
│   ├── MalformedBody
│   ├── NotAcceptable
│   ├── LengthRequired
│   ├── BodyTooLarge
│   └── UnsupportedMediaType
├── InvalidInput          the request was read, and breaks a rule
│   ├── InvalidField · UnknownField · ConflictingFields
│   ├── ImageTooLarge · ImageUndecodable
│   ├── ImageNotServed · ImageUnreachable
│   ├── MaskUndecodable · MaskSizeMismatch · MaskEmpty · MaskFull
│   ├── NoChange
│   ├── MethodUnavailable · ModelUnavailable · ModelRequired
│   ├── ParameterNotSupported · LicenceRefused
│   └── WebhookKeyRequired · IdempotencyConflict
├── NotPermitted
│   ├── Unauthorized · Forbidden
├── MissingResource
│   ├── NotFound · JobExpired
├── WrongState
│   ├── NotFinished · NoResult · AlreadyFinished · NoWebhook
├── Refused               try again later
│   ├── RateLimited · TooManyJobs · TooMuchStored
│   ├── QueueFull · NoWorker · BrokerUnavailable · BrokerFull · StoreUnavailable
│   └── TooManyWaiters · ShuttingDown · JobTooNew
└── PaintingFailed        ends a job; stands in `job.error`, never an HTTP status of a document
    ├── WorkerLost · RequeuedTooOften · Hung · DeadlineExceeded
    ├── OutOfMemory · GpuOutOfMemory · ModelOutputInvalid · InputLost · Internal
    ├── SafetyRefused     the operator's own check refuses
    │   ├── PromptRefused · InputRefused · OutputRefused
    └── KeptPixelsChanged · SigningFailed

No class knows an HTTP status: `service/documents/error_table.py` has the one table, and a test
requires an entry per class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a request.

    Attributes:
        pointer: JSON pointer of the field (`/regions/0/left`) or the name of a header.
        code: the error code of this fault alone.
        message: the rule that is broken, without the input itself.
        allowed: accepted values, when they can be listed.
    """

    pointer: str
    code: str
    message: str
    allowed: tuple[str, ...] | None = None


class PaintjobError(Exception):
    """Base of all errors that callers may see.

    Args:
        detail: one or two sentences for the caller: what is wrong and what to do. Never the input
            itself.
        faults: the single faults, all at once.
        retry_after_seconds: when a retry makes sense, if that is known.
    """

    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str = "",
        *,
        faults: tuple[Fault, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.faults = faults
        self.retry_after_seconds = retry_after_seconds


class BadRequest(PaintjobError):
    """The request could not be read."""


class MalformedBody(BadRequest):
    """Broken multipart or JSON."""

    code = "malformed_body"
    title = "The body could not be parsed"


class NotAcceptable(BadRequest):
    """`Accept` cannot be met."""

    code = "not_acceptable"
    title = "No representation matches the Accept header"


class LengthRequired(BadRequest):
    """A body came without Content-Length."""

    code = "length_required"
    title = "Content-Length is required"


class BodyTooLarge(BadRequest):
    """The body, or one part of it, is larger than the limit."""

    code = "body_too_large"
    title = "The body is too large"


class UnsupportedMediaType(BadRequest):
    """The body or the picture has a type that is not supported."""

    code = "unsupported_media_type"
    title = "The media type is not supported"


class InvalidInput(PaintjobError):
    """The request breaks a rule."""


class InvalidField(InvalidInput):
    """A field breaks its rule."""

    code = "invalid_field"
    title = "A field breaks its rule"


class UnknownField(InvalidInput):
    """A field, or a parameter in the URL, that the call does not have was sent."""

    code = "unknown_field"
    title = "Unknown field"


class ConflictingFields(InvalidInput):
    """Fields exclude each other."""

    code = "conflicting_fields"
    title = "Fields exclude each other"


class ImageTooLarge(InvalidInput):
    """The picture has too many pixels, by its header."""

    code = "image_too_large"
    title = "The picture is too large"


class ImageUndecodable(InvalidInput):
    """The picture is broken."""

    code = "image_undecodable"
    title = "The picture cannot be decoded"


class ImageNotServed(InvalidInput):
    """The host of a picture's URL answers, but does not send the picture."""

    code = "image_not_served"
    title = "The picture is not where its URL says"


class ImageUnreachable(InvalidInput):
    """A picture could not be fetched from its URL now."""

    code = "image_unreachable"
    title = "The picture could not be fetched"
    retryable = True


class MaskUndecodable(InvalidInput):
    """The mask is broken."""

    code = "mask_undecodable"
    title = "The mask cannot be decoded"


class MaskSizeMismatch(InvalidInput):
    """Mask and picture differ in size."""

    code = "mask_size_mismatch"
    title = "Mask and picture differ in size"


class MaskEmpty(InvalidInput):
    """The mask marks nothing."""

    code = "mask_empty"
    title = "The mask marks nothing to repaint"


class MaskFull(InvalidInput):
    """The mask marks everything."""

    code = "mask_full"
    title = "The mask leaves nothing to keep"


class NoChange(InvalidInput):
    """The requested geometry changes nothing."""

    code = "no_change"
    title = "The request changes nothing"


class MethodUnavailable(InvalidInput):
    """The method does not exist for this operation or in this deployment."""

    code = "method_unavailable"
    title = "The method is not available"


class ModelUnavailable(InvalidInput):
    """The model is not configured in this deployment."""

    code = "model_unavailable"
    title = "The model is not available"


class ModelRequired(InvalidInput):
    """The request needs a model, and none is configured."""

    code = "model_required"
    title = "A model is required"


class ParameterNotSupported(InvalidInput):
    """The chosen method cannot honor a parameter."""

    code = "parameter_not_supported"
    title = "The method does not support this parameter"


class LicenceRefused(InvalidInput):
    """The operator's policy refuses the model's license."""

    code = "licence_refused"
    title = "The license of the model is refused by policy"


class WebhookKeyRequired(InvalidInput):
    """A webhook was asked for, and the tenant has no key to sign it with."""

    code = "webhook_key_required"
    title = "A webhook needs a signing key"


class IdempotencyConflict(InvalidInput):
    """An idempotency key was used again with another body."""

    code = "idempotency_conflict"
    title = "The idempotency key was used with another request"


class NotPermitted(PaintjobError):
    """The caller may not do this."""


class Unauthorized(NotPermitted):
    """No key, or a bad one."""

    code = "unauthorized"
    title = "A valid API key is required"


class Forbidden(NotPermitted):
    """The key lacks the scope; or, without keys, a page of another site sent the request."""

    code = "forbidden"
    title = "The caller may not do this"


class MissingResource(PaintjobError):
    """There is no resource of this name."""


class NotFound(MissingResource):
    """Unknown job or path."""

    code = "not_found"
    title = "Not found"


class JobExpired(MissingResource):
    """The job existed and has been wiped."""

    code = "job_expired"
    title = "The job has been wiped"


class WrongState(PaintjobError):
    """The job is not in the state that this call needs."""


class NotFinished(WrongState):
    """The job has not ended yet."""

    code = "not_finished"
    title = "The job has not finished"
    retryable = True


class NoResult(WrongState):
    """The job failed or was canceled and has no result."""

    code = "no_result"
    title = "The job has no result"


class AlreadyFinished(WrongState):
    """The job has ended otherwise."""

    code = "already_finished"
    title = "The job has already finished"


class NoWebhook(WrongState):
    """There is nothing to send again."""

    code = "no_webhook"
    title = "There is no such webhook"


class Refused(PaintjobError):
    """Nothing was kept; try again later.

    Args:
        detail: as in `PaintjobError`.
        retry_after_seconds: as there.
        policy: name of the limit that is reached, as the caller sees it; empty if the limit is not
            the caller's own.
    """

    retryable = True

    def __init__(
        self, detail: str = "", *, retry_after_seconds: float | None = None, policy: str = ""
    ) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.policy = policy


class RateLimited(Refused):
    """Too many requests."""

    code = "rate_limited"
    title = "Too many requests"


class TooManyJobs(Refused):
    """The tenant has too many unfinished jobs."""

    code = "too_many_jobs"
    title = "Too many unfinished jobs"


class TooMuchStored(Refused):
    """The tenant has reached its limit of stored jobs, batches, uploads or bytes."""

    code = "too_much_stored"
    title = "Too much is stored"


class QueueFull(Refused):
    """The queue has reached its limit."""

    code = "queue_full"
    title = "The queue is full"


class NoWorker(Refused):
    """No worker that serves the job's queue has been online for long."""

    code = "no_worker"
    title = "No worker serves this method"


class BrokerUnavailable(Refused):
    """Redis does not answer.

    Args:
        detail: for the caller.
        retry_after_seconds: when a retry makes sense.
        cause: the true cause, for operators: it may name hosts.
    """

    code = "broker_unavailable"
    title = "The broker does not answer"

    def __init__(
        self, detail: str = "", *, retry_after_seconds: float | None = None, cause: str = ""
    ) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.cause = cause


class BrokerFull(Refused):
    """The broker's memory is nearly used up; the rest is for jobs that were accepted."""

    code = "broker_full"
    title = "The broker is nearly full"


class StoreUnavailable(Refused):
    """The blob store does not answer or is full; arguments as of `BrokerUnavailable`."""

    code = "store_unavailable"
    title = "The blob store does not answer"

    def __init__(
        self, detail: str = "", *, retry_after_seconds: float | None = None, cause: str = ""
    ) -> None:
        super().__init__(detail, retry_after_seconds=retry_after_seconds)
        self.cause = cause


class TooMuchWork(Refused):
    """Checking a request takes more time than one request may."""

    code = "too_much_work"
    title = "Too much work for one request"


class JobTooNew(Refused):
    """A later release accepted the job, in a form that this process cannot read."""

    code = "job_too_new"
    title = "The job is of a later release"


class ShuttingDown(Refused):
    """This process of the API stops. It is the answer of readiness alone: requests are served."""

    code = "shutting_down"
    title = "This process is stopping"


class TooManyWaiters(Refused):
    """This process has no slot for a waiting client, or no memory for another picture or JSON."""

    code = "too_many_waiters"
    title = "Too many waiting clients"


class PaintingFailed(PaintjobError):
    """Ends a job as failed."""


class WorkerLost(PaintingFailed):
    """The worker died too often while it painted this job."""

    code = "worker_lost"
    title = "The worker was lost while painting"
    retryable = True


class RequeuedTooOften(PaintingFailed):
    """The job went back to the queue too often."""

    code = "requeued_too_often"
    title = "The job was requeued too often"
    retryable = True


class Hung(PaintingFailed):
    """The painting made no progress and was stopped."""

    code = "hung"
    title = "The painting hung"
    retryable = True


class DeadlineExceeded(PaintingFailed):
    """One of the two deadlines passed."""

    code = "deadline_exceeded"
    title = "A deadline passed"


class OutOfMemory(PaintingFailed):
    """The worker ran out of memory on this job."""

    code = "out_of_memory"
    title = "The worker ran out of memory"


class GpuOutOfMemory(PaintingFailed):
    """The accelerator ran out of memory on this job."""

    code = "gpu_out_of_memory"
    title = "The accelerator ran out of memory"


class ModelOutputInvalid(PaintingFailed):
    """The engine returned something that is not a picture of the right size."""

    code = "model_output_invalid"
    title = "The model's output is invalid"
    retryable = True


class InputLost(PaintingFailed):
    """An input blob is missing or differs from what was accepted."""

    code = "input_lost"
    title = "An input was lost"
    retryable = True


class Internal(PaintingFailed):
    """An error that was not foreseen."""

    code = "internal"
    title = "Internal error"
    retryable = True


class KeptPixelsChanged(PaintingFailed):
    """A kept pixel came back changed; nothing was delivered."""

    code = "kept_pixels_changed"
    title = "Kept pixels would have changed"
    retryable = True


class NothingFound(PaintingFailed):
    """A finder found nothing for a region of the request."""

    code = "nothing_found"
    title = "Nothing was found"


class SafetyRefused(PaintingFailed):
    """The operator's safety check refuses the job."""


class PromptRefused(SafetyRefused):
    """The safety check refuses the prompt."""

    code = "prompt_refused"
    title = "The prompt is refused by the safety check"


class InputRefused(SafetyRefused):
    """The safety check refuses the picture to be painted on."""

    code = "input_refused"
    title = "The picture is refused by the safety check"


class OutputRefused(SafetyRefused):
    """The safety check refuses the result; nothing is delivered."""

    code = "output_refused"
    title = "The result is refused by the safety check"


class SigningFailed(PaintingFailed):
    """The result could not be signed; nothing was delivered."""

    code = "signing_failed"
    title = "The result could not be signed"


def iter_error_classes() -> Iterator[type[PaintjobError]]:
    """Yield every error class that has a code of its own, parents first."""
    pending: list[type[PaintjobError]] = [PaintjobError]
    while pending:
        current = pending.pop(0)
        pending.extend(current.__subclasses__())
        if "code" in current.__dict__ and current is not PaintjobError:
            yield current


def get_error_class(code: str) -> type[PaintjobError]:
    """Return the class of an error code.

    Raises:
        KeyError: there is no such code.
    """
    return {error.code: error for error in iter_error_classes()}[code]
