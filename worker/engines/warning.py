"""Warnings of engines."""

from __future__ import annotations

from service.contract.jobs import JobWarning


def warn_simpler(reason: str | None) -> tuple[JobWarning, ...]:
    """Return the warning that something simpler than full patches was used, if it was."""
    return () if reason is None else (JobWarning(code="simpler_fill", detail=reason),)
