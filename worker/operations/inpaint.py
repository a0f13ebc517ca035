"""Prepare an inpainting: decode picture and mask, and make a canvas of them."""

from __future__ import annotations

import numpy as np

from service.contract.errors import Internal, MaskSizeMismatch
from service.contract.jobs import JobSpec, MaskEffective
from service.contract.names import mask_path
from service.contract.params import InpaintParams
from service.pictures.masks import DEFAULT_THRESHOLD, SOURCE_THRESHOLD, binarize
from service.store.blobs import BlobStore
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
    job: ClaimedJob, blobs: BlobStore, report: Reporter, max_image_pixels: int
) -> Prepared:
    """Decode picture and mask, and post the mask that will be painted.

    Raises:
        PaintjobError: an input is lost, broken or against the rules.
    """
    params = job.spec.params
    picture = decode_picture(
        read_input(blobs, job.spec.image),
        max_image_pixels,
        keep_metadata=params.keep_metadata or False,
        takes_cmyk=params.convert is not None,
    )
    mask, soft_edge = make_effective_mask(job.spec, blobs, picture, max_image_pixels)
    path = mask_path(job.job_id, job.token)
    posted = blobs.put(path, encode_png(Picture(mask)))
    measured = measure_mask(mask)
    report.mask_ready(job.job_id, measured, path)
    feather = params.feather if isinstance(params, InpaintParams) else None
    weight = weigh_inward(mask, feather) if feather else None
    return Prepared(
        job,
        picture,
        mask,
        warnings=(
            *find_new_oddities(job.spec, measured, (picture.width, picture.height)),
            *find_mask_warnings(mask, measured.components, job.spec.method),
            *find_soft_edge_warnings(job.spec, soft_edge),
            *find_feather_warnings(weight),
            *find_transparency_warnings(job.spec, picture, mask),
        ),
        source_mask=read_source_mask(job.spec, blobs, picture, max_image_pixels),
        reference=read_reference(job.spec, blobs, max_image_pixels),
        weight=weight,
        mask_sha256=posted.sha256,
    )


def make_effective_mask(
    spec: JobSpec, blobs: BlobStore, picture: Picture, max_image_pixels: int
) -> tuple[MaskArray, SoftEdge | None]:
    """Return the mask after polarity, threshold and `grow`, and what it keeps of a soft edge.

    Returns:
        uint8 (H, W), 255 repaint; and the soft edge, `None` where nothing of one is kept.

    Raises:
        MaskSizeMismatch: it has another size than the picture.
        MaskEmpty: `grow` leaves nothing to repaint.
        MaskFull: `grow` leaves nothing to keep.
    """
    params = spec.params
    if spec.mask is None or not isinstance(params, InpaintParams):
        raise Internal("the job has no mask")
    luminance = decode_luminance(read_input(blobs, spec.mask), max_image_pixels)
    if luminance.size != (picture.width, picture.height):
        raise MaskSizeMismatch("the mask must have the picture's size, both upright")
    reading = params.mask_polarity or "white_repaints", params.mask_threshold or DEFAULT_THRESHOLD
    mask = grow_mask(np.array(binarize(luminance, *reading)), params.grow or 0)
    check_mask(mask)
    return mask, find_soft_edge(luminance, mask, *reading)


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
