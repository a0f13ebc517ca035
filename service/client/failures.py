"""Errors that the client raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
