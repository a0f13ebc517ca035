"""Error handlers that answer every error with a problem document, Flask's own errors included."""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping

import structlog
from flask import Flask, Response, current_app, g, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RoutingException

from service.contract import errors
from service.contract.errors import PaintjobError
from service.documents.problems import HTTP_ONLY, MEDIA_TYPE, STATUS, build_problem
from service.documents.schemas import Problem
from service.telemetry.families import PROBLEMS

log = structlog.get_logger()

DEFAULT_RETRY_SECONDS = 5
"""`Retry-After` of a 503 whose error names no time."""

_FROM_HTTP: Mapping[int, tuple[type[PaintjobError], str]] = {
    400: (errors.MalformedBody, "the request could not be parsed"),
    404: (errors.NotFound, "there is no resource at this path"),
    406: (errors.NotAcceptable, ""),
    411: (errors.LengthRequired, "send the body with Content-Length, or chunked"),
    413: (errors.BodyTooLarge, ""),
    415: (errors.UnsupportedMediaType, ""),
}
_KEPT_HEADERS = ("Allow", "Content-Range", "Retry-After")


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
        PROBLEMS.note(1, error.code, str(response.status_code))
        return _say_when(response, error.retry_after_seconds)

    def on_http(error: HTTPException) -> Response | HTTPException:
        if isinstance(error, RoutingException):
            return error
        problem = _translate(error, g.get("request_id", ""), base_url)
        PROBLEMS.note(1, problem.code, str(problem.status))
        response = _respond(problem)
        kept = {name: text for name, text in error.get_headers() if name in _KEPT_HEADERS}
        response.headers.update(kept)
        return response

    def on_unknown(error: Exception) -> Response:
        # Neither the message nor locals are logged: both may contain the caller's data.
        frames = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
        log.error("request_crashed", error_type=type(error).__name__, frames=frames[-8:])
        return on_known(
            errors.Internal("an unexpected error occurred; report it with the request id")
        )

    app.register_error_handler(PaintjobError, on_known)
    app.register_error_handler(HTTPException, on_http)
    app.register_error_handler(Exception, on_unknown)


def _say_when(response: Response, seconds: float | None) -> Response:
    """Add `Retry-After`: the error's own time, or the default of a 503."""
    if seconds is None and response.status_code == 503:
        seconds = DEFAULT_RETRY_SECONDS
    if seconds is not None:
        response.headers["Retry-After"] = str(math.ceil(seconds))
    return response


def _respond(problem: Problem) -> Response:
    return Response(problem.model_dump_json(), problem.status, mimetype=MEDIA_TYPE)


def _translate(error: HTTPException, request_id: str, base_url: str) -> Problem:
    """Build the problem document of an error that Flask itself raised; the status stays."""
    status = error.code or 500
    if status in _FROM_HTTP:
        kind, detail = _FROM_HTTP[status]
        return build_problem(kind(detail + _advise(status)), request_id, base_url)
    named = (error.name.lower().replace(" ", "_"), error.name, "")
    code, title, detail = HTTP_ONLY.get(status, named)
    return Problem(
        type=f"{base_url}/errors/{code}",
        title=title,
        status=status,
        detail=_list_methods(error) or detail or title,
        code=code,
        retryable=False,
        request_id=request_id,
        errors=[],
    )


def _advise(status: int) -> str:
    """Return what to add to the detail of a 404 that one slash too many caused."""
    path = request.path.rstrip("/")
    if status != 404 or path in ("", request.path):
        return ""
    adapter = current_app.create_url_adapter(request)
    is_there = adapter is not None and any(adapter.allowed_methods(path))
    return "; leave out the slash at its end" if is_there else ""


def _list_methods(error: HTTPException) -> str:
    """Return the detail of a 405: the methods that the path has."""
    if not isinstance(error, MethodNotAllowed):
        return ""
    methods = sorted({*(error.valid_methods or ())} - {"OPTIONS"})
    return f"this path takes {' and '.join(methods)} only" if methods else ""
