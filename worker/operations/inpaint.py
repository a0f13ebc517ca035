"""Prepare an inpainting: decode picture and mask, and make a canvas of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from service.contract.errors import Internal, MaskSizeMismatch
from service.contract.jobs import JobSpec, JobWarning, MaskAsked, MaskEffective
from service.contract.names import mask_path
from service.contract.params import InpaintParams, MaskPolarity, OutpaintParams
from service.pictures.masks import DEFAULT_THRESHOLD, SOURCE_THRESHOLD, binarize
from service.store.blobs import BlobStore, StoredBlob
from worker.imaging import MaskArray
from worker.imaging.decoding import decode_picture
from worker.imaging.feathering import weigh_inward
from worker.imaging.masks import (
    SoftEdge,
    bounding_box,
    check_mask,
    count_components,
    coverage,
    decode_luminance,
    decode_mask,
    find_soft_edge,
    grow_mask,
)
from worker.imaging.picture import Picture
from worker.imaging.png_writing import encode_png
from worker.operations.finding import FoundMask, GetFinder, find_mask
from worker.operations.mask_warnings import (
    find_feather_warnings,
    find_mask_warnings,
    find_new_oddities,
    find_soft_edge_warnings,
    find_transparency_warnings,
)
from worker.operations.preparation import Prepared, read_input, read_reference
from worker.reporting import ClaimedJob, Reporter


def prepare_inpaint(
    job: ClaimedJob,
    blobs: BlobStore,
    report: Reporter,
    max_image_pixels: int,
    get_finder: GetFinder,
) -> Prepared:
    """Decode picture and mask, and post the mask that will be painted.

    Raises:
        PaintjobError: an input is lost, broken or against the rules, or nothing was found.
        Aborted: the job was aborted while finders looked.
    """
    params = job.spec.paint_params
    picture = decode_picture(
        read_input(blobs, job.spec.image),
        max_image_pixels,
        keep_metadata=params.keep_metadata or False,
        takes_cmyk=params.convert is not None,
    )
    made = make_effective_mask(job, blobs, report, picture, max_image_pixels, get_finder)
    mask, found = made.mask, made.found
    posted = post_mask(job, made, mask_path(job.job_id, job.token), blobs, report)
    feather = params.feather if isinstance(params, InpaintParams) else None
    weight = weigh_inward(mask, feather) if feather and not made.is_empty else None
    return Prepared(
        job,
        picture,
        mask,
        warnings=(
            *find_warnings(job.spec, made, picture),
            *find_feather_warnings(weight),
            *find_transparency_warnings(job.spec, picture, mask),
        ),
        source_mask=read_source_mask(job.spec, blobs, picture, max_image_pixels),
        reference=read_reference(job.spec, blobs, max_image_pixels),
        weight=weight,
        mask_sha256=posted.sha256,
        find_seconds=found.seconds if found else None,
        finders=found.facts if found else (),
        found=found.things if found else (),
        is_unchanged=made.is_empty,
    )


@dataclass(frozen=True, eq=False)
class EffectiveMask:
    """A mask after polarity, threshold and `grow`.

    Attributes:
        mask: uint8 (H, W), 255 repaint.
        measured: for the job document.
        soft_edge: what is kept of a soft edge; `None` where nothing of one is kept.
        found: what finders found for it; `None` without finders.
        asked: the mask before `grow`, where finders found it.
    """

    mask: MaskArray
    measured: MaskEffective
    soft_edge: SoftEdge | None = None
    found: FoundMask | None = None
    asked: MaskAsked | None = None

    @property
    def is_empty(self) -> bool:
        """True if nothing was found, and the caller wants the picture back unchanged."""
        return self.found is not None and self.found.is_nothing


def make_effective_mask(
    job: ClaimedJob,
    blobs: BlobStore,
    report: Reporter,
    picture: Picture,
    max_image_pixels: int,
    get_finder: GetFinder,
) -> EffectiveMask:
    """Return the mask after polarity, threshold and `grow`.

    Raises:
        MaskSizeMismatch: it has another size than the picture.
        MaskEmpty: nothing is to be repainted, as it was found or after `grow`.
        MaskFull: nothing is to be kept, likewise.
        NothingFound: nothing was found for a region.
    """
    spec, params = job.spec, job.spec.params
    if isinstance(params, OutpaintParams):
        raise Internal("the job has no mask")
    polarity, grow = params.mask_polarity or "white_repaints", params.grow or 0
    if spec.finders:
        found = find_mask(job, blobs, report, picture, get_finder)
        return _apply(found, polarity, grow)
    if spec.mask is None:
        raise Internal("the job has no mask")
    luminance = decode_luminance(read_input(blobs, spec.mask), max_image_pixels)
    if luminance.size != (picture.width, picture.height):
        raise MaskSizeMismatch("the mask must have the picture's size, both upright")
    reading = polarity, params.mask_threshold or DEFAULT_THRESHOLD
    mask = grow_mask(np.array(binarize(luminance, *reading)), grow)
    check_mask(mask)
    return EffectiveMask(mask, measure_mask(mask), find_soft_edge(luminance, mask, *reading))


def _apply(found: FoundMask, polarity: MaskPolarity, grow: int) -> EffectiveMask:
    """Apply polarity and `grow` to a mask that was found."""
    if found.is_nothing:
        asked = MaskAsked(coverage=0.0, box=[0, 0, 0, 0], source="regions")
        return EffectiveMask(found.mask, measure_mask(found.mask), None, found, asked)
    marked = found.mask if polarity == "white_repaints" else 255 - found.mask
    check_mask(marked, "once all regions were found")
    mask = grow_mask(marked, grow)
    check_mask(mask)
    measured = measure_mask(mask).model_copy(update={"found": list(found.things)})
    box = bounding_box(marked).as_list()
    asked = MaskAsked(coverage=coverage(marked), box=box, source="regions")
    return EffectiveMask(mask, measured, None, found, asked)


def post_mask(
    job: ClaimedJob, made: EffectiveMask, path: str, blobs: BlobStore, report: Reporter
) -> StoredBlob:
    """Store a mask as a PNG, and report it."""
    posted = blobs.put(path, encode_png(Picture(made.mask)))
    report.mask_ready(job.job_id, made.measured, path, made.asked)
    return posted


def find_warnings(spec: JobSpec, made: EffectiveMask, picture: Picture) -> list[JobWarning]:
    """Return the warnings about a mask."""
    found = [*made.found.warnings] if made.found else []
    if made.is_empty:
        return found
    size = picture.width, picture.height
    found += find_new_oddities(spec, made.measured, size)
    found += find_mask_warnings(made.mask, made.measured.components, spec.method)
    return [*found, *find_soft_edge_warnings(spec, made.soft_edge)]


def read_source_mask(
    spec: JobSpec, blobs: BlobStore, picture: Picture, max_image_pixels: int
) -> MaskArray | None:
    """Return where may be copied from: uint8 (H, W), 255 may; `None` for everywhere.

    Raises:
        MaskSizeMismatch: it has another size than the picture.
    """
    if spec.source_mask is None:
        return None
    data = read_input(blobs, spec.source_mask)
    mask = decode_mask(data, max_image_pixels, "white_repaints", SOURCE_THRESHOLD)
    if mask.shape != (picture.height, picture.width):
        raise MaskSizeMismatch("the source mask must have the picture's size, both upright")
    return mask


def measure_mask(mask: MaskArray) -> MaskEffective:
    """Return the measurements of the effective mask for the job document."""
    return MaskEffective(
        coverage=coverage(mask),
        box=bounding_box(mask).as_list(),
        components=count_components(mask),
    )
