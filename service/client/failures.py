"""What goes wrong between client and service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class PaintjobApiError(Exception):
    """The service refused, with the fields of its problem document.

    Attributes:
        status: HTTP status.
        code: the error's code, such as `mask_empty`; empty when the answer was no problem document.
        title: the kind of error, for people.
        detail: what happened and what to do.
        request_id: names the request in the service's log.
        faults: the single faults: `pointer`, `code`, `message`.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code") or "")
        self.title = str(problem.get("title") or f"HTTP {status}")
        self.detail = str(problem.get("detail") or self.title)
        self.request_id = str(problem.get("request_id") or "")
        self.faults: list[dict[str, Any]] = list(problem.get("errors") or [])
        super().__init__(f"{self.title}: {self._tell_faults()}")

    def _tell_faults(self) -> str:
        """Tell the detail and all faults; of a single fault the detail is the message."""
        places = [
            ": ".join(str(part) for part in (fault.get("pointer"), fault.get("message")) if part)
            for fault in self.faults
        ]
        is_told = len(places) == 1 and self.faults[0].get("message") == self.detail
        return "; ".join(places if is_told else [self.detail, *places])


class ServiceUnreachable(Exception):
    """The service did not answer: no connection, no complete response, or none in time."""


class ResultDamaged(Exception):
    """The bytes that arrived are not those that the job's document names."""
