"""Inpainting: a picture and a mask become a canvas."""

from __future__ import annotations

import math

from service.contract.errors import Internal, MaskSizeMismatch
from service.contract.jobs import JobSpec, JobWarning, MaskAsked, MaskEffective
from service.contract.names import mask_path
from service.contract.params import InpaintParams
from service.pictures.masks import DEFAULT_THRESHOLD, SOURCE_THRESHOLD, find_oddities
from service.store.blobs import BlobStore
from worker.imaging import MaskArray
from worker.imaging.decoding import decode_picture
from worker.imaging.encoding import encode_png
from worker.imaging.feathering import FULL, WeightArray, weigh_inward
from worker.imaging.masks import (
    bounding_box,
    check_mask,
    count_components,
    coverage,
    decode_mask,
    grow_mask,
    measure_depth,
)
from worker.imaging.picture import Picture
from worker.operations.preparation import Prepared, read_input
from worker.reporting import ClaimedJob, Reporter

MANY_PARTS = 256
"""Parts of a mask above which it is likely noise."""

CELL_PIXELS = 8
"""Side of a latent cell: diffusion models see a picture at an eighth of its size."""


def prepare_inpaint(
    row: ClaimedJob, blobs: BlobStore, report: Reporter, max_image_pixels: int
) -> Prepared:
    """Decode picture and mask, and post the mask that will be painted.

    Raises:
        PaintjobError: an input is lost, broken or against the rules.
    """
    params = row.spec.params
    picture = decode_picture(
        read_input(blobs, row.spec.image),
        max_image_pixels,
        keep_metadata=params.keep_metadata or False,
    )
    mask = make_effective_mask(row.spec, blobs, picture, max_image_pixels)
    path = mask_path(row.job_id, row.token)
    posted = blobs.put(path, encode_png(Picture(mask)))
    measured = measure_mask(mask)
    report.mask_ready(row.job_id, measured, path)
    feather = params.feather if isinstance(params, InpaintParams) else None
    weight = weigh_inward(mask, feather) if feather else None
    return Prepared(
        row,
        picture,
        mask,
        warnings=(
            *find_new_oddities(row.spec, measured, (picture.width, picture.height)),
            *find_mask_warnings(mask, measured.components, row.spec.method),
            *find_feather_warnings(weight),
        ),
        source_mask=read_source_mask(row.spec, blobs, picture, max_image_pixels),
        weight=weight,
        mask_sha256=posted.sha256,
    )


def find_new_oddities(
    spec: JobSpec, mask: MaskEffective, size: tuple[int, int]
) -> list[JobWarning]:
    """Find what looks odd about the mask only since `grow` was applied.

    Args:
        spec: what is asked, with what the API has said of the mask as it came.
        mask: the mask as it is painted.
        size: width and height of the picture, upright.
    """
    told = {warning.code for warning in spec.warnings}
    oddities = find_oddities(MaskAsked(coverage=mask.coverage, box=mask.box), size)
    return [oddity for oddity in oddities if oddity.code not in told]


def find_feather_warnings(weight: WeightArray | None) -> list[JobWarning]:
    """Find whether the hole is nowhere deep enough for what is painted to be seen in full.

    Args:
        weight: uint8 (H, W), share of what is painted, in 255ths; `None` for all of it.
    """
    percent = 100 if weight is None else math.ceil(100 * int(weight.max()) / FULL)
    if percent == 100:
        return []
    detail = (
        f"the hole is too narrow for this feather: at most {percent} % of what is painted shows, "
        "the rest is what was there; feather less or grow the mask"
    )
    return [JobWarning(code="feather_exceeds_mask", detail=detail)]


def find_mask_warnings(mask: MaskArray, components: int, method: str) -> tuple[JobWarning, ...]:
    """Find what is allowed and yet likely a mistake, or more than the method can see.

    Args:
        mask: the effective mask.
        components: how many parts it has.
        method: what paints it.
    """
    found = []
    if components > MANY_PARTS:
        detail = f"the mask has {components} separate parts; it may be a picture, or noise"
        found.append(JobWarning(code="mask_many_parts", detail=detail))
    if method == "generate" and measure_depth(mask)[1].max() < CELL_PIXELS / 2:
        detail = (
            f"the mask is nowhere {CELL_PIXELS} pixels wide, which is what the model tells apart; "
            "for the model it was grown to whole cells; what lies outside the mask is kept"
        )
        found.append(JobWarning(code="mask_too_thin", detail=detail))
    return tuple(found)


def make_effective_mask(
    spec: JobSpec, blobs: BlobStore, picture: Picture, max_image_pixels: int
) -> MaskArray:
    """Give the mask after polarity, threshold and `grow`: uint8 (H, W), 255 repaint.

    Raises:
        MaskSizeMismatch: it has another size than the picture.
        MaskEmpty: `grow` leaves nothing to repaint.
        MaskFull: `grow` leaves nothing to keep.
    """
    params = spec.params
    if spec.mask is None or not isinstance(params, InpaintParams):
        raise Internal("the job has no mask")
    mask = decode_mask(
        read_input(blobs, spec.mask),
        max_image_pixels,
        params.mask_polarity or "white_repaints",
        params.mask_threshold or DEFAULT_THRESHOLD,
    )
    if mask.shape != (picture.height, picture.width):
        raise MaskSizeMismatch("the mask must have the picture's size, both upright")
    grown = grow_mask(mask, params.grow or 0)
    check_mask(grown)
    return grown


def read_source_mask(
    spec: JobSpec, blobs: BlobStore, picture: Picture, max_image_pixels: int
) -> MaskArray | None:
    """Give where may be copied from: uint8 (H, W), 255 may; `None` for everywhere.

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
    """Give what the job tells about its effective mask."""
    return MaskEffective(
        coverage=coverage(mask),
        box=bounding_box(mask).as_list(),
        components=count_components(mask),
    )
