"""A reporter that keeps what it is told, and jobs whose inputs lie in a store of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image

from service.contract.geometry import Geometry
from service.contract.jobs import (
    BlobRef,
    JobFailure,
    JobSpec,
    JobWarning,
    MaskAsked,
    MaskEffective,
    Output,
    Recipe,
    Timings,
)
from service.contract.names import CPU_QUEUE, input_path, new_job_id, new_token
from service.contract.params import InpaintParams, OutpaintParams
from service.store.blobs import BlobStore
from worker.engines.base import Canvas, Painted, PreviewCallback, StepCallback
from worker.imaging import ImageArray
from worker.reporting import Aborted, ClaimedJob


@dataclass(frozen=True)
class DoneReport:
    outputs: list[Output]
    recipe: Recipe
    timings: Timings
    warnings: list[JobWarning]


@dataclass
class RecordingReporter:
    """Keeps every report; jobs can be aborted beforehand or at a step."""

    aborted: set[str] = field(default_factory=set)
    on_step: Callable[[str, int], None] = lambda stage, step: None
    events: list[str] = field(default_factory=list)
    started_ids: list[str] = field(default_factory=list)
    masks: dict[str, tuple[MaskEffective, str]] = field(default_factory=dict)
    steps: list[tuple[str, int, int]] = field(default_factory=list)
    previews: list[tuple[str, bytes]] = field(default_factory=list)
    done_jobs: dict[str, DoneReport] = field(default_factory=dict)
    failures: dict[str, JobFailure] = field(default_factory=dict)

    def is_aborted(self, job_id: str) -> bool:
        return job_id in self.aborted

    def started(self, job_ids: list[str]) -> None:
        self.events.append("started")
        self.started_ids += job_ids

    def mask_ready(
        self, job_id: str, mask: MaskEffective, path: str, asked: MaskAsked | None = None
    ) -> None:
        self.events.append("mask_ready")
        self.masks[job_id] = (mask, path)

    def step(self, job_ids: list[str], stage: str, step: int, steps: int) -> None:
        self.on_step(stage, step)
        self.steps.append((stage, step, steps))
        if self.aborted.issuperset(job_ids):
            raise Aborted

    def preview(self, job_id: str, jpeg: bytes) -> None:
        self.previews.append((job_id, jpeg))

    def done(
        self,
        job_id: str,
        outputs: list[Output],
        recipe: Recipe,
        timings: Timings,
        warnings: list[JobWarning],
    ) -> None:
        self.events.append("done")
        assert job_id not in self.done_jobs | self.failures
        self.done_jobs[job_id] = DoneReport(outputs, recipe, timings, warnings)

    def failed(self, job_id: str, failure: JobFailure) -> None:
        self.events.append("failed")
        assert job_id not in self.done_jobs | self.failures
        self.failures[job_id] = failure


def put_input(blobs: BlobStore, job_id: str, name: str, data: bytes) -> BlobRef:
    path = input_path(job_id, name)
    blobs.put(path, data)
    image = Image.open(BytesIO(data))
    return BlobRef(
        path=path,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        format=(image.format or "").lower(),
        width=image.width,
        height=image.height,
        mode=image.mode,
    )


def inpaint_job(
    blobs: BlobStore,
    image: bytes,
    mask: bytes,
    params: InpaintParams | None = None,
    method: str = "patch",
    model: str | None = None,
) -> ClaimedJob:
    job_id = new_job_id()
    spec = JobSpec(
        job_id=job_id,
        tenant="default",
        operation="inpaint",
        method=method,
        model=model,
        queue=CPU_QUEUE,
        params=params or InpaintParams(seed=0),
        image=put_input(blobs, job_id, "image", image),
        mask=put_input(blobs, job_id, "mask", mask),
    )
    return ClaimedJob(spec, new_token())


def outpaint_job(
    blobs: BlobStore,
    image: bytes,
    geometry: Geometry,
    params: OutpaintParams | None = None,
    method: str = "mirror",
    model: str | None = None,
) -> ClaimedJob:
    job_id = new_job_id()
    spec = JobSpec(
        job_id=job_id,
        tenant="default",
        operation="outpaint",
        method=method,
        model=model,
        queue=CPU_QUEUE,
        params=params or OutpaintParams(seed=0),
        image=put_input(blobs, job_id, "image", image),
        geometry=geometry,
    )
    return ClaimedJob(spec, new_token())


@dataclass
class ShowingEngine:
    """Offers one preview of its first canvas, if anybody looks, and paints nothing.

    Attributes:
        shown: the preview.
        fails: whether making it fails.
        is_watched: for each call, whether anybody looked.
    """

    shown: ImageArray
    fails: bool = False
    is_watched: list[bool] = field(default_factory=list)

    @property
    def gives_previews(self) -> bool:
        return True

    def load(self) -> Recipe:
        return Recipe(engine="showing")

    def paint(
        self,
        canvases: Sequence[Canvas],
        on_step: StepCallback,
        on_preview: PreviewCallback | None = None,
    ) -> list[Painted]:
        self.is_watched.append(on_preview is not None)
        on_step(1, 2)
        if on_preview is not None:
            on_preview(self._make)
        on_step(2, 2)
        return [Painted(canvas.image.copy()) for canvas in canvases]

    def _make(self) -> Mapping[int, ImageArray]:
        if self.fails:
            raise RuntimeError
        return {0: self.shown}
