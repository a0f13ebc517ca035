"""The fill of a hole before a model begins.

Some models always look into the hole, and all do if `strength` leaves something of it: the fill
should be close to what belongs there, and never show what is to be removed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np

from service.contract.errors import InvalidField
from service.contract.families import Family
from service.contract.geometry import Box
from service.contract.params import Infill, OutpaintParams
from worker.engines.base import Canvas
from worker.engines.diffusion.framing import resize, shrink_hole
from worker.engines.patch import complete
from worker.imaging import ImageArray, MaskArray
from worker.imaging.blending import interpolate
from worker.imaging.geometry import widen_box
from worker.imaging.masks import bounding_box
from worker.imaging.picture import to_uint8

NEUTRAL: Final = 128
GREEN: Final = (0, 255, 0)
"""The color that LoRAs for filling and extending were trained to replace."""

UNTOUCHED: Final = frozenset({"none", "original"})
"""Infills that leave the hole as it is, for models that do not look there."""

BLUR_SIDE: Final = 64
"""Longest side in pixels at which the smooth fill is computed: no detail is left."""

PATCH_SIDE: Final = 384
"""Longest side in pixels at which a hole is completed: a model needs the layout, no grain."""


def choose_infill(canvas: Canvas, family: Family, strength: float) -> Infill:
    """Return the infill: as requested, or by what the model looks at.

    Raises:
        InvalidField: `original` was requested, but there is no original.
    """
    asked = canvas.params.infill or "auto"
    if isinstance(canvas.params, OutpaintParams):
        if asked == "original":
            raise InvalidField(
                "infill=original is for inpaint: outpaint has no original pixels in the hole"
            )
        return "edge" if asked == "auto" else asked
    if asked != "auto":
        return asked
    if strength < 1 or family.follows_instructions:
        return "original"
    return "patch" if family.sees_hole else "none"


def fill_hole(
    image: ImageArray, hole: MaskArray, infill: Infill, seed: int, check: Callable[[], None]
) -> ImageArray:
    """Fill a hole; if no pixel is known, the picture stays as it is.

    Args:
        image: RGB uint8 (H, W, 3); not written to.
        hole: uint8 (H, W), 255 to be filled.
        infill: the kind; `none` and `original` return the picture itself.
        seed: of a fill that uses random numbers.
        check: called regularly during long work; may raise to stop it.
    """
    if infill in UNTOUCHED or not hole.any() or hole.all():
        return image
    if infill == "neutral":
        fill = np.full_like(image, NEUTRAL)
    elif infill == "green":
        fill = np.full_like(image, GREEN)
    elif infill == "edge":
        fill = _nearest(image, hole)
    elif infill == "patch":
        fill = _complete(image, hole, seed, check)
    else:
        fill = _smooth(image, hole)
    filled = image.copy()
    cv2.copyTo(fill, hole, filled)
    return filled


def _nearest(image: ImageArray, hole: MaskArray) -> ImageArray:
    """Return the picture with each pixel of the hole in the color of the nearest known one."""
    known = (hole == 0).view(np.uint8)
    left, top, width, height = cv2.boundingRect(known)
    if width * height == cv2.countNonZero(known):
        return _stretch(image, Box(left=left, top=top, right=left + width, bottom=top + height))
    # A ring of one pixel is enough: known pixels further out are never nearer.
    box = widen_box(bounding_box(hole), 1, hole.shape[1], hole.shape[0])
    window = np.s_[box.top : box.bottom, box.left : box.right]
    fill = image.copy()
    fill[window] = _find_nearest(image[window], hole[window])
    return fill


def _stretch(image: ImageArray, known: Box) -> ImageArray:
    """Return the nearest colors if the known pixels are a box, as in outpainting: much faster."""
    height, width = image.shape[:2]
    margins = known.top, height - known.bottom, known.left, width - known.right
    part = image[known.top : known.bottom, known.left : known.right]
    # Otherwise OpenCV reads beyond a view of a larger picture.
    how = cv2.BORDER_REPLICATE | cv2.BORDER_ISOLATED
    return to_uint8(cv2.copyMakeBorder(part, *margins, how))


def _find_nearest(image: ImageArray, hole: MaskArray) -> ImageArray:
    _, labels = cv2.distanceTransformWithLabels(
        hole, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels, inside = np.asarray(labels).ravel(), np.flatnonzero(hole)
    known, pixels = np.flatnonzero(hole == 0), image.reshape(-1, 3)
    place = np.zeros(len(labels) + 1, np.intp)
    place[labels[known]] = known
    filled = pixels.copy()
    filled[inside] = pixels[place[labels[inside]]]
    return filled.reshape(image.shape)


def _smooth(image: ImageArray, hole: MaskArray) -> ImageArray:
    """Return the smoothest surface through the known pixels around, at a very small size."""
    height, width = hole.shape
    scale = min(BLUR_SIDE / max(height, width), 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    known = (hole == 0).astype(np.float32)
    weight = np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_AREA), np.float32)
    values = cv2.resize(image * known[..., None], size, interpolation=cv2.INTER_AREA)
    surface = interpolate(np.asarray(values, np.float32), weight)
    large = cv2.resize(surface, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.rint(np.asarray(large)).clip(0, 255).astype(np.uint8)


def _complete(
    image: ImageArray, hole: MaskArray, seed: int, check: Callable[[], None]
) -> ImageArray:
    """Return the picture completed from its own patches, at a small size."""
    height, width = hole.shape
    scale = min(PATCH_SIDE / max(height, width), 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small_hole = shrink_hole(hole, size)
    if small_hole.all():
        return _smooth(image, hole)
    done = complete(
        resize(image, *size),
        small_hole,
        seed=seed,
        quality="fast",
        on_step=lambda _round, _rounds: check(),
    )
    return resize(done.image, width, height)
