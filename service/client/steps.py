"""Calls as flows of steps, which the synchronous and the asynchronous client carry out alike.

A flow is a generator: it yields a step, is sent the outcome, and returns the call's result. All
that decides, the retries above all, is written once, here; only sending and sleeping differ between
the clients.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeGuard, TypeVar

import httpx2

from .failures import ServiceUnreachable, read_problem

FIRST_DELAY_SECONDS = 0.25
MAX_DELAY_SECONDS = 30.0
RETRIED_STATUSES = frozenset({429, 502, 503, 504})

REDIRECT = 307

_ANSWERED = (200, 201, 202, 204, 206, 304)


@dataclass(frozen=True)
class Send:
    """A step: send a request once, and return its response, or the transport's error.

    Attributes:
        method: HTTP method.
        path: path of the URL.
        timeout_seconds: limit of the request.
        arguments: further arguments of `httpx2.Client.request`.
        stream: whether the body of a successful response is left to be read.
        is_elsewhere: whether the path is a URL of another host, which gets no API key.
    """

    method: str
    path: str
    timeout_seconds: float
    arguments: dict[str, Any]
    stream: bool = False
    is_elsewhere: bool = False


@dataclass(frozen=True)
class Pause:
    """A step: sleep."""

    seconds: float


Step = Send | Pause
Outcome = httpx2.Response | httpx2.TransportError | None
T = TypeVar("T")
Flow = Generator[Step, Outcome, T]


@dataclass
class Patience:
    """Time limits of the requests to one service.

    Attributes:
        timeout_seconds: limit of a single request.
        patience_seconds: how long a request is retried. With a `Retry-After` past this the error
        is raised at once.
        reach_seconds: the same while the service has never answered, not even with an error.
    """

    timeout_seconds: float
    patience_seconds: float
    reach_seconds: float
    has_answered: bool = field(default=False, init=False)

    def allowed_seconds(self, failure: Exception) -> float:
        """Return how long to retry after a failure."""
        is_dead = isinstance(failure, ServiceUnreachable) and not self.has_answered
        return min(self.reach_seconds, self.patience_seconds) if is_dead else self.patience_seconds


def send(
    patience: Patience,
    method: str,
    path: str,
    *,
    patience_seconds: float | None = None,
    held_seconds: float = 0.0,
    stream: bool = False,
    may_redirect: bool = False,
    is_elsewhere: bool = False,
    **arguments: Any,
) -> Flow[httpx2.Response]:
    """Send a request, and retry it after temporary errors.

    Args:
        patience: how long to retry.
        method: HTTP method.
        path: path of the URL.
        patience_seconds: how long to retry, if not the default; 0 for no retry.
        held_seconds: how long the service may hold the request.
        stream: whether the body of a successful response is left to be read.
        may_redirect: whether a redirect is an answer.
        is_elsewhere: whether the path is a URL of another host, which gets no API key.
        arguments: arguments of `httpx2.Client.request`.

    Raises:
        PaintjobApiError: the service refused.
        ServiceUnreachable: it did not answer.
    """
    seconds = patience.timeout_seconds + held_seconds
    step = Send(method, path, seconds, arguments, stream, is_elsewhere)
    began, delay = time.monotonic(), FIRST_DELAY_SECONDS
    while True:
        outcome = yield step
        if may_redirect and _is_redirect(outcome):
            return outcome
        failure = _find_failure(patience, outcome)
        if failure is None:
            assert isinstance(outcome, httpx2.Response)  # noqa: S101 - `_find_failure` looked
            return outcome
        allowed = patience.allowed_seconds(failure)
        if patience_seconds is not None:
            allowed = min(allowed, patience_seconds)
        asked = retry_after(outcome) if isinstance(outcome, httpx2.Response) else None
        # A quarter more or less, so that clients that were refused together retry apart.
        pause = asked if asked is not None else delay * random.uniform(0.75, 1.25)  # noqa: S311
        if time.monotonic() + pause > began + allowed:
            raise failure
        yield Pause(pause)
        delay = min(2 * delay, MAX_DELAY_SECONDS)


def _is_redirect(outcome: Outcome) -> TypeGuard[httpx2.Response]:
    return isinstance(outcome, httpx2.Response) and outcome.status_code == REDIRECT


def _find_failure(patience: Patience, outcome: Outcome) -> Exception | None:
    """Return the temporary error of a request, if it failed.

    Raises:
        PaintjobApiError: the service refused for good.
    """
    if not isinstance(outcome, httpx2.Response):
        # Some timeouts have no text of their own.
        return ServiceUnreachable(str(outcome) or type(outcome).__name__)
    patience.has_answered = True
    if outcome.status_code in _ANSWERED:
        return None
    failure = read_problem(outcome)
    if outcome.status_code in RETRIED_STATUSES:
        return failure
    raise failure


def retry_after(answer: httpx2.Response) -> float | None:
    """Return `Retry-After` in seconds from now, from either form; None if absent or invalid.

    Source: RFC 9110, section 10.2.3.
    """
    text = answer.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    # A date without a zone is in UTC by the RFC.
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())
