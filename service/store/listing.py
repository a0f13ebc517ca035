"""A tenant's jobs, page by page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.contract.jobs import JobFailure, JobStatus, Progress, parse_time
from service.store.runner import ScriptRunner

_TAG_DIGEST_BYTES = 12


@dataclass(frozen=True)
class ListedJob:
    """What a list tells of a job; the record has the rest.

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


class Listing(ScriptRunner):
    """The records as a list."""

    def list_jobs(
        self,
        tenant: str,
        *,
        statuses: Collection[JobStatus] = (),
        tag: str | None = None,
        before: int | None = None,
        limit: int = 20,
    ) -> JobPage:
        """Give a page of a tenant's jobs, newest first.

        Jobs that come or go between two pages neither repeat nor hide another.

        Args:
            tenant: whose jobs.
            statuses: only these; none means all.
            tag: only jobs with this tag.
            before: where the last page ended.
            limit: how many at most; a page may hold fewer, and more may follow all the same.
        """
        rows, next_before = self._run(
            "list",
            tenant=tenant,
            statuses=[status.value for status in statuses or JobStatus],
            tag=digest_tag(tag) if tag is not None else "",
            before=before,
            limit=limit,
        )
        jobs = [_parse_row(row) for row in rows]
        return JobPage(jobs, int(next_before) if next_before else None)


def digest_tag(tag: str) -> str:
    """Hash a tag as the lists have it: no client's text becomes part of a key."""
    return hashlib.blake2b(tag.encode(), digest_size=_TAG_DIGEST_BYTES).hexdigest()


def _parse_row(row: Sequence[bytes]) -> ListedJob:
    job_id, _, status, version, spec, *times, progress, error = (value.decode() for value in row)
    created, started, finished, expires, cancel_requested = map(parse_time, times)
    if created is None:
        raise ValueError("a record says when it was made")
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
        progress=Progress.model_validate_json(progress) if progress else None,
        error=JobFailure.model_validate_json(error) if error else None,
    )
