"""The job records in Redis, and the only code that touches them.

The record decides what happens to a job; RQ only wakes workers. Every change is one Lua script
(`scripts/`)
that checks the old status and the claim's token first, and is safe to run twice with the same
arguments.
All keys share one hash tag, so that they lie in one slot of a cluster. Times come from Redis'
clock.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any, Literal

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from service.contract.errors import (
    AlreadyFinished,
    BrokerUnavailable,
    DeadlineExceeded,
    Hung,
    IdempotencyConflict,
    JobExpired,
    NotFound,
    NoWorker,
    PaintjobError,
    QueueFull,
    RequeuedTooOften,
    StoreUnavailable,
    TooManyJobs,
    WorkerLost,
)
from service.contract.jobs import (
    KNOWN_SCHEMAS,
    MAX_CRASHES,
    MAX_REQUEUES,
    JobFailure,
    JobRecord,
    JobSpec,
    JobWarning,
    MaskEffective,
    Output,
    Progress,
    Recipe,
    Timings,
)
from service.contract.names import DEFAULT_NAMESPACE, rq_prefix

UPLOAD_SECONDS = 3600
IDEMPOTENCY_SECONDS = 86_400
TOMBSTONE_SECONDS = 86_400
CLAIM_KEPT_SECONDS = 3600
PRESENCE_LEASES = 3

RenewVerdict = Literal["ok", "cancel", "late", "stale"]
FinishVerdict = Literal["succeeded", "failed", "canceled", "stale"]
ReleaseVerdict = Literal["queued", "failed", "canceled", "stale"]
Outcome = Literal["drained", "crashed", "hung"]


@dataclass(frozen=True)
class Idempotency:
    """A client's key, and the fingerprint of what it was sent with."""

    key: str
    fingerprint: str


@dataclass(frozen=True)
class SubmitLimits:
    """What a submission must stay under.

    Attributes:
        queue: waiting jobs in the queue.
        tenant: unfinished jobs of the tenant.
        worker_absence_seconds: refuse when no worker of the queue was seen for so long; 0 never
            refuses.
    """

    queue: int
    tenant: int
    worker_absence_seconds: float


@dataclass(frozen=True)
class Submitted:
    """What a submission came to.

    Attributes:
        job_id: the new job, or the one that the idempotency key belongs to.
        replayed: whether the key was known.
        worker_seen: whether a worker of the queue is online now.
    """

    job_id: str
    replayed: bool
    worker_seen: bool


@dataclass(frozen=True)
class JobView:
    """A record, and how many jobs would be claimed before it; `None` unless it waits."""

    record: JobRecord
    position: int | None


@dataclass(frozen=True)
class Presence:
    """A worker that is there.

    Attributes:
        state: `starting`, `idle`, `busy`, `draining` or `broken`.
        seen_at: when it last said so.
    """

    name: str
    queue: str
    methods: list[tuple[str, str]]
    models: list[str]
    state: str
    seen_at: datetime


@dataclass(frozen=True)
class Claimed:
    """A job that this claim holds now."""

    job_id: str
    spec: str


@dataclass(frozen=True)
class ReapReport:
    """What one pass of the reaper did.

    Attributes:
        requeued: jobs that went back, by queue.
        ring: deliveries missing, by queue.
        ended: jobs that ended: late, canceled, crashed too often.
        expired: jobs that were wiped.
        held: whether expired leases were left alone, because nobody could renew for a while.
    """

    requeued: dict[str, int]
    ring: dict[str, int]
    ended: int
    expired: int
    held: bool


def failure_of(error: PaintjobError) -> JobFailure:
    """Give an error as it stands in a job."""
    return JobFailure(
        code=error.code, title=error.title, detail=error.detail, retryable=error.retryable
    )


_ERRORS = {
    error.code: failure_of(error).model_dump_json()
    for error in (
        DeadlineExceeded("the job did not start or finish in the time it was given"),
        WorkerLost("the worker died each time it painted this job"),
        Hung("the painting made no progress and was stopped"),
        RequeuedTooOften("the job was handed back to the queue too often"),
    )
}
_OFFLINE = json.dumps(
    [
        JobWarning(
            code="no_worker_online",
            detail="no worker that serves this method is online; the job waits for one",
        ).model_dump()
    ]
)


def connect(
    url: str,
    *,
    namespace: str = DEFAULT_NAMESPACE,
    lease_seconds: float = 10.0,
    socket_timeout: float = 1.0,
    max_connections: int | None = None,
) -> JobStore:
    """Open the store at a Redis URL; connects at the first call.

    The client neither waits long nor repeats: whoever calls decides whether to call again.
    """
    redis = Redis.from_url(
        url,
        socket_timeout=socket_timeout,
        socket_connect_timeout=socket_timeout,
        retry=Retry(NoBackoff(), 0),
        max_connections=max_connections,
    )
    return JobStore(redis, namespace, lease_seconds)


class JobStore:
    """Job records by id.

    Every method raises `BrokerUnavailable` when Redis does not answer or refuses to write; whether
    the change
    was made is then unknown, and the call may be repeated with the same arguments.

    Args:
        redis: the connection; responses as bytes.
        namespace: prefix of all keys, one hash tag in braces.
        lease_seconds: how long a claim lives without being renewed.
    """

    def __init__(
        self, redis: Redis, namespace: str = DEFAULT_NAMESPACE, lease_seconds: float = 10.0
    ) -> None:
        self.redis = redis
        self.namespace = namespace
        self.lease_seconds = lease_seconds
        folder = files("service.contract") / "scripts"
        library = (folder / "_lib.lua").read_text()
        self._scripts = {
            name: redis.register_script(library + (folder / f"{name}.lua").read_text())
            for name in SCRIPTS
        }

    # Called by the API ----------------------------------------------------------------------------

    def begin_upload(self, job_id: str) -> None:
        """Have the job's blobs wiped unless it is submitted; call before the first byte."""
        self._run("begin_upload", job_id=job_id, due_ms=_ms(UPLOAD_SECONDS))

    def abandon_upload(self, job_id: str) -> None:
        """Have the blobs of a job that was refused or replayed wiped soon."""
        self._guarded(lambda: self.redis.zadd(self._key("wipe"), {f"{job_id}#upload": 0}, xx=True))

    def submit(
        self,
        spec: JobSpec,
        *,
        start_within_seconds: float | None,
        finish_within_seconds: float,
        ttl_seconds: float,
        limits: SubmitLimits,
        idempotency: Idempotency | None = None,
    ) -> Submitted:
        """Accept a job, or find the one that its idempotency key belongs to.

        Raises:
            IdempotencyConflict: the key was used with another request.
            JobExpired: the key's job has been wiped.
            QueueFull, TooManyJobs, NoWorker: a limit is reached.
            StoreUnavailable: the upload took so long that its blobs were wiped.
        """
        kept_seconds = max(IDEMPOTENCY_SECONDS, finish_within_seconds + ttl_seconds)
        verdict, job_id, online = self._run(
            "submit",
            job_id=spec.job_id,
            queue=spec.queue,
            tenant=spec.tenant,
            priority=spec.priority,
            model=spec.model or "",
            batch_key=spec.batch_key,
            cost=spec.cost,
            schema=spec.schema_number,
            spec=spec.model_dump_json(),
            start_within_ms=None if start_within_seconds is None else _ms(start_within_seconds),
            finish_within_ms=_ms(finish_within_seconds),
            ttl_ms=_ms(ttl_seconds),
            queue_limit=limits.queue,
            tenant_limit=limits.tenant,
            absence_ms=_ms(limits.worker_absence_seconds),
            max_crashes=MAX_CRASHES,
            max_requeues=MAX_REQUEUES,
            offline_warnings=_OFFLINE,
            idempotency_key=_digest(idempotency.key) if idempotency else None,
            fingerprint=idempotency.fingerprint if idempotency else None,
            idempotency_ms=_ms(kept_seconds),
        )
        outcome = verdict.decode()
        if outcome not in ("created", "replayed"):
            raise _refusal(outcome)
        return Submitted(job_id.decode(), outcome == "replayed", bool(online))

    def load(self, job_id: str, tenant: str) -> JobView:
        """Read a job.

        Raises:
            NotFound: there is none, or it is another tenant's.
            JobExpired: it has been wiped.
        """
        verdict, flat, position = self._run("view", job_id=job_id, tenant=tenant)
        if verdict != b"found":
            raise _absence(verdict.decode())
        fields = {
            name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)
        }
        return JobView(JobRecord.from_hash(fields), position if position >= 0 else None)

    def cancel(self, job_id: str, tenant: str) -> JobView:
        """Cancel a job: at once while it waits, by a flag while it runs.

        Raises:
            NotFound, JobExpired: as `load`.
            AlreadyFinished: it has succeeded or failed.
        """
        verdict = self._run("cancel", job_id=job_id, tenant=tenant).decode()
        if verdict == "finished":
            raise AlreadyFinished("the job has succeeded or failed and cannot be canceled")
        if verdict in ("missing", "expired"):
            raise _absence(verdict)
        return self.load(job_id, tenant)

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
        verdict = self._run(
            "delete",
            job_id=job_id,
            tenant=tenant,
            delete_id=delete_id or secrets.token_hex(8),
            tombstone_ms=_ms(TOMBSTONE_SECONDS),
            again_ms=self._again_ms,
        ).decode()
        if verdict != "deleted":
            raise _absence(verdict)

    # Called by workers ----------------------------------------------------------------------------

    def claim(
        self,
        queue: str,
        *,
        worker: str,
        claim_id: str,
        max_batch: int = 1,
        warm_model: str = "",
        schemas: Sequence[int] = KNOWN_SCHEMAS,
    ) -> list[Claimed]:
        """Take the next jobs of a queue; the same ones again for the same `claim_id`.

        Args:
            queue: the queue.
            worker: the worker's name.
            claim_id: drawn by the worker; it becomes the token of every job taken.
            max_batch: how many jobs with the same batch key may be taken together.
            warm_model: the model that is loaded, preferred while nobody waits long.
            schemas: schema numbers that the worker can read.
        """
        rows = self._run(
            "claim",
            queue=queue,
            worker=worker,
            claim_id=claim_id,
            max_batch=max_batch,
            warm_model=warm_model,
            schemas=list(schemas),
            lease_ms=_ms(self.lease_seconds),
            claim_kept_ms=_ms(CLAIM_KEPT_SECONDS),
            errors=_ERRORS,
        )
        return [Claimed(job_id.decode(), spec.decode()) for job_id, spec in rows]

    def renew(self, rows: Sequence[tuple[str, str]]) -> list[RenewVerdict]:
        """Extend the leases of (job id, token) rows; tells what the worker must know of each."""
        verdicts = self._run(
            "renew", rows=[list(row) for row in rows], lease_ms=_ms(self.lease_seconds)
        )
        return [verdict.decode() for verdict in verdicts]

    def report_started(self, job_id: str, token: str, number: int) -> None:
        """Write that the painting has begun; from now on a death counts as a crash."""
        self._report(job_id, token, number, "painting", {}, painting=True)

    def report_progress(self, job_id: str, token: str, number: int, progress: Progress) -> None:
        """Write how far the painting is."""
        document = progress.model_dump_json()
        self._report(job_id, token, number, "progress", {"progress": document}, data=document)

    def report_mask(
        self, job_id: str, token: str, number: int, mask: MaskEffective, path: str
    ) -> None:
        """Write the effective mask and where its picture lies."""
        document = mask.model_dump_json()
        fields = {"mask_effective": document, "mask_path": path}
        self._report(job_id, token, number, "mask", fields, data=document)

    def finish_succeeded(
        self,
        job_id: str,
        token: str,
        *,
        outputs: Sequence[Output],
        recipe: Recipe,
        timings: Timings,
        warnings: Sequence[JobWarning] = (),
    ) -> FinishVerdict:
        """Commit a result; gives the job's status, or `stale` if it is no longer this claim's."""
        fields = {
            "outputs": json.dumps([output.model_dump() for output in outputs]),
            "recipe": recipe.model_dump_json(),
            "timings": timings.model_dump_json(),
        }
        if warnings:
            fields["warnings"] = json.dumps([warning.model_dump() for warning in warnings])
        return self._finish(job_id, token, "succeeded", fields)

    def finish_failed(self, job_id: str, token: str, failure: JobFailure) -> FinishVerdict:
        """Commit a failure; answers as `finish_succeeded`."""
        return self._finish(job_id, token, "failed", {"error": failure.model_dump_json()})

    def release(self, job_id: str, token: str, outcome: Outcome) -> ReleaseVerdict:
        """Give a job back that cannot be finished here; tells what became of it."""
        verdict: ReleaseVerdict = self._run(
            "release", job_id=job_id, token=token, outcome=outcome, errors=_ERRORS
        ).decode()
        return verdict

    def announce(
        self,
        name: str,
        queue: str,
        *,
        methods: Sequence[tuple[str, str]],
        models: Sequence[str],
        state: str,
    ) -> None:
        """Tell that a worker is there, for three leases."""
        document = {
            "name": name,
            "queue": queue,
            "methods": list(methods),
            "models": list(models),
            "state": state,
        }
        self._run(
            "presence",
            name=name,
            queue=queue,
            document=document,
            ttl_ms=_ms(PRESENCE_LEASES * self.lease_seconds),
        )

    def leave(self, name: str, queue: str) -> None:
        """Tell that a worker is gone."""
        self._run("presence", name=name, queue=queue)

    # Called by whoever looks after things ---------------------------------------------------------

    def reap(self, *, min_gap_seconds: float = 0.3) -> ReapReport:
        """Do what is due: expired leases, deadlines, results; find missing deliveries.

        Args:
            min_gap_seconds: do nothing when anybody reaped less long ago.
        """
        report = json.loads(
            self._run(
                "reap",
                lease_ms=_ms(self.lease_seconds),
                min_gap_ms=_ms(min_gap_seconds),
                rq_prefix=rq_prefix(self.namespace),
                tombstone_ms=_ms(TOMBSTONE_SECONDS),
                again_ms=self._again_ms,
                errors=_ERRORS,
            )
        )
        # Lua's JSON writes an empty table as {}, which is what an empty mapping is.
        return ReapReport(**report)

    def take_wipes(self, limit: int = 100) -> list[str]:
        """Give the entries of the wipe list that are due; `wiped_job_id` tells whose they are."""
        return [member.decode() for member in self._run("take_wipes", limit=limit)]

    def end_wipe(self, member: str) -> None:
        """Take an entry off the wipe list once its blobs are deleted."""
        self._guarded(lambda: self.redis.zrem(self._key("wipe"), member))

    def workers(self) -> list[Presence]:
        """Give the workers that are there."""
        queues = self._guarded(lambda: self.redis.smembers(self._key("queues")))
        found = []
        for queue in sorted(queues):
            key = self._key("workers", queue.decode())
            names = self._guarded(lambda key=key: self.redis.zrange(key, 0, -1))
            keys = [self._key("worker", name.decode()) for name in names]
            documents = self._guarded(lambda keys=keys: self.redis.mget(keys)) if keys else []
            found += [_parse_presence(json.loads(document)) for document in documents if document]
        return found

    def check_ready(self) -> None:
        """Check that Redis answers."""
        self._guarded(self.redis.ping)

    # Inside ---------------------------------------------------------------------------------------

    @property
    def _again_ms(self) -> int:
        return _ms(2 * self.lease_seconds)

    def _finish(
        self, job_id: str, token: str, status: str, fields: Mapping[str, str]
    ) -> FinishVerdict:
        verdict: FinishVerdict = self._run(
            "finish",
            job_id=job_id,
            token=token,
            status=status,
            fields=dict(fields),
            errors=_ERRORS,
        ).decode()
        return verdict

    def _report(
        self,
        job_id: str,
        token: str,
        number: int,
        kind: str,
        fields: Mapping[str, str],
        *,
        data: str = "",
        painting: bool = False,
    ) -> None:
        self._run(
            "report",
            job_id=job_id,
            token=token,
            number=number,
            kind=kind,
            data=data,
            painting=painting,
            fields=dict(fields),
        )

    def _key(self, *parts: str) -> str:
        return ":".join((self.namespace, *parts))

    def _run(self, script: str, **arguments: Any) -> Any:
        """Run a script."""
        # Absent values are left out: in Lua a JSON null is something that is there.
        given = {name: value for name, value in arguments.items() if value is not None}
        key = self._key("job", str(arguments.get("job_id", "none")))
        return self._guarded(
            lambda: self._scripts[script](keys=[key], args=[self.namespace, json.dumps(given)])
        )

    def _guarded(self, call: Any) -> Any:
        try:
            return call()
        except RedisError as error:
            raise BrokerUnavailable("the broker does not answer", retry_after_seconds=2) from error


SCRIPTS = (
    "begin_upload",
    "submit",
    "claim",
    "renew",
    "report",
    "finish",
    "release",
    "cancel",
    "delete",
    "reap",
    "view",
    "presence",
    "take_wipes",
)
"""Every script, by the name of its file."""


def wiped_job_id(member: str) -> str:
    """Give the job whose blobs an entry of the wipe list stands for."""
    return member.rpartition("#")[0]


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _digest(text: str) -> str:
    """Hash what a client chose, so that no client's text becomes part of a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def _parse_presence(document: dict[str, Any]) -> Presence:
    return Presence(
        name=document["name"],
        queue=document["queue"],
        methods=[(operation, method) for operation, method in document["methods"]],
        models=list(document["models"]),
        state=document["state"],
        seen_at=datetime.fromtimestamp(document["seen_at"] / 1000, tz=UTC),
    )


def _absence(verdict: str) -> PaintjobError:
    if verdict == "expired":
        return JobExpired("the job and its pictures have been wiped")
    return NotFound("there is no such job")


def _refusal(verdict: str) -> PaintjobError:
    refusals: dict[str, PaintjobError] = {
        "conflict": IdempotencyConflict(
            "this Idempotency-Key was used with another request; draw a new one"
        ),
        "gone": JobExpired("the job of this Idempotency-Key has been wiped"),
        "queue_full": QueueFull("the queue is full; try again later", retry_after_seconds=10),
        "too_many_jobs": TooManyJobs(
            "too many of your jobs are unfinished; wait for some to end", retry_after_seconds=10
        ),
        "no_worker": NoWorker(
            "no worker for this method has been seen for long", retry_after_seconds=60
        ),
        "upload_lost": StoreUnavailable("the upload took too long", retry_after_seconds=1),
    }
    return refusals[verdict]
