"""Job views: a record, and its place in the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from typing import Any

from service.contract.jobs import JobRecord, JobSpec, JobStatus, parse_time


@dataclass(frozen=True)
class JobView:
    """A record, and its place in the queue.

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

    @property
    def status(self) -> JobStatus:
        """The job's status."""
        return self.record.status

    @property
    def painting_at(self) -> datetime | None:
        """When its painting began."""
        return self.record.painting_at

    def digest(self) -> bytes:
        """Return a digest of all that a job's document is made of; equal for equal documents."""
        return self._digest(self.record.model_dump_json().encode())

    def _digest(self, record: bytes) -> bytes:
        queue = f"{self.position} {self.eta_seconds} ".encode()
        return blake2b(queue + record, digest_size=16).digest()


class StoredView(JobView):
    """A view that reads the record out of Redis' hash when it is first asked for.

    Most answers to a client that polls need only its digest.
    """

    def __init__(
        self,
        fields: Mapping[bytes, bytes],
        position: int | None,
        eta_seconds: float | None,
        takes_seconds: float | None,
        spec: JobSpec | None = None,
    ) -> None:
        vars(self).update(
            fields=fields,
            spec=spec,
            position=position,
            eta_seconds=eta_seconds,
            takes_seconds=takes_seconds,
        )

    fields: Mapping[bytes, bytes]
    spec: JobSpec | None

    @cached_property
    def record(self) -> JobRecord:
        """The record."""
        return JobRecord.from_hash(
            {name.decode(): value.decode() for name, value in self.fields.items()}, self.spec
        )

    @property
    def status(self) -> JobStatus:
        """The job's status."""
        return JobStatus(self.fields[b"status"].decode())

    @property
    def painting_at(self) -> datetime | None:
        """When its painting began."""
        return parse_time(self.fields.get(b"painting_at", b"").decode())

    def digest(self) -> bytes:
        """Return a digest of all that a job's document is made of; equal for equal documents."""
        # No field holds a zero byte: they are words, numbers and JSON.
        return self._digest(
            b"\0".join(part for pair in sorted(self.fields.items()) for part in pair)
        )


def parse_view(found: Sequence[Any], spec: JobSpec | None = None) -> JobView:
    """Read a job as the scripts return it (`view` in their library).

    Args:
        found: the script's answer.
        spec: the job's, if it is known already; specs never change.
    """
    flat, position, wait_ms, takes_ms = found
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    return StoredView(fields, _if_known(position), _seconds(wait_ms), _seconds(takes_ms), spec)


def _if_known(number: int) -> int | None:
    return number if number >= 0 else None


def _seconds(milliseconds: int) -> float | None:
    return milliseconds / 1000 if milliseconds >= 0 else None
