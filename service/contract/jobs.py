"""The job: the request (`JobSpec`), its course (`JobRecord`), and the parts that both are made of.

A spec never changes once accepted. A record is one Redis hash that only the scripts of the store
write; here it is read. Both carry a schema number: a worker claims only schemas that it knows, and
the API reads older ones, so that two releases can run side by side.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from service.contract.errors import JobTooNew
from service.contract.finders import FinderQuery
from service.contract.geometry import Geometry
from service.contract.intents import SetBy
from service.contract.params import AnyPaintParams, AnyParams, MaskParams, Operation, Priority
from service.contract.regions import RunLengths
from service.contract.times import Timestamp

SCHEMA = 7
"""Schema number that new jobs are written with. 4 renamed `batch_key` to `call_key`; 5 added
`output_width` and `output_height`; 6 added `intent` and what it sets; 7 added finders, and
jobs that make masks."""

KNOWN_SCHEMAS = (1, 2, 3, 4, 5, 6, 7)
"""Schema numbers that this release can read and claim."""

MAX_CRASHES = 3
MAX_REQUEUES = 10


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JobStatus(StrEnum):
    """State of a job. It only moves forward, except for `running → queued`."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_terminal(self) -> bool:
        """True when nothing can change the job any more."""
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


class JobWarning(_Frozen):
    """A hint for the caller that is no reason to refuse."""

    code: str
    detail: str


class BlobRef(_Frozen):
    """A picture in the blob store, as it was accepted.

    Attributes:
        path: blob path.
        bytes: size of the file.
        sha256: hex digest of the file; the horse refuses a blob that differs.
        format: `png`, `jpeg`, `webp`, `avif`, `heic` or `tiff`, found by content.
        width: pixels, before EXIF orientation is applied.
        height: pixels, before EXIF orientation is applied.
        mode: Pillow's mode, by the header.
    """

    path: str
    bytes: int
    sha256: str
    format: str
    width: int
    height: int
    mode: str


class StoredFile(_Frozen):
    """A file of the request in the blob store that is no picture."""

    path: str
    bytes: int
    sha256: str


class FinderChoice(_Frozen):
    """The finder that answers the queries of one kind; by name of its entry."""

    query: FinderQuery
    finder: str


class MaskAsked(_Frozen):
    """The mask as the caller sent it: after polarity and threshold, before `grow`.

    Attributes:
        coverage: share of the picture to repaint, in (0, 1).
        box: left, top, right, bottom of what is to be repainted, half-open pixels.
        source: sent as a picture, as the image's own transparency, or as regions.
    """

    coverage: float
    box: list[int]
    source: Literal["mask", "alpha", "regions"] = "mask"


class FoundThing(_Frozen):
    """One thing that a finder found."""

    region: int = Field(description="Which of `regions` asked for it, from 0.")
    finder: str = Field(description="The finder that found it.")
    label: str = Field(description="`text`, `subject`, `background`, `thing`, or the words sent.")
    score: float = Field(description="The finder's own measure, 0..1; 1 where it has none.")
    box: list[int] = Field(description="left, top, right, bottom, half-open pixels.")
    rle: RunLengths | None = Field(
        None,
        description="Its pixels, in the form that `regions` take; in jobs of `POST /masks` alone, "
        "and null beyond half a megabyte of them together.",
    )


class MaskEffective(_Frozen):
    """The mask that is painted: after `grow`. Posted by the horse before it paints.

    Attributes:
        coverage: share of the picture repainted.
        box: left, top, right, bottom, half-open pixels.
        components: number of 8-connected parts.
        found: what finders found for it.
    """

    coverage: float
    box: list[int]
    components: int
    found: list[FoundThing] = Field(
        [],
        description="Things that finders found for it, by region and score; at most 500.",
    )


class BatchPlace(_Frozen):
    """The place of a job in a batch; `index` counts from 0."""

    batch_id: str
    index: int


class JobSpec(_Frozen):
    """One accepted request, with all that a worker needs to paint it."""

    schema_number: int = SCHEMA
    job_id: str
    tenant: str
    operation: Operation
    method: str
    model: str | None = None
    queue: str
    priority: Priority = "normal"
    call_key: str = Field(
        "",
        # What it was called before schema 4.
        validation_alias=AliasChoices("call_key", "batch_key"),
        description="Jobs with the same non-empty key may share one engine call.",
    )
    cost: float = Field(
        1.0, gt=0, description="Output megapixels, as limits count them and callers see them."
    )
    work: float | None = Field(
        None,
        gt=0,
        description="What the job counts when tenants take turns: about the seconds of painting. "
        "`None` in records of older schemas, where `cost` counts.",
    )
    params: AnyParams
    set_by: dict[str, SetBy] = Field(
        {},
        description="Who set each parameter that the intent could set; empty without an intent.",
    )
    image: BlobRef
    mask: BlobRef | None = None
    source_mask: BlobRef | None = None
    reference_image: BlobRef | None = None
    regions: StoredFile | None = Field(
        None, description="The regions as JSON, where some are to be found."
    )
    finders: list[FinderChoice] = []
    mask_asked: MaskAsked | None = None
    geometry: Geometry | None = None
    warnings: list[JobWarning] = []
    request_id: str = ""
    batch: BatchPlace | None = None

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a spec as the store keeps it; fields of a later release are ignored.

        Raises:
            pydantic.ValidationError: it is not a spec.
        """
        return cls.model_validate_json(text, extra="ignore")

    @property
    def paint_params(self) -> AnyPaintParams:
        """The parameters of a job that paints.

        Raises:
            TypeError: it only makes a mask.
        """
        if isinstance(self.params, MaskParams):
            raise TypeError("a job that makes a mask has no parameters of painting")
        return self.params


class Proof(_Frozen):
    """Checks of the encoded output, after decoding it again.

    Of a mask, all pixels are kept ones: those of the file are compared with what was found.

    Attributes:
        kept_pixels: pixels outside the effective mask (outpaint: of the original, less the band).
        kept_pixels_changed: how many of them differ from the decoded input in any channel.
        max_difference: largest difference among them, 0..255; of 16 bits 0..65535.
        touched_box: box around what was painted and blended, half-open pixels.
        band_pixels: pixels of the original that blending was allowed to touch (`overlap`).
        image_sha256: hex digest of the input file.
        mask_sha256: hex digest of the effective mask's PNG, as `links.mask` returns it; null in
            outpainting, where `geometry` says the same.
        output_sha256: hex digest of the output file.
    """

    kept_pixels: int
    kept_pixels_changed: int
    max_difference: int
    touched_box: list[int]
    band_pixels: int = 0
    image_sha256: str | None = None
    mask_sha256: str | None = None
    output_sha256: str | None = None


class ResizedOutput(_Frozen):
    """A copy of an output in another size, in the blob store."""

    path: str
    format: str
    width: int
    height: int
    bytes: int
    sha256: str


class Output(_Frozen):
    """One result in the blob store, and its resized copy if one was asked for."""

    index: int
    path: str
    format: str
    width: int
    height: int
    bytes: int
    sha256: str
    seed: int
    estimate: float | None = None
    proof: Proof
    resized: ResizedOutput | None = None

    @property
    def stored_bytes(self) -> int:
        """Bytes of its files."""
        return self.bytes + (self.resized.bytes if self.resized else 0)

    @property
    def answer(self) -> Output | ResizedOutput:
        """The file for a caller who wants the size that was asked for."""
        return self.resized or self


class Recipe(_Frozen):
    """The steps that made a result, so that it can be made again."""

    engine: str
    model_revision: str | None = None
    scheduler: str | None = None
    dtype: str | None = None
    batch_size: int = 1
    versions: dict[str, str] = {}
    details: dict[str, Any] = {}


class Timings(_Frozen):
    """Seconds that each part took; `None` for a part that did not happen."""

    queued_seconds: float | None = None
    load_seconds: float | None = None
    find_seconds: float | None = None
    paint_seconds: float | None = None
    encode_seconds: float | None = None


class Progress(_Frozen):
    """Progress of a running job.

    Attributes:
        stage: `load`, `decode`, `find`, `paint`, `encode`.
        step: steps done in this stage.
        steps: steps in this stage.
        fraction: share of the whole job that is done, 0..1.
        preview_path: blob path of the latest preview, if there is one.
    """

    stage: str
    step: int
    steps: int
    fraction: float
    preview_path: str | None = None


class JobFailure(_Frozen):
    """The reason why a job failed, without traceback or prompt."""

    code: str
    title: str
    detail: str
    retryable: bool


class Attempt(_Frozen):
    """One claim of the job by a worker.

    Attributes:
        outcome: `succeeded`, `failed`, `canceled`, `crashed`, `hung`, `lease_expired`, `drained`,
            or `None` while it runs.
    """

    worker: str
    started_at: Timestamp
    ended_at: Timestamp | None = None
    outcome: str | None = None


class JobRecord(_Frozen):
    """A job's record as read from Redis."""

    spec: JobSpec
    status: JobStatus
    version: int
    created_at: datetime
    started_at: datetime | None
    painting_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    start_by_at: datetime | None
    finish_by_at: datetime
    cancel_requested_at: datetime | None
    attempt: int
    crashes: int
    requeues: int
    solo: bool
    worker: str | None
    token: str | None
    attempts: list[Attempt]
    progress: Progress | None
    mask_asked: MaskAsked | None
    mask_effective: MaskEffective | None
    mask_path: str | None
    warnings: list[JobWarning]
    outputs: list[Output]
    recipe: Recipe | None
    timings: Timings | None
    error: JobFailure | None

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.spec.job_id

    @classmethod
    def from_hash(cls, fields: Mapping[str, str], spec: JobSpec | None = None) -> JobRecord:
        """Read a record from its Redis hash; fields of a later release are ignored.

        Args:
            fields: the hash.
            spec: the value of its field `spec`, if the caller knows it already.

        Raises:
            JobTooNew: a later release wrote it, in a schema that this one cannot read.
            pydantic.ValidationError: it is not a record.
        """
        try:
            return cls._read(fields, spec)
        except ValidationError:
            if int(fields.get("schema", SCHEMA)) in KNOWN_SCHEMAS:
                raise
            raise JobTooNew(
                "a later release accepted this job, and this process cannot read it; retry, or "
                "upgrade the API"
            ) from None

    @classmethod
    def _read(cls, fields: Mapping[str, str], spec: JobSpec | None) -> JobRecord:
        return cls.model_validate(
            {
                "spec": spec or JobSpec.read(fields["spec"]),
                "status": fields["status"],
                "version": int(fields["version"]),
                **{name: parse_time(fields.get(name)) for name in _TIMES},
                **{name: int(fields.get(name, 0)) for name in ("attempt", "crashes", "requeues")},
                "solo": fields.get("solo") == "1",
                "worker": fields.get("worker") or None,
                "token": fields.get("token") or None,
                "mask_path": fields.get("mask_path") or None,
                **{name: json.loads(fields[name]) if fields.get(name) else [] for name in _LISTS},
                **{
                    name: json.loads(fields[name]) if fields.get(name) else None
                    for name in _OBJECTS
                },
            },
            extra="ignore",
        )


_TIMES = (
    "created_at",
    "started_at",
    "painting_at",
    "finished_at",
    "expires_at",
    "start_by_at",
    "finish_by_at",
    "cancel_requested_at",
)
_LISTS = ("attempts", "warnings", "outputs")
_OBJECTS = ("progress", "mask_asked", "mask_effective", "recipe", "timings", "error")


def parse_time(milliseconds: str | None) -> datetime | None:
    """Read a time as the scripts write it: milliseconds of the epoch; empty for none."""
    return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC) if milliseconds else None
