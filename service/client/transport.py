"""The sending of requests, with retries after temporary errors."""

from __future__ import annotations

import os
import random
import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import certifi
import httpx2

from service.client.failures import PaintjobApiError, ServiceUnreachable

FIRST_DELAY_SECONDS = 0.25
MAX_DELAY_SECONDS = 30.0
RETRIED_STATUSES = frozenset({429, 502, 503, 504})


class Transport:
    """A connection to one service.

    Args:
        url: URL of the service.
        api_key: sent as a bearer token, if the service requires keys.
        timeout_seconds: limit of a single request.
        patience_seconds: how long a request is retried. With a `Retry-After` past this the error is
        raised at once.
    """

    def __init__(
        self, url: str, api_key: str | None, timeout_seconds: float, patience_seconds: float
    ) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        try:
            self._http = httpx2.Client(
                base_url=url, headers=headers, timeout=timeout_seconds, verify=_load_trust()
            )
        except httpx2.InvalidURL as error:
            raise ValueError(f"{url} is not a URL; give one such as http://host:8080") from error
        self._timeout_seconds = timeout_seconds
        self.patience_seconds = patience_seconds

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        patience_seconds: float | None = None,
        held_seconds: float = 0.0,
        **arguments: Any,
    ) -> httpx2.Response:
        """Send a request, and retry it after temporary errors.

        Args:
            method: HTTP method.
            path: path of the URL.
            patience_seconds: how long to retry, if not the default; 0 for no retry.
            held_seconds: how long the service may hold the request.
            arguments: arguments of `httpx2.Client.request`.

        Raises:
            PaintjobApiError: the service refused.
            ServiceUnreachable: it did not answer.
        """
        allowed = self.patience_seconds if patience_seconds is None else patience_seconds
        give_up_at = time.monotonic() + allowed
        arguments["timeout"] = self._timeout_seconds + held_seconds
        delay = FIRST_DELAY_SECONDS
        while True:
            failure, asked = self._try(method, path, arguments)
            if isinstance(failure, httpx2.Response):
                return failure
            # A quarter more or less, so that clients that were refused together retry apart.
            pause = asked if asked is not None else delay * random.uniform(0.75, 1.25)  # noqa: S311
            if time.monotonic() + pause > give_up_at:
                raise failure
            time.sleep(pause)
            delay = min(2 * delay, MAX_DELAY_SECONDS)

    def _try(
        self, method: str, path: str, arguments: dict[str, Any]
    ) -> tuple[httpx2.Response | Exception, float | None]:
        """Send once; return the response, or an error that allows a retry and its `Retry-After`."""
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx2.TransportError as error:
            return ServiceUnreachable(_describe(error)), None
        if answer.status_code in RETRIED_STATUSES:
            return PaintjobApiError(answer.status_code, _read_problem(answer)), retry_after(answer)
        if answer.is_success or answer.status_code == httpx2.codes.NOT_MODIFIED:
            return answer, None
        raise PaintjobApiError(answer.status_code, _read_problem(answer))


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


def _describe(error: httpx2.TransportError) -> str:
    """Describe why no response came; some timeouts have no text of their own."""
    return str(error) or type(error).__name__


def _load_trust() -> ssl.SSLContext:
    """Load the certificates that are trusted: certifi's, unless the environment names others.

    Passed explicitly, because httpx2 trusts the system's store, which slim containers lack.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    own_file = file or (None if folder else certifi.where())
    return ssl.create_default_context(cafile=own_file, capath=folder)


def _read_problem(answer: httpx2.Response) -> dict[str, Any]:
    try:
        problem = answer.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
