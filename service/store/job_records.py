"""Job records, for the API: accept, read, list, cancel, wipe."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.contract.errors import AlreadyFinished
from service.contract.jobs import MAX_CRASHES, MAX_REQUEUES, JobSpec, JobStatus, JobWarning
from service.contract.keys import KEYLESS, KeyLimits, StoredLimits, to_pixels
from service.contract.params import DEFAULT_WEBHOOK_EVENTS
from service.contract.webhooks import webhook_group
from service.store.listing import JobPage, digest_tag, parse_listed
from service.store.runner import PackedCommands, StorePart, milliseconds
from service.store.stored import InputBytes, Stored, read_stored
from service.store.verdicts import absence_of, refusal_of
from service.store.views import JobView, parse_view

UPLOAD_SECONDS = 3600
IDEMPOTENCY_SECONDS = 86_400
MAX_WAIT_SECONDS = 86_400
"""A job without a deadline of its caller's waits so long for its first claim, and a little more."""

TOMBSTONE_SECONDS = 86_400

_OFFLINE = json.dumps(
    [
        JobWarning(
            code="no_worker_online",
            detail="no worker of this method is online; the job waits until one is",
        ).model_dump()
    ]
)


@dataclass(frozen=True)
class Idempotency:
    """A client's key, and the fingerprint of the request it came with."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class SubmitLimits:
    """Limits of a submission.

    Attributes:
        queue: waiting jobs in the queue.
        tenant: unfinished jobs of the tenant.
        worker_absence_seconds: refuse when no worker of the queue was online for so long; 0 never
            refuses.
        key: limits of the key, defaults filled in, and its tenant's weight.
        stored: what the tenant may store.
    """

    queue: int
    tenant: int
    worker_absence_seconds: float
    key: KeyLimits = field(default_factory=KeyLimits)
    stored: StoredLimits = field(default_factory=StoredLimits)


@dataclass(frozen=True)
class Usage:
    """Use of a caller's limits after a submission.

    Attributes:
        tenant_jobs: unfinished jobs of the tenant.
        key_jobs: unfinished jobs of the key.
        pixels_left: the rest of the key's budget; below 0 after a job that was larger than it.
        full_in_seconds: when the budget is whole again.
        stored: of the tenant.
    """

    tenant_jobs: int
    key_jobs: int
    pixels_left: int
    full_in_seconds: float
    stored: Stored


@dataclass(frozen=True)
class Submitted:
    """Result of a submission.

    Attributes:
        job_id: the new job, or the one that the idempotency key belongs to.
        replayed: True when the idempotency key was known.
        worker_seen: True when a worker of the queue is online.
        usage: of the caller's limits, this job included.
        view: the job as it is now.
    """

    job_id: str
    replayed: bool
    worker_seen: bool
    usage: Usage
    view: JobView = field(compare=False)


class JobRecords(StorePart):
    """The records of jobs, for the API."""

    def begin_upload(self, owner_id: str, seconds: float = UPLOAD_SECONDS) -> None:
        """Have blobs wiped unless their job is submitted in time; call before the first byte.

        Args:
            owner_id: the job or the upload that the blobs belong to.
            seconds: how long they may lie there.
        """
        self._scripts.run("begin_upload", owner_id=owner_id, due_ms=milliseconds(seconds))

    def abandon_upload(self, owner_id: str) -> None:
        """Have the blobs of a job that was refused or replayed wiped soon."""
        self._scripts.guard(
            lambda: self._scripts.redis.zadd(
                self._scripts.key("wipe"), {f"{owner_id}#upload": 0}, xx=True
            )
        )

    def submit(
        self,
        spec: JobSpec,
        *,
        start_within_seconds: float | None,
        finish_within_seconds: float,
        ttl_seconds: float,
        limits: SubmitLimits,
        finish_from_claim: bool = False,
        idempotency: Idempotency | None = None,
        key_id: str = KEYLESS,
        inputs: InputBytes | None = None,
        wakeup: PackedCommands | None = None,
        next_id: str | None = None,
        is_recent: bool = False,
        trace: str = "",
    ) -> Submitted:
        """Accept a job, or find the one that its idempotency key belongs to.

        The key's budget is charged once, with the job's cost, however often the call is repeated.

        Args:
            spec: of the job.
            start_within_seconds: from now; None without a limit.
            finish_within_seconds: from now.
            ttl_seconds: how long the job is kept after its end.
            limits: of the tenant and of the key.
            finish_from_claim: whether the time to finish counts from the first claim, not from
                now; until then the record shows the latest date that can come of it.
            idempotency: the client's key.
            key_id: of the API key.
            inputs: bytes of the inputs; without it no input is shared with an upload.
            wakeup: sent if the job is created.
            next_id: of a job to come, for which `begin_upload` is called too unless this one is
                refused.
            is_recent: whether the upload began so lately that its blobs have not been wiped for
                their age. If the broker knows nothing of it, it has lost its memory, and the job is
                accepted.
            trace: context of the trace that it belongs to, as text; empty without one.

        Raises:
            IdempotencyConflict: the key was used with another request.
            JobExpired: the key's job has been wiped.
            QueueFull, TooManyJobs, TooMuchStored, RateLimited, NoWorker: a limit is reached.
            StoreUnavailable: the upload took so long that its blobs were wiped.
        """
        latest_seconds = finish_within_seconds
        if finish_from_claim:
            latest_seconds += (
                MAX_WAIT_SECONDS if start_within_seconds is None else start_within_seconds
            )
        kept_seconds = max(IDEMPOTENCY_SECONDS, latest_seconds + ttl_seconds)
        inputs = inputs or InputBytes(_count_bytes(spec))
        verdict, job_id, online, used, found = self._scripts.run(
            "submit",
            wakeup,
            job_id=spec.job_id,
            queue=spec.queue,
            tenant=spec.tenant,
            priority=spec.priority,
            batch_id=spec.batch.batch_id if spec.batch else None,
            batch_index=spec.batch.index if spec.batch else None,
            model=spec.model or "",
            call_key=spec.call_key,
            cost=spec.cost,
            charge=(spec.work or spec.cost) / limits.key.weight,
            tags=" ".join(digest_tag(tag) for tag in dict.fromkeys(spec.params.tags or [])),
            schema=spec.schema_number,
            spec=spec.model_dump_json(),
            start_within_ms=None
            if start_within_seconds is None
            else milliseconds(start_within_seconds),
            finish_within_ms=milliseconds(latest_seconds),
            finish_after_claim_ms=milliseconds(finish_within_seconds)
            if finish_from_claim
            else None,
            ttl_ms=milliseconds(ttl_seconds),
            queue_limit=limits.queue,
            tenant_limit=limits.tenant,
            key_id=key_id,
            key_job_limit=limits.key.unfinished_jobs,
            stored_job_limit=limits.stored.jobs,
            stored_byte_limit=limits.stored.bytes,
            bytes=inputs.own,
            shares=[*map(list, inputs.shared.items())],
            pixels=to_pixels(spec.cost),
            pixels_per_minute=to_pixels(limits.key.megapixels_per_minute),
            absence_ms=milliseconds(limits.worker_absence_seconds),
            max_crashes=MAX_CRASHES,
            max_requeues=MAX_REQUEUES,
            offline_warnings=_OFFLINE,
            idempotency_key=digest(idempotency.key) if idempotency else None,
            fingerprint=idempotency.fingerprint if idempotency else None,
            **_webhook_arguments(spec),
            idempotency_ms=milliseconds(kept_seconds),
            next_id=next_id,
            is_recent=is_recent,
            trace=trace or None,
            upload_ms=milliseconds(UPLOAD_SECONDS),
        )
        outcome, usage = verdict.decode(), _read_usage(used)
        if outcome not in ("created", "replayed"):
            raise refusal_of(outcome, usage.full_in_seconds)
        replayed = outcome == "replayed"
        view = parse_view(found, None if replayed else spec)
        return Submitted(job_id.decode(), replayed, bool(online), usage, view)

    def load(self, job_id: str, tenant: str) -> JobView:
        """Read a job.

        Raises:
            NotFound: there is none, or it is another tenant's.
            JobExpired: it has been wiped.
        """
        verdict, found = self._scripts.run("view", job_id=job_id, tenant=tenant)
        if verdict != b"found":
            raise absence_of(verdict.decode())
        return parse_view(found)

    def cancel(self, job_id: str, tenant: str) -> JobView:
        """Cancel a job: at once while it waits, by a flag while it runs.

        Raises:
            NotFound, JobExpired: as `load`.
            AlreadyFinished: it has succeeded or failed.
        """
        verdict = self.request_cancel(job_id, tenant)
        if verdict == "finished":
            raise AlreadyFinished("the job has succeeded or failed and cannot be canceled")
        if verdict in ("missing", "expired"):
            raise absence_of(verdict)
        return self.load(job_id, tenant)

    def request_cancel(self, job_id: str, tenant: str) -> str:
        """Cancel a job that may have ended or be gone.

        Returns:
            `canceled`, `stopping`, `finished`, `missing` or `expired`.
        """
        verdict: str = self._scripts.run("cancel", job_id=job_id, tenant=tenant).decode()
        return verdict

    def delete(self, job_id: str, tenant: str, *, delete_id: str | None = None) -> None:
        """Wipe a job, whatever its status: record, events, idempotency key, and its blobs soon.

        Args:
            job_id: the job.
            tenant: whose it must be.
            delete_id: drawn by a caller that may have to repeat the call: the same one again finds
                its own work done.

        Raises:
            NotFound, JobExpired: as `load`.
        """
        verdict = self._scripts.run(
            "delete",
            job_id=job_id,
            tenant=tenant,
            delete_id=delete_id or secrets.token_hex(8),
            tombstone_ms=milliseconds(TOMBSTONE_SECONDS),
            again_ms=self._scripts.again_ms,
        ).decode()
        if verdict != "deleted":
            raise absence_of(verdict)

    def load_page(
        self,
        tenant: str,
        *,
        statuses: Collection[JobStatus] = (),
        tag: str | None = None,
        before: int | None = None,
        limit: int = 20,
    ) -> JobPage:
        """Return a page of a tenant's jobs, newest first.

        Jobs that come or go between two pages neither repeat nor hide another.

        Args:
            tenant: whose jobs.
            statuses: only these; none means all.
            tag: only jobs with this tag.
            before: where the last page ended.
            limit: how many at most; a page may hold fewer, and more may follow all the same.
        """
        entries, next_before = self._scripts.run(
            "list",
            tenant=tenant,
            statuses=[status.value for status in statuses or JobStatus],
            tag=digest_tag(tag) if tag is not None else "",
            before=before,
            limit=limit,
        )
        jobs = [parse_listed(entry) for entry in entries]
        return JobPage(jobs, int(next_before) if next_before else None)


def _read_usage(used: Sequence[Any]) -> Usage:
    tenant_jobs, key_jobs, pixels_left, fill_ms, stored = used
    return Usage(tenant_jobs, key_jobs, pixels_left, fill_ms / 1000, read_stored(stored))


def _count_bytes(spec: JobSpec) -> int:
    pictures = (spec.image, spec.mask, spec.source_mask, spec.reference_image)
    return sum(blob.bytes for blob in pictures if blob)


def _webhook_arguments(spec: JobSpec) -> dict[str, str]:
    """Return the scripts' arguments for a job's webhooks; the URL stays in the spec."""
    url = spec.params.webhook_url
    if url is None:
        return {}
    events = " ".join(spec.params.webhook_events or DEFAULT_WEBHOOK_EVENTS)
    return {"webhook_events": events, "webhook_group": webhook_group(spec.tenant, url)}


def digest(text: str) -> str:
    """Hash a client's text, so that it does not become part of a Redis key."""
    return hashlib.sha256(text.encode()).hexdigest()
