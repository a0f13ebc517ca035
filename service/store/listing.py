"""A tenant's jobs, page by page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.contract.jobs import JobFailure, JobStatus, Progress, parse_time

_TAG_DIGEST_BYTES = 12


@dataclass(frozen=True)
class ListedJob:
    """A job in a list; the record has the rest.

    Attributes:
        spec: the spec's document, which a newer release may have written.
    """

    job_id: str
    status: JobStatus
    version: int
    spec: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    cancel_requested_at: datetime | None
    progress: Progress | None
    error: JobFailure | None


@dataclass(frozen=True)
class JobPage:
    """Some jobs, newest first, and where the next page begins; `None` after the last."""

    jobs: list[ListedJob]
    next_before: int | None


def digest_tag(tag: str) -> str:
    """Hash a tag as the lists have it: no client's text becomes part of a key."""
    return hashlib.blake2b(tag.encode(), digest_size=_TAG_DIGEST_BYTES).hexdigest()


def parse_listed(entry: Sequence[bytes]) -> ListedJob:
    """Read a job of a page, as the script returns it."""
    job_id, _, status, version, spec, *times, progress, error = (value.decode() for value in entry)
    created, started, finished, expires, cancel_requested = map(parse_time, times)
    if created is None:
        raise ValueError("the record of a job has no created_at")
    return ListedJob(
        job_id=job_id,
        status=JobStatus(status),
        version=int(version),
        spec=json.loads(spec),
        created_at=created,
        started_at=started,
        finished_at=finished,
        expires_at=expires,
        cancel_requested_at=cancel_requested,
        progress=Progress.model_validate_json(progress, extra="ignore") if progress else None,
        error=JobFailure.model_validate_json(error, extra="ignore") if error else None,
    )
