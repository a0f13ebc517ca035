"""What the scripts tell of a job, read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.contract.jobs import JobRecord


@dataclass(frozen=True)
class JobView:
    """A record and what the queue makes of it.

    Attributes:
        record: the record.
        position: how many jobs would be claimed before it; `None` unless it waits.
        eta_seconds: how long it will probably wait for a worker; `None` unless it waits, and while
            no job of its queue has been measured or no worker is online.
        takes_seconds: how long a worker will probably paint it; `None` while nothing is measured.
    """

    record: JobRecord
    position: int | None
    eta_seconds: float | None = None
    takes_seconds: float | None = None


def parse_view(told: Sequence[Any]) -> JobView:
    """Read a job as the scripts tell it (`tell` in their library)."""
    flat, position, wait_ms, takes_ms = told
    fields = {
        name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)
    }
    return JobView(
        JobRecord.from_hash(fields), _if_known(position), _seconds(wait_ms), _seconds(takes_ms)
    )


def _if_known(number: int) -> int | None:
    return number if number >= 0 else None


def _seconds(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds >= 0 else None
