"""Every error with its HTTP status and meaning, as one table for callers."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Literal

from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    InvalidField,
    MaskEmpty,
    MaskFull,
    MaskSizeMismatch,
    MaskUndecodable,
    MethodUnavailable,
    ModelUnavailable,
    PaintingFailed,
    PaintjobError,
    StoreUnavailable,
    UnsupportedMediaType,
    iter_error_classes,
)
from service.documents.problems import HTTP_ONLY, STATUS
from service.documents.schemas import ErrorEntry, ErrorTable
from service.guide.advice import find_advice

JOB_ERRORS = frozenset(
    {
        ImageTooLarge,
        ImageUndecodable,
        InvalidField,
        MaskEmpty,
        MaskFull,
        MaskSizeMismatch,
        MaskUndecodable,
        MethodUnavailable,
        ModelUnavailable,
        StoreUnavailable,
        UnsupportedMediaType,
    }
)
"""Refusals that may also end a job, when only its worker can see what is wrong."""


@cache
def build_error_table() -> ErrorTable:
    """Build the table, sorted by status and code."""
    entries = [
        ErrorEntry(
            code=error.code,
            title=error.title,
            status=STATUS[error],
            retryable=error.retryable,
            met_in=_met_in(error),
            description=inspect.getdoc(error) or error.title,
            advice=find_advice(error.code),
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
            advice=find_advice(code),
        )
        for status, (code, title, detail) in HTTP_ONLY.items()
    ]
    return ErrorTable(errors=sorted(entries, key=lambda entry: (entry.status, entry.code)))


def _met_in(error: type[PaintjobError]) -> Literal["answer", "job", "both"]:
    if issubclass(error, PaintingFailed):
        return "job"
    return "both" if error in JOB_ERRORS else "answer"
