"""Errors that the client raises."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx2


class PaintjobApiError(Exception):
    """Error: the service refused a request; has the fields of its problem document.

    Attributes:
        status: HTTP status.
        code: the error's code, such as `mask_empty`; empty without a problem document.
        title: the kind of error, for people.
        detail: the cause, and what to do.
        request_id: identifies the request in the service's log.
        faults: the individual faults: `pointer`, `code`, `message`.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code") or "")
        self.title = str(problem.get("title") or f"HTTP {status}")
        self.detail = str(problem.get("detail") or self.title)
        self.request_id = str(problem.get("request_id") or "")
        self.faults: list[dict[str, Any]] = list(problem.get("errors") or [])
        super().__init__(f"{self.title}: {self._describe_faults()}")

    def _describe_faults(self) -> str:
        """Return the detail and all faults; with a single fault its message is the detail."""
        places = [
            ": ".join(str(part) for part in (fault.get("pointer"), fault.get("message")) if part)
            for fault in self.faults
        ]
        is_same = len(places) == 1 and self.detail in {places[0], self.faults[0].get("message")}
        return "; ".join(places if is_same else [self.detail, *places])


class ServiceUnreachable(Exception):
    """Error: the service did not answer: no connection, or no complete response in time."""


class ResultDamaged(Exception):
    """Error: the bytes of a result do not match the SHA-256 in the job's document."""


class WebhookInvalid(Exception):
    """Error: a webhook is not signed by any of the keys, or is too old."""


def read_problem(answer: httpx2.Response) -> PaintjobApiError:
    """Build the error of a refused request; a proxy's own pages have no problem document."""
    try:
        problem = answer.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "code" not in problem:
        problem = _describe_foreign(answer)
    return PaintjobApiError(answer.status_code, problem)


_ADVICE: dict[int, str] = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request is larger than it accepts ({bytes} bytes); "
    "send a smaller picture, or have its limit raised (nginx: client_max_body_size)",
    HTTPStatus.BAD_GATEWAY: "it cannot reach the service",
    HTTPStatus.SERVICE_UNAVAILABLE: "it cannot reach the service",
    HTTPStatus.GATEWAY_TIMEOUT: "the service did not answer it in time",
}
"""Meaning of the statuses with which proxies answer instead of the service."""


def _describe_foreign(answer: httpx2.Response) -> dict[str, str]:
    """Describe a response that the service did not write."""
    status, server = answer.status_code, answer.headers.get("Server", "")
    source = f"a proxy or another server ({server})" if server else "a proxy or another server"
    size = answer.request.headers.get("Content-Length", "unknown")
    advice = _ADVICE.get(status, "")
    told = f": {advice.format(bytes=size)}" if advice else "; check the URL of the service"
    return {
        "title": f"HTTP {status} {answer.reason_phrase}".strip(),
        "detail": f"this answer is not the service's but of {source}{told}",
    }
