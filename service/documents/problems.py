"""Problem documents: the status of each error, and the body of `application/problem+json`.

Source: RFC 9457.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.contract import errors
from service.contract.errors import PaintjobError
from service.documents.schemas import Problem, ProblemFault

MEDIA_TYPE = "application/problem+json"

STATUS: Mapping[type[PaintjobError], int] = {
    errors.MalformedBody: 400,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.JobExpired: 404,
    errors.NotAcceptable: 406,
    errors.NotFinished: 409,
    errors.NoResult: 409,
    errors.AlreadyFinished: 409,
    errors.NoWebhook: 409,
    errors.LengthRequired: 411,
    errors.BodyTooLarge: 413,
    errors.ImageTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.InvalidField: 422,
    errors.UnknownField: 422,
    errors.ConflictingFields: 422,
    errors.ImageUndecodable: 422,
    errors.ImageNotServed: 422,
    errors.MaskUndecodable: 422,
    errors.MaskSizeMismatch: 422,
    errors.MaskEmpty: 422,
    errors.MaskFull: 422,
    errors.NoChange: 422,
    errors.MethodUnavailable: 422,
    errors.ModelUnavailable: 422,
    errors.ModelRequired: 422,
    errors.ParameterNotSupported: 422,
    errors.LicenceRefused: 422,
    errors.WebhookKeyRequired: 422,
    errors.IdempotencyConflict: 422,
    # Not 5xx: load balancers take servers with 5xx out of service, and URLs of callers must not
    # cause that.
    errors.ImageUnreachable: 424,
    errors.RateLimited: 429,
    errors.TooManyJobs: 429,
    errors.TooMuchStored: 429,
    errors.QueueFull: 503,
    errors.ShuttingDown: 503,
    errors.JobTooNew: 503,
    errors.NoWorker: 503,
    errors.BrokerUnavailable: 503,
    errors.BrokerFull: 503,
    errors.StoreUnavailable: 503,
    errors.TooManyWaiters: 503,
    errors.TooMuchWork: 503,
    # Errors that end a job have a status only if a client asked for the picture itself.
    errors.DeadlineExceeded: 504,
    errors.WorkerLost: 503,
    errors.RequeuedTooOften: 503,
    errors.Hung: 503,
    errors.ModelOutputInvalid: 503,
    errors.InputLost: 503,
    errors.KeptPixelsChanged: 503,
    errors.SigningFailed: 422,
    errors.NothingFound: 422,
    errors.OutOfMemory: 422,
    errors.GpuOutOfMemory: 422,
    errors.PromptRefused: 422,
    errors.InputRefused: 422,
    errors.OutputRefused: 422,
    errors.Internal: 500,
}
"""Every error class that has a code of its own; a test checks that none is missing."""

HTTP_ONLY: Mapping[int, tuple[str, str, str]] = {
    405: ("method_not_allowed", "The method is not allowed here", "see the Allow header"),
    421: (
        "misdirected_request",
        "The request was sent to another host",
        "without API keys only this machine's own names, such as localhost, and the host in "
        "PAINTJOB_PUBLIC_URL are accepted in Host",
    ),
    416: ("range_not_satisfiable", "The range lies outside the picture", "see Content-Range"),
}
"""Refusals that exist only in HTTP: status → code, title, detail."""


def build_problem(error: PaintjobError, request_id: str, base_url: str) -> Problem:
    """Build the problem document of an error.

    Args:
        error: a class without a code of its own becomes `internal`.
        request_id: the request's id.
        base_url: prefix of the URL in `type`; empty for a relative one.
    """
    kind = type(error) if type(error) in STATUS else errors.Internal
    return Problem(
        type=f"{base_url}/errors/{kind.code}",
        title=kind.title,
        status=STATUS[kind],
        detail=error.detail,
        code=kind.code,
        retryable=kind.retryable,
        request_id=request_id,
        errors=[
            ProblemFault(
                pointer=fault.pointer,
                code=fault.code,
                message=fault.message,
                allowed=list(fault.allowed) if fault.allowed is not None else None,
            )
            for fault in error.faults
        ],
    )
