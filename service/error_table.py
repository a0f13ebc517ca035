"""Every error with its HTTP status and meaning, as one table for callers."""

from __future__ import annotations

import inspect
from functools import cache

from service.contract.errors import PaintingFailed, iter_error_classes
from service.problems import HTTP_ONLY, STATUS
from service.schemas import ErrorEntry, ErrorTable


@cache
def build_error_table() -> ErrorTable:
    """Build the table, sorted by status and code."""
    entries = [
        ErrorEntry(
            code=error.code,
            title=error.title,
            status=STATUS[error],
            retryable=error.retryable,
            met_in="job" if issubclass(error, PaintingFailed) else "answer",
            description=inspect.getdoc(error) or error.title,
        )
        for error in iter_error_classes()
    ]
    entries += [
        ErrorEntry(
            code=code,
            title=title,
            status=status,
            retryable=False,
            met_in="answer",
            description=f"{title}: {detail}.",
        )
        for status, (code, title, detail) in HTTP_ONLY.items()
    ]
    return ErrorTable(errors=sorted(entries, key=lambda entry: (entry.status, entry.code)))
