"""The answers of the API, one frozen model a document.

`Job` is the same object wherever a job appears. Fields may be added to any answer at any time; none
is renamed or removed.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.contract.catalogue import ModelDefaults
from service.contract.families import Conditioning, Guidance, Kind
from service.contract.finders import FinderQuery
from service.contract.geometry import Geometry
from service.contract.intents import IntentSettings, Preset
from service.contract.jobs import (
    Attempt,
    FinderChoice,
    JobFailure,
    JobStatus,
    JobWarning,
    MaskEffective,
    Proof,
    Recipe,
    Timings,
)
from service.contract.params import (
    AnyParams,
    Intent,
    Operation,
    OutputFormat,
    WebhookEvent,
)
from service.contract.times import Timestamp
from service.contract.webhooks import Delivery


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class QueueAnswer(Answer):
    """The place of a job in its queue."""

    position: int | None = Field(
        description="Jobs that would be claimed before this one if none came; null unless queued."
    )
    eta_seconds: float | None = Field(
        description="Estimated wait for a worker in seconds, from the times of the queue's last "
        "jobs; null unless queued, while no job was measured, or while no worker is online."
    )


class ProgressAnswer(Answer):
    """The progress of a job; of a succeeded one all of it."""

    stage: str = Field(description="`load`, `decode`, `find`, `paint` or `encode`.")
    step: int
    steps: int
    fraction: float = Field(description="Share of the whole job that is done, 0..1.")
    preview_url: str | None = Field(
        description="A small JPEG of the picture so far, renewed now and then; null while there is "
        "none. Only `generate` has previews."
    )


class MaskAnswer(Answer):
    """The mask as sent or found, and the effective one once a worker has widened it."""

    coverage: float = Field(
        description="Share of the picture that the request marks to be repainted."
    )
    box: list[int] = Field(description="left, top, right, bottom; half-open pixels.")
    source: Literal["mask", "alpha", "regions"] = Field(
        description="Whether it is a picture, the image's own transparency or regions."
    )
    effective: MaskEffective | None = Field(description="Null until a worker has posted it.")


class ResizedAnswer(Answer):
    """A copy of a result in the size that was asked for; no proof holds for it."""

    url: str
    format: str
    width: int
    height: int
    bytes: int
    sha256: str


class OutputAnswer(Answer):
    """One result: a painted picture with the proof that kept pixels are unchanged, or a mask."""

    index: int
    url: str
    format: str
    width: int
    height: int
    bytes: int
    sha256: str
    seed: int = Field(description="0 for a mask, which has none.")
    estimate: float | None = Field(
        description="The method's own estimate of how similar its result is to the right one, "
        "0..1: an MS-SSIM, judged without seeing that. Null where the method does not judge."
    )
    proof: Proof
    resized: ResizedAnswer | None = Field(
        description="The copy in the size of `output_width` and `output_height`; null without them."
    )


class Links(Answer):
    """URLs of what belongs to the job; null where there is nothing."""

    self: str
    result: str | None
    mask: str | None
    events: str | None
    deliveries: str | None = Field(description="Null for a job without `webhook_url`.")
    cancel: str | None


class Job(Answer):
    """One accepted request, its state and its results."""

    id: str = Field(examples=["job_01KAQ3C8T6XW3V1Z0F9B2M4N5P"])
    version: int = Field(description="Grows with every change of the job.")
    operation: Operation
    status: JobStatus
    method: str = Field(
        description="The method that paints, never `auto`; `find` where only a mask is made."
    )
    model: str | None
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    expires_at: Timestamp | None = Field(
        description="When job and pictures are deleted; null until it ends."
    )
    start_by_at: Timestamp | None
    finish_by_at: Timestamp
    cancel_requested_at: Timestamp | None
    attempt: int = Field(description="How often a worker has claimed the job.")
    crashes: int
    max_crashes: int
    attempts: list[Attempt] = Field(description="The last ten.")
    queue: QueueAnswer
    progress: ProgressAnswer | None
    params: AnyParams = Field(
        description="Every effective parameter, with defaults and the seed. Null where the method "
        "does not support it."
    )
    mask: MaskAnswer | None = Field(
        description="Null in outpainting, and until finders have found it."
    )
    geometry: Geometry | None
    warnings: list[JobWarning]
    outputs: list[OutputAnswer]
    recipe: Recipe | None
    timings: Timings | None
    error: JobFailure | None
    tags: list[str]
    batch_id: str | None = Field(description="The batch that it belongs to, if to any.")
    links: Links


class JobWebhook(Job):
    """The body of a job's webhook: the job, without its position in the queue."""

    type: WebhookEvent = Field(description="What happened.")


class JobEvent(Answer):
    """The data of one event of a job's stream. Which fields are null depends on `type`."""

    type: str = Field(
        description="The event's name: `status`, `painting` (the worker has begun to paint), "
        "`progress`, `preview` (progress with a new preview), `mask` (the effective mask can be "
        "fetched), `cancel_requested`, `skipped` (events before the next one are no longer kept), "
        "`wiped` (the job was deleted; the last event)."
    )
    version: int = Field(description="The job's version after the event.")
    at: Timestamp
    status: JobStatus | None = Field(description="With `status`.")
    progress: ProgressAnswer | None = Field(description="With `progress` and `preview`.")
    mask: MaskEffective | None = Field(description="With `mask`; the picture is at `links.mask`.")
    job: Job | None = Field(
        description="The whole job, with the `status` that ends it, which is the last event."
    )


class EventsToken(Answer):
    """The URL of events with a token, for clients that cannot send headers."""

    url: str = Field(
        description="Opens the events of this job or batch, for reading, without a key."
    )
    expires_at: Timestamp = Field(
        description="Until when a stream may be opened; an open one goes on. Ends with its key."
    )


class ListedLinks(Answer):
    """URLs of a job and its result."""

    self: str
    result: str | None


class ListedJob(Answer):
    """A job in a list. Every field means the same as in the job's own document."""

    id: str
    version: int
    operation: Operation
    status: JobStatus
    method: str
    model: str | None
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    expires_at: Timestamp | None
    cancel_requested_at: Timestamp | None
    fraction: float | None = Field(
        description="Share of the whole job that is done, 0..1; null while it is unknown."
    )
    error: JobFailure | None
    tags: list[str]
    links: ListedLinks


class PageLinks(Answer):
    """URLs of this page and the next one."""

    self: str
    next: str | None = Field(description="The next page; null on the last.")


class JobList(Answer):
    """One page of the caller's jobs, newest first."""

    jobs: list[ListedJob]
    links: PageLinks


class Deliveries(Answer):
    """The webhooks of a job or a batch, and their deliveries."""

    deliveries: list[Delivery] = Field(
        description="One for each event so far that had to be sent, oldest first."
    )


class Plan(Answer):
    """The job that a request would become. Nothing was queued or kept."""

    operation: Operation
    method: str = Field(description="The method that would paint; never `auto`.")
    model: str | None
    params: AnyParams = Field(
        description="Every effective parameter, as the job would have it; `seed` is null unless "
        "it was sent."
    )
    mask: MaskAnswer | None = Field(description="As the job would have it.")
    geometry: Geometry | None = Field(description="As the job would have it.")
    warnings: list[JobWarning] = Field(
        description="Likely mistakes in the request; queue and workers are not checked."
    )
    width: int = Field(description="Width of each result in pixels.")
    height: int = Field(description="Height of each result in pixels.")
    megapixels: float = Field(description="Millions of pixels of all results together.")
    cost: float = Field(description="What the job would count for in the queue and against limits.")
    finders: list[FinderChoice] = Field(
        description="The finders that would look for `regions`; `mask` is null then, and `cost` "
        "has the picture's megapixels for each region."
    )


class ProblemFault(Answer):
    """One fault of a request."""

    pointer: str = Field(description="JSON pointer of the field, or the name of a header.")
    code: str
    message: str
    allowed: list[str] | None = Field(description="Accepted values, where they can be listed.")


class Problem(Answer):
    """An error, as in RFC 9457. No input is repeated."""

    type: str = Field(description="URL of a page about the code.")
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    request_id: str
    errors: list[ProblemFault]


class ErrorEntry(Answer):
    """One row of the table of errors."""

    code: str
    title: str
    status: int
    retryable: bool
    met_in: Literal["answer", "job", "both"] = Field(
        description="`answer`: it refuses a request; `job`: it is in `job.error`."
    )
    description: str
    advice: str = Field(description="When it occurs, and what to do.")


class ErrorTable(Answer):
    """All errors."""

    errors: list[ErrorEntry]


class MethodAnswer(Answer):
    """One method."""

    name: str
    operation: Operation
    summary: str
    available: bool = Field(description="Whether this deployment is configured for it.")
    is_default: bool = Field(
        description="Whether `auto` chooses it where no other parameter decides."
    )
    auto_model: str | None = Field(
        description="The model that `auto` then means: an eraser, or the default; null if none."
    )
    needs_model: bool
    variants: bool = Field(description="Whether `num_images` may be more than 1.")
    engine: str
    intents: dict[Intent, IntentSettings] = Field(
        description="The intents that it honors, each with what it sets unless the request does; "
        "for `generate` those of any model here, which itself says what it sets."
    )
    unsupported_fields: list[str] = Field(description="Parameters that are refused with it.")
    workers_online: int


class MethodList(Answer):
    """The methods, weight-free ones first."""

    methods: list[MethodAnswer]


class LoraAnswer(Answer):
    """One LoRA that a request may name."""

    description: str
    licence: str
    scale: float = Field(description="How strongly it counts unless the request says.")
    withheld: str = Field(description="Why it is not offered here; empty if it is.")


class ModelAnswer(Answer):
    """One model: served here, or known, so that the operator can add it."""

    name: str
    family: str
    kind: Kind = Field(description="What it is for.")
    extends: bool = Field(description="Whether it paints beyond a picture's border.")
    variants: bool = Field(description="Whether `num_images` may be more than 1.")
    description: str
    configured: bool = Field(description="Whether this deployment serves it.")
    revision: str | None
    is_pinned: bool = Field(
        description="Whether the SHA-256 of all its files is known, and checked at every load."
    )
    dtype: str
    licence: str
    commercial: bool = Field(description="Whether its licence allows commercial use.")
    is_default: bool = Field(description="Whether `auto`, and `generate` without a model, mean it.")
    memory_bytes: int | None = Field(description="Accelerator memory that it needs, roughly.")
    conditioning: Conditioning = Field(description="How the model receives the kept pixels.")
    guidance: Guidance = Field(description="What `guidance_scale` means for it.")
    sees_hole: bool = Field(description="Whether it sees the original pixels of the hole.")
    unsupported_fields: list[str] = Field(
        description="Parameters of `generate` that are refused with it."
    )
    size_multiple: int = Field(description="Sides are scaled to a multiple of this, in pixels.")
    native_pixels: int = Field(description="Area in pixels that the model paints best.")
    max_batch: int
    defaults: ModelDefaults
    intents: dict[Intent, IntentSettings] = Field(
        description="The intents that it honors, each with what it sets unless the request does."
    )
    presets: dict[str, Preset] = Field(
        description="Values of `preset`, and what each sets; those alone whose LoRAs are offered."
    )
    loras: dict[str, LoraAnswer] = Field(description="LoRAs that `loras` may name.")
    workers_online: int


class FinderAnswer(Answer):
    """A finder of what regions name; the first that answers a query is asked."""

    name: str
    family: str
    finds: list[FinderQuery] = Field(description="The queries that it answers.")
    description: str
    licence: str
    commercial: bool
    is_pinned: bool = Field(description="Whether the hashes of all of its files are checked.")
    memory_bytes: int | None
    extra: str | None = Field(description="Extra of the installation that it needs.")
    min_score: float = Field(description="Default of `min_score`.")
    group: str | None = Field(description="Null for one that every worker has.")
    configured: bool = Field(description="Whether it is served here.")
    workers_online: int


class ModelList(Answer):
    """The models and finders that are served here, then those that could be added."""

    models: list[ModelAnswer]
    finders: list[FinderAnswer]


class QueuePressure(Answer):
    """The state of a queue."""

    queue: str
    waiting: int
    workers_online: int
    refuses_with: str | None = Field(description="Code with which a job for it would be refused.")


class PressureAnswer(Answer):
    """Free space and queues, at most a second old."""

    broker_used_bytes: int | None
    broker_max_bytes: int | None = Field(description="Null: no bound.")
    store_free_bytes: int | None = Field(description="Null: no bound.")
    refuses_with: str | None = Field(description="Code with which any job would be refused.")
    queues: list[QueuePressure]


class StoredAnswer(Answer):
    """Numbers of what your tenant stores now."""

    jobs: int = Field(description="Jobs that are not wiped, ended or not.")
    batches: int
    uploads: int
    bytes: int = Field(
        description="Inputs and results of the jobs, and uploads; an upload that jobs use counts "
        "once."
    )


class LimitsAnswer(Answer):
    """Limits of requests."""

    max_body_bytes: int
    max_json_body_bytes: int
    max_part_bytes: int
    min_side_pixels: int = Field(
        description="Shortest side of a picture for `generate`; the weight-free methods take any."
    )
    takes_image_urls: bool = Field(description="Whether JSON may name pictures by URL.")
    max_image_pixels: int
    max_canvas_pixels: int
    max_painted_pixels: int = Field(description="Canvas times `num_images`.")
    max_side_pixels: int = Field(description="Longest side of a picture or canvas.")
    max_aspect: int = Field(
        description="Limit of the longer side of a picture or canvas divided by the shorter one, "
        "for `generate`."
    )
    max_num_images: int
    input_formats: list[str] = Field(
        description="Formats of `image` here: `png`, `jpeg`, `webp`, `tiff`, `avif`, `heic`. Masks "
        "are `png`, `jpeg` or `webp`."
    )
    output_formats: list[OutputFormat] = Field(description="Values of `output_format` here.")
    max_queued_jobs: int
    max_unfinished_jobs: int = Field(description="Of your tenant.")
    max_stored_jobs: int | None = Field(description="Of your tenant, ended or not. Null: any.")
    max_stored_batches: int | None = Field(description="Of your tenant. Null: any number.")
    max_stored_uploads: int | None = Field(description="Of your tenant. Null: any number.")
    max_stored_bytes: int | None = Field(
        description="Inputs, results and uploads of your tenant. Null: any number."
    )
    stored: StoredAnswer | None = Field(
        description="What counts against these limits. Null while the broker does not answer."
    )
    max_unfinished_jobs_of_key: int | None = Field(description="Null: as the tenant's.")
    max_requests_per_minute: int | None = Field(description="Of your key. Null: any number.")
    max_megapixels_per_minute: float | None = Field(
        description="Of your key, by the `cost` that `dry_run` returns. Null: any number."
    )
    max_finish_within_seconds: int
    max_ttl_seconds: int
    max_wait_seconds: int = Field(description="Limit for `Prefer: wait`.")
    max_waiting_clients: int = Field(
        description="Clients that may wait or follow events at once, in each process of the API."
    )
    max_waiting_clients_of_key: int = Field(description="The same for one API key.")
    max_worker_absence_seconds: float = Field(
        description="Jobs are refused when no worker of their queue was seen for so long; 0: never."
    )
    max_broker_memory_share: float = Field(
        description="Jobs are refused when so much of the broker's memory is used."
    )
    min_store_free_bytes: int = Field(
        description="Jobs are refused when less is free for pictures."
    )
    pressure: PressureAnswer | None = Field(description="Null while broker or store do not answer.")


class UsageDay(Answer):
    """Usage of one key on one day."""

    day: date = Field(description="The day in UTC on which the jobs succeeded.")
    key_id: str | None = Field(
        description="The id of the key that submitted them; null where no keys are required."
    )
    jobs: int
    megapixels: float = Field(description="By the jobs' `cost`.")
    seconds: float = Field(description="That the jobs were painted, loading of models excluded.")


class UsageAnswer(Answer):
    """The succeeded jobs of your tenant by day and key, the latest day first."""

    days: list[UsageDay] = Field(description="Only days and keys with jobs.")


class Health(Answer):
    """The health of this process."""

    status: Literal["ok"]


class Readiness(Health):
    """The health of this process, its broker and its blob store."""

    warnings: list[JobWarning] = Field(
        description="Settings of the broker that endanger accepted jobs: `broker_unbounded`, "
        "`broker_evicts`."
    )


class VersionAnswer(Answer):
    """Name and version of the service."""

    name: Literal["paintjob"]
    version: str
    job_schema: int
