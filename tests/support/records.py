"""Job records for tests: built, driven, and moved in time.

Redis' clock cannot be turned, so time passes by writing what it would have left behind: a lease
that ran out long ago, a deadline in the past, a reaper that rested.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from service.contract.errors import PaintjobError
from service.contract.jobs import (
    BlobRef,
    JobFailure,
    JobRecord,
    JobSpec,
    MaskEffective,
    Output,
    Progress,
    Proof,
    Recipe,
    Timings,
)
from service.contract.keys import KEYLESS, StoredLimits
from service.contract.names import CPU_QUEUE, new_job_id, output_path
from service.contract.params import InpaintParams
from service.store import (
    FinishVerdict,
    Idempotency,
    InputBytes,
    JobStore,
    Shares,
    Stored,
    SubmitLimits,
    TakenWebhook,
    Upload,
)
from service.store.runner import PackedCommands

LIMITS = SubmitLimits(queue=100_000, tenant=100_000, worker_absence_seconds=900)
TENANT = "default"
HOOK_URL = "https://receiver.example/hook"
FIRST_CLAIM = "c1"
PAST = 1
"""A time in milliseconds that is over for everybody."""


FAILURE = JobFailure(code="internal", title="t", detail="d", retryable=True)
PROGRESS = Progress(stage="paint", step=1, steps=2, fraction=0.5)
MASK = MaskEffective(coverage=0.5, box=[0, 0, 1, 1], components=1)


def make_spec(**changes: Any) -> JobSpec:
    """Return the spec of a small inpainting job; `changes` replace its fields."""
    job_id = changes.pop("job_id", None) or new_job_id()
    fields: dict[str, Any] = {
        "job_id": job_id,
        "tenant": TENANT,
        "operation": "inpaint",
        "method": "patch",
        "queue": CPU_QUEUE,
        "params": InpaintParams(method="patch", seed=1),
        "image": BlobRef(
            path=f"jobs/{job_id}/input/image",
            bytes=1,
            sha256="00",
            format="png",
            width=64,
            height=64,
            mode="RGB",
        ),
    }
    return JobSpec(**{**fields, **changes})


def submit(
    store: JobStore,
    spec: JobSpec | None = None,
    *,
    start: float | None = None,
    finish: float = 3600,
    ttl: float = 100,
    limits: SubmitLimits = LIMITS,
    idempotency: Idempotency | None = None,
    key_id: str = KEYLESS,
    inputs: InputBytes | None = None,
    finish_from_claim: bool = False,
    wakeup: PackedCommands | None = None,
    **changes: Any,
) -> str:
    """Submit a job as the API does, upload entry first; gives its id."""
    spec = spec or make_spec(**changes)
    store.jobs.begin_upload(spec.job_id)
    answer = store.jobs.submit(
        spec,
        start_within_seconds=start,
        finish_within_seconds=finish,
        ttl_seconds=ttl,
        limits=limits,
        idempotency=idempotency,
        key_id=key_id,
        inputs=inputs,
        finish_from_claim=finish_from_claim,
        wakeup=wakeup,
    )
    return answer.job_id


def make_told_spec(events: Sequence[str] = (), **changes: Any) -> JobSpec:
    """Return the spec of a job with webhooks for these events, or for its end."""
    params: dict[str, Any] = {"method": "patch", "seed": 1, "webhook_url": HOOK_URL}
    if events:
        params["webhook_events"] = list(events)
    return make_spec(params=InpaintParams.model_validate(params), **changes)


def take(store: JobStore, take_id: str = "t1", **shares: Any) -> list[TakenWebhook]:
    """Take from the outbox as a courier that has nothing in hand."""
    given: dict[str, Any] = {"limit": 16, "per_group": 8, "per_tenant": 8}
    given |= {"groups": {}, "tenants": {}, **shares}
    return store.webhooks.take(take_id, Shares(**given), lease_seconds=30)


def end(store: JobStore, taken: TakenWebhook, error: str | None = None, **options: Any) -> str:
    """Write the result of a delivery: delivered unless an error is given."""
    given: dict[str, Any] = {"seconds": 0.1, "status": 500 if error else 204, "gives_up": False}
    given |= {"delay_seconds": 60, "window_seconds": 3600, "error": error, **options}
    return store.webhooks.end(taken, **given)


def submit_many(store: JobStore, count: int, **changes: Any) -> list[str]:
    """Submit as many jobs alike."""
    return [submit(store, **changes) for _ in range(count)]


def claim(
    store: JobStore, claim_id: str = "c1", queue: str = CPU_QUEUE, **options: Any
) -> list[str]:
    """Claim; gives the ids."""
    jobs = store.claims.take(queue, worker="w1", claim_id=claim_id, **options)
    return [job.job_id for job in jobs]


def claim_all(store: JobStore, queue: str = CPU_QUEUE, **options: Any) -> list[list[str]]:
    """Claim until nothing is left; gives the ids of each claim, in order."""
    claims: list[list[str]] = []
    while ids := claim(store, f"claim-{len(claims)}-{new_job_id()}", queue, **options):
        claims.append(ids)
    return claims


def make_output(job_id: str, token: str) -> Output:
    """Return an output that lies where this claim writes."""
    return Output(
        index=0,
        path=output_path(job_id, token, 0, "png"),
        format="png",
        width=64,
        height=64,
        bytes=1,
        sha256="00",
        seed=1,
        proof=Proof(
            kept_pixels=1, kept_pixels_changed=0, max_difference=0, touched_box=[0, 0, 1, 1]
        ),
    )


def succeed(store: JobStore, job_id: str, token: str = FIRST_CLAIM) -> FinishVerdict:
    """Commit one output."""
    outputs = [make_output(job_id, token)]
    return store.claims.finish_succeeded(
        job_id, token, outputs=outputs, recipe=Recipe(engine="test"), timings=Timings()
    )


def make_upload(upload_id: str = "upl_A", tenant: str = TENANT, size: int = 7) -> Upload:
    """Return the record of an uploaded picture that lives long."""
    return Upload(
        upload_id=upload_id,
        tenant=tenant,
        path=f"jobs/{upload_id}/input/file",
        bytes=size,
        sha256="00",
        format="png",
        width=64,
        height=64,
        expires_at=datetime(9999, 1, 1, tzinfo=UTC),
    )


def keep(store: JobStore, upload: Upload, **limits: int) -> Stored:
    """Keep an upload as the API does, wipe entry first."""
    store.jobs.begin_upload(upload.upload_id)
    return store.uploads.keep(upload, StoredLimits(**limits))


def load(store: JobStore, job_id: str, tenant: str = TENANT) -> JobRecord:
    """Read a record."""
    return store.jobs.load(job_id, tenant).record


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or the code of the error that it raises."""
    try:
        return call()
    except PaintjobError as error:
        return error.code


# Time ---------------------------------------------------------------------------------------------


class Clock:
    """Lets time pass for single things in the store."""

    def __init__(self, store: JobStore) -> None:
        self._redis = store.redis
        self._namespace = store.namespace

    def now_ms(self) -> int:
        """Return Redis' time in milliseconds."""
        seconds, microseconds = self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def run_out_lease(self, job_id: str) -> None:
        """Let a running job's lease be over."""
        self._redis.zadd(self._key("leases"), {job_id: PAST}, xx=True)

    def pass_finish_deadline(self, job_id: str) -> None:
        """Let the job's time to finish be over."""
        self._set(job_id, finish_by_at=PAST)
        self._redis.zadd(self._key("deadlines"), {job_id: PAST}, xx=True)

    def pass_start_deadline(self, job_id: str) -> None:
        """Let the job's time to start be over; the job must have been given one."""
        self._set(job_id, start_by_at=PAST)
        if not self._redis.hget(self._key("job", job_id), "started_at"):
            self._redis.zadd(self._key("deadlines"), {job_id: PAST}, xx=True)

    def make_webhooks_due(self, job_id: str) -> None:
        """Let a job's next try be due, and no courier have it in hand."""
        text = self._redis.get(self._key("webhooks", job_id)) or b""
        webhooks: dict[str, Any] = json.loads(text)
        webhooks |= {"token": "", "leased_until": 0}
        for event in webhooks["events"]:
            event["due"] = PAST
            # Lua's JSON tells an empty list from an empty object no better than this.
            event["log"] = event["log"] or {}
        self._redis.set(self._key("webhooks", job_id), json.dumps(webhooks), keepttl=True)
        self._redis.zadd(self._key("outbox", webhooks["group"]), {job_id: PAST}, xx=True)
        self._redis.zadd(self._key("outbox"), {webhooks["group"]: PAST}, xx=True)

    def expire(self, job_id: str) -> None:
        """Let the result of a finished job be old enough to go."""
        self._redis.zadd(self._key("expiry"), {job_id: PAST}, xx=True)

    def age(self, job_id: str, seconds: float) -> None:
        """Let the job have been accepted so many seconds ago."""
        self._set(job_id, created_at=self.now_ms() - round(seconds * 1000))

    def make_wipes_due(self) -> None:
        """Let everything on the wipe list be due."""
        wipes: list[Any] = self._redis.zrange(self._key("wipe"), 0, -1)
        for member in wipes:
            self._redis.zadd(self._key("wipe"), {member: PAST}, xx=True)

    def pass_upload(self, job_id: str) -> None:
        """Let an upload have taken too long."""
        self._redis.zadd(self._key("wipe"), {f"{job_id}#upload": PAST}, xx=True)

    def reaped(self, seconds_ago: float, *, hold: bool = False) -> None:
        """Let the last pass of a reaper be so long ago, and leases be held back or not."""
        now = self.now_ms()
        self._redis.set(self._key("reaped_at"), now - round(seconds_ago * 1000))
        self._redis.set(self._key("hold_until"), now + 60_000 if hold else 0)

    def short_for(self, queue: str, seconds: float) -> None:
        """Let missing wake-ups have been missing for so long, unnoticed."""
        self._redis.set(self._key("short", queue), self.now_ms() - round(seconds * 1000), xx=True)
        self._redis.delete(self._key("guard", queue))

    def miss_worker(self, queue: str, seconds: float) -> None:
        """Let the last worker of a queue have been seen so long ago."""
        self._redis.delete(self._key("workers", queue))
        self._redis.set(self._key("seen", queue), self.now_ms() - round(seconds * 1000))

    def _set(self, job_id: str, **fields: int) -> None:
        for name, value in fields.items():
            self._redis.hset(self._key("job", job_id), name, str(value))

    def _key(self, *parts: str) -> str:
        return ":".join((self._namespace, *parts))
