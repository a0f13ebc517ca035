"""Paintings of a sample: by our engines the way a worker paints a job, and by peers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import cv2
import numpy as np

from benchmarks.everyday.sample import MAX_PIXELS, Sample, encode
from benchmarks.weightfree.cases import erase
from benchmarks.weightfree.peers import METHODS as PEERS
from service.contract.catalogue import Catalogue
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
from worker.config import WorkerSettings
from worker.engines.lookup import EngineRegistry
from worker.engines.registry import build_engines
from worker.imaging import ImageArray, MaskArray
from worker.imaging.decoding import decode_picture
from worker.imaging.picture import to_uint8
from worker.operations.paint import paint
from worker.reporting import ClaimedJob

Operation = Literal["inpaint", "outpaint"]
PEER_NAMES = ("telea", "pypatchmatch-r3")


@dataclass(frozen=True, eq=False)
class Painting:
    """Result of a method on a sample.

    Attributes:
        pixels: RGB or RGBA uint8 (H, W, 3 or 4), outside the mask as in the file.
        seconds: of the clock.
        estimate: how well the method thinks that it went; `None` for those that do not say.
        warnings: codes.
        details: how it was made.
    """

    pixels: ImageArray
    seconds: float
    estimate: float | None = None
    warnings: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """A way to paint a sample.

    Attributes:
        name: as the tables call it.
        operations: what it can do.
        paint: paints a sample with a seed.
        is_ours: whether it is to keep the goals.
    """

    name: str
    operations: tuple[Operation, ...]
    paint: Callable[[Sample, int], Painting]
    is_ours: bool = False


@dataclass
class _Recorder:
    """A reporter that keeps the one job's end."""

    outputs: list[Output] = field(default_factory=list)
    warnings: list[JobWarning] = field(default_factory=list)
    recipe: Recipe | None = None
    failure: JobFailure | None = None

    def is_aborted(self, job_id: str) -> bool:
        return False

    def started(self, job_ids: list[str]) -> None:
        return None

    def mask_ready(
        self, job_id: str, mask: MaskEffective, path: str, asked: MaskAsked | None = None
    ) -> None:
        return None

    def step(self, job_ids: list[str], stage: str, step: int, steps: int) -> None:
        return None

    def preview(self, job_id: str, jpeg: bytes) -> None:
        return None

    def done(
        self,
        job_id: str,
        outputs: list[Output],
        recipe: Recipe,
        timings: Timings,
        warnings: list[JobWarning],
    ) -> None:
        self.outputs, self.warnings, self.recipe = outputs, warnings, recipe

    def failed(self, job_id: str, failure: JobFailure) -> None:
        self.failure = failure


@cache
def _engines() -> EngineRegistry:
    return build_engines(WorkerSettings(), Catalogue())


def paint_job(sample: Sample, seed: int, method: str, **params: str | int) -> Painting:
    """Paint a sample as a worker does: blobs in, a proven PNG out.

    Args:
        sample: the picture.
        seed: of the job.
        method: `patch`, `pattern` or `mirror`.
        params: of the request, beside the seed.

    Raises:
        RuntimeError: the job failed.
    """
    blobs, report = BlobStore.open("memory://"), _Recorder()
    spec = _make_spec(sample, blobs, method, {"seed": seed, **params})
    begun = time.perf_counter()
    paint([ClaimedJob(spec, new_token())], blobs, _engines(), report, max_image_pixels=MAX_PIXELS)
    seconds = time.perf_counter() - begun
    if report.failure is not None:
        raise RuntimeError(f"{report.failure.code}: {report.failure.detail}")
    [output] = report.outputs
    picture = decode_picture(blobs.get(output.path), MAX_PIXELS)
    color = picture.rgb()
    return Painting(
        color if picture.alpha is None else np.dstack((color, picture.alpha)),
        seconds,
        output.estimate,
        tuple(warning.code for warning in report.warnings),
        dict(report.recipe.details) if report.recipe else {},
    )


def _make_spec(
    sample: Sample, blobs: BlobStore, method: str, params: dict[str, str | int]
) -> JobSpec:
    job_id = new_job_id()
    is_inpainting = sample.geometry is None
    model = InpaintParams if is_inpainting else OutpaintParams
    pictures = {"image": sample.file}
    if is_inpainting:
        pictures["mask"] = encode(sample.mask)
    if sample.sources is not None:
        pictures["source_mask"] = encode(sample.sources)
    stored = {name: _store(blobs, job_id, name, data) for name, data in pictures.items()}
    return JobSpec(
        job_id=job_id,
        tenant="default",
        operation="inpaint" if is_inpainting else "outpaint",
        method=method,
        queue=CPU_QUEUE,
        params=model.model_validate(params),
        geometry=sample.geometry,
        **stored,
    )


def _store(blobs: BlobStore, job_id: str, name: str, data: bytes) -> BlobRef:
    path = input_path(job_id, name)
    blobs.put(path, data)
    picture = decode_picture(data, MAX_PIXELS)
    return BlobRef(
        path=path,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        format="jpeg" if data.startswith(b"\xff\xd8") else "png",
        width=picture.width,
        height=picture.height,
        mode=picture.mode,
    )


def paint_edge(image: ImageArray, mask: MaskArray) -> ImageArray:
    """Return a picture whose hole has the color of the nearest known pixel."""
    _, labels = cv2.distanceTransformWithLabels(
        mask, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colors = np.zeros((int(labels.max()) + 1, 3), np.uint8)
    colors[labels[mask == 0]] = image[mask == 0]
    return to_uint8(colors[labels])


def _as_peer(fill: Callable[[ImageArray, MaskArray, int], ImageArray]) -> Callable[..., Painting]:
    """Return a painter that gives a peer the color, and alpha as a gray picture of its own."""

    def paint_planes(sample: Sample, seed: int) -> Painting:
        known, mask = sample.known, sample.mask
        begun = time.perf_counter()
        planes = [known[..., :3]]
        if known.shape[2] == 4:
            planes.append(np.repeat(known[..., 3:], 3, axis=2))
        done = [fill(erase(np.ascontiguousarray(plane), mask), mask, seed) for plane in planes]
        pixels = done[0] if len(done) == 1 else np.dstack((done[0], done[1][..., 0]))
        pasted = to_uint8(np.where(mask[..., None] > 0, pixels, known))
        return Painting(pasted, time.perf_counter() - begun)

    return paint_planes


def _by_library(name: str) -> Callable[[ImageArray, MaskArray, int], ImageArray]:
    return lambda image, mask, seed: PEERS[name].paint(image, mask, seed).image


def _ours(name: str, operation: Operation, is_ours: bool = True, **params: str | int) -> Method:
    method = name.split()[0]
    return Method(
        name, (operation,), lambda sample, seed: paint_job(sample, seed, method, **params), is_ours
    )


def list_methods() -> list[Method]:
    """Return every method: ours, ours without ground and structures, and the peers."""
    both: tuple[Operation, ...] = ("inpaint", "outpaint")
    chosen = (("patch", "inpaint"), ("pattern", "outpaint"), ("mirror", "outpaint"))
    ours = [_ours(name, operation) for name, operation in chosen]  # type: ignore[arg-type]
    if "ground" in InpaintParams.model_fields:
        ours += [
            _ours(f"{name} ignore", operation, False, ground="ignore")  # type: ignore[arg-type]
            for name, operation in chosen[:2]
        ]
    peers = [
        Method(name, both, _as_peer(_by_library(name)))
        for name in PEER_NAMES
        if PEERS[name].is_there()
    ]
    edge = Method("edge", both, _as_peer(lambda image, mask, _seed: paint_edge(image, mask)))
    return [*ours, *peers, edge]


def choose_methods(sample: Sample, methods: Sequence[Method]) -> list[Method]:
    """Return the methods that can do what a sample asks."""
    operation = "inpaint" if sample.geometry is None else "outpaint"
    return [method for method in methods if operation in method.operations]
