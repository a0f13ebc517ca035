"""Warnings about a mask that only the worker can give."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from service.contract.jobs import JobSpec, JobWarning, MaskAsked, MaskEffective
from service.pictures.masks import find_oddities
from worker.imaging import MaskArray
from worker.imaging.feathering import FULL, WeightArray
from worker.imaging.masks import SoftEdge, measure_depth
from worker.imaging.picture import Picture
from worker.operations.preparation import paints_transparency

MANY_PARTS: Final = 256
"""Parts of a mask above which it is likely noise."""

CELL_PIXELS: Final = 8
"""Side of a latent cell: diffusion models see a picture at an eighth of its size."""


def find_new_oddities(
    spec: JobSpec, mask: MaskEffective, size: tuple[int, int]
) -> list[JobWarning]:
    """Find what looks odd about the mask only since `grow` was applied.

    Args:
        spec: what is asked, with the warnings of the API about the mask as it was sent.
        mask: the mask as it is painted.
        size: width and height of the picture, upright.
    """
    known = {warning.code for warning in spec.warnings}
    oddities = find_oddities(MaskAsked(coverage=mask.coverage, box=mask.box), size)
    return [oddity for oddity in oddities if oddity.code not in known]


def find_feather_warnings(weight: WeightArray | None) -> list[JobWarning]:
    """Find whether the hole is nowhere deep enough for what is painted to be seen in full.

    Args:
        weight: uint8 (H, W), share of what is painted, in 255ths; `None` for all of it.
    """
    percent = 100 if weight is None else math.ceil(100 * int(weight.max()) / FULL)
    if percent == 100:
        return []
    detail = (
        f"the hole is too narrow for this feather: at most {percent} % of the painting shows, "
        "the rest is the original; lower feather or grow the mask"
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
            f"the mask is nowhere {CELL_PIXELS} pixels wide, which is the least that the model can "
            "distinguish; for the model it was grown to whole cells; pixels outside it are kept"
        )
        found.append(JobWarning(code="mask_too_thin", detail=detail))
    return tuple(found)


def find_soft_edge_warnings(spec: JobSpec, edge: SoftEdge | None) -> list[JobWarning]:
    """Find whether part of a soft edge is kept, and what would take it into the mask.

    Args:
        spec: what is asked.
        edge: what is kept of a soft edge, if anything.
    """
    if edge is None:
        return []
    if paints_transparency(spec):
        detail = (
            f"{edge.pixels} kept pixels are partly transparent (alpha 1 to 254) and stay so beside "
            f"opaque painted ones; mask_threshold: {edge.threshold} repaints them too"
        )
        return [JobWarning(code="alpha_rim_kept", detail=detail)]
    help_ = f"send mask_threshold: {edge.threshold} or a grow of a few pixels"
    if spec.mask is not None and spec.mask.format == "jpeg":
        help_ = "send a grow of a few pixels, or a PNG instead of the JPEG"
    detail = (
        f"{edge.pixels} gray pixels of the mask are on the kept side of the threshold; if they are "
        f"the soft edge of what is to be removed, {help_}"
    )
    return [JobWarning(code="soft_mask_edge_kept", detail=detail)]


def find_transparency_warnings(
    spec: JobSpec, picture: Picture, mask: MaskArray
) -> list[JobWarning]:
    """Find whether a model paints opaque where the picture is transparent.

    Args:
        spec: what is asked.
        picture: what is kept; in outpainting on its canvas, which repeats the border.
        mask: uint8 (H, W), 255 repaint.
    """
    if spec.method != "generate" or picture.alpha is None or paints_transparency(spec):
        return []
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    if cv2.minMaxLoc(picture.alpha, np.asarray(near, np.uint8))[0] == 255:
        return []
    others = "patch" if spec.operation == "inpaint" else "pattern or mirror"
    detail = (
        "the picture is transparent at or beside the painted pixels; generate sees it on white and "
        f"paints opaque. Use method {others} to paint transparency too"
    )
    return [JobWarning(code="painted_opaque", detail=detail)]
