"""A crop as a net takes it: reduced if it is too large, and continued to the net's size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2

from service.contract.catalogue import ModelEntry
from worker.engines.diffusion.framing import resize, shrink_hole
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

LEAST_SIDE: Final = 64
"""Side to which smaller pictures are continued: the coarsest of a net's scales must have a size."""


@dataclass(frozen=True, eq=False)
class EraserFrame:
    """A crop at the net's size.

    Attributes:
        image: RGB uint8 (H, W, 3).
        mask: uint8 (H, W), 255 repaint.
        size: width and height of the crop in it, from the upper left; the rest is its reflection.
    """

    image: ImageArray
    mask: MaskArray
    size: tuple[int, int]


def fit_crop(width: int, height: int, entry: ModelEntry, side: int | None) -> tuple[int, int]:
    """Return the size at which the net sees a crop: its own, unless it is too large.

    Args:
        width: of the crop, in pixels.
        height: likewise.
        entry: has the largest area of a net that takes any size.
        side: of the square that the net takes; `None` if it takes any size.
    """
    most = math.sqrt(entry.native_pixels / (width * height))
    scale = min(1.0, most if side is None else side / max(width, height))
    return max(round(width * scale), 1), max(round(height * scale), 1)


def find_outer(size: tuple[int, int], multiple: int, side: int | None) -> tuple[int, int]:
    """Return the net's size for a crop of this size, which is continued to it."""
    if side is not None:
        return side, side
    width, height = (math.ceil(max(each, LEAST_SIDE) / multiple) * multiple for each in size)
    return width, height


def make_eraser_frame(
    crop: ImageArray, hole: MaskArray, size: tuple[int, int], outer: tuple[int, int]
) -> EraserFrame:
    """Resize a crop and continue it by reflection.

    The hole is reflected too, so that no net sees in the reflection what it is to remove.

    Args:
        crop: RGB uint8 (H, W, 3).
        hole: uint8 (H, W), 255 repaint.
        size: width and height of the crop within the net's picture.
        outer: width and height of that picture.
    """
    image, mask = resize(crop, *size), shrink_hole(hole, size)
    right, below = outer[0] - size[0], outer[1] - size[1]
    if right or below:
        image, mask = (
            to_uint8(cv2.copyMakeBorder(each, 0, below, 0, right, cv2.BORDER_REFLECT))
            for each in (image, mask)
        )
    return EraserFrame(image, mask, size)
