"""Errors over HTTP: the table error → status, and `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping

import structlog
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

from service.answers.schemas import Problem, ProblemFault
from service.contract import errors
from service.contract.errors import PaintjobError

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

DEFAULT_RETRY_SECONDS = 5
"""When to ask again after a 503 that knows no better."""

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
    # Not 5xx, for which servers are taken out of service: callers' URLs shall not lead to that.
    errors.ImageUnreachable: 424,
    errors.RateLimited: 429,
    errors.TooManyJobs: 429,
    errors.QueueFull: 503,
    errors.NoWorker: 503,
    errors.BrokerUnavailable: 503,
    errors.BrokerFull: 503,
    errors.StoreUnavailable: 503,
    errors.TooManyWaiters: 503,
    # What ends a job has a status only where a client asked for the bytes themselves.
    errors.DeadlineExceeded: 504,
    errors.WorkerLost: 503,
    errors.RequeuedTooOften: 503,
    errors.Hung: 503,
    errors.ModelOutputInvalid: 503,
    errors.InputLost: 503,
    errors.KeptPixelsChanged: 503,
    errors.SigningFailed: 422,
    errors.OutOfMemory: 422,
    errors.GpuOutOfMemory: 422,
    errors.PromptRefused: 422,
    errors.InputRefused: 422,
    errors.OutputRefused: 422,
    errors.Internal: 500,
}
"""Every error class that has a code of its own; a test asks for a row for each."""

HTTP_ONLY: Mapping[int, tuple[str, str, str]] = {
    405: ("method_not_allowed", "The method is not allowed here", "see the Allow header"),
    416: ("range_not_satisfiable", "The range lies outside the picture", "see Content-Range"),
}
"""Refusals that only HTTP knows: status → code, title, detail."""

_FROM_HTTP: Mapping[int, tuple[type[PaintjobError], str]] = {
    400: (errors.MalformedBody, "the request could not be parsed"),
    404: (errors.NotFound, "there is nothing at this path"),
    406: (errors.NotAcceptable, ""),
    411: (errors.LengthRequired, "send Content-Length"),
    413: (errors.BodyTooLarge, ""),
    415: (errors.UnsupportedMediaType, ""),
}
_KEPT_HEADERS = ("Allow", "Content-Range", "Retry-After")


def build_problem(error: PaintjobError, request_id: str, base_url: str) -> Problem:
    """Build the problem document of an error.

    Args:
        error: what happened; a class without a code of its own shows as `internal`.
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


def install(app: Flask, base_url: str) -> None:
    """Make every error of an app answer with a problem document.

    Args:
        app: the app.
        base_url: prefix of the URL in `type`; empty for a relative one.
    """

    def on_known(error: PaintjobError) -> Response:
        if type(error) not in STATUS:
            return on_unknown(error)
        if isinstance(error, errors.Refused) and error.policy:
            g.refused = error
        response = _respond(build_problem(error, g.get("request_id", ""), base_url))
        return _say_when(response, error.retry_after_seconds)

    def on_http(error: HTTPException) -> Response | HTTPException:
        if isinstance(error, RoutingException):
            return error
        response = _respond(_translate(error, g.get("request_id", ""), base_url))
        kept = {name: text for name, text in error.get_headers() if name in _KEPT_HEADERS}
        response.headers.update(kept)
        return response

    def on_unknown(error: Exception) -> Response:
        # Neither the message nor locals: both may hold what the caller sent.
        frames = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        log.error("request_crashed", error_type=type(error).__name__, frames=frames[-8:])
        return on_known(errors.Internal("something went wrong here; give the request id to ask"))

    app.register_error_handler(PaintjobError, on_known)
    app.register_error_handler(HTTPException, on_http)
    app.register_error_handler(Exception, on_unknown)


def _say_when(response: Response, seconds: float | None) -> Response:
    """Say when to ask again: as the error knows, or, of a 503, as a rule."""
    if seconds is None and response.status_code == 503:
        seconds = DEFAULT_RETRY_SECONDS
    if seconds is not None:
        response.headers["Retry-After"] = str(math.ceil(seconds))
    return response


def _respond(problem: Problem) -> Response:
    return Response(problem.model_dump_json(), problem.status, mimetype=MEDIA_TYPE)


def _translate(error: HTTPException, request_id: str, base_url: str) -> Problem:
    """Describe what Flask itself refuses: the status stays, the words are ours."""
    status = error.code or 500
    if status in _FROM_HTTP:
        kind, detail = _FROM_HTTP[status]
        return build_problem(kind(detail), request_id, base_url)
    named = (error.name.lower().replace(" ", "_"), error.name, "")
    code, title, detail = HTTP_ONLY.get(status, named)
    return Problem(
        type=f"{base_url}/errors/{code}",
        title=title,
        status=status,
        detail=detail or title,
        code=code,
        retryable=False,
        request_id=request_id,
        errors=[],
    )
