"""The crops around holes that an eraser sees.

An eraser knows nothing but what surrounds the hole, and a hole that is large in its crop leaves too
little of that. So a crop reaches half of the hole's length beyond it on every side, and up to all
of it where that takes nothing from the resolution.

Crops may overlap: every crop has all holes in it as holes, and of what the net makes of them only
its own is used. So holes share a crop only where that costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from service.contract.geometry import Box
from service.contract.params import PaintRegion
from worker.engines.diffusion.cropping import MAX_REGIONS, Cropper, Rect, find_holes
from worker.imaging import MaskArray
from worker.imaging.blending import RIM_PIXELS

CONTEXTS: Final = (1.0, 0.875, 0.75, 0.625, 0.5)
"""Shares of the hole's length that a crop reaches beyond it, the best first."""

LEAST_CONTEXT: Final = 2 * RIM_PIXELS
"""Pixels around a small hole."""

LEAST_SIDE: Final = 256
"""Side of the smallest crop of a net that takes any size: LaMa was trained on these."""


@dataclass(frozen=True)
class EraserCropper(Cropper):
    """Takes crops of pictures of one size for one eraser.

    Attributes:
        side: of the square that the net takes; `None` if it takes any size.
    """

    side: int | None = None

    def _sides(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the crop around a hole of this size."""
        if self.padding is not None:
            around = 2 * max(self.padding, RIM_PIXELS)
            wanted = width + around, height + around
        elif self.side is not None:
            # All that is within its square costs it nothing.
            wanted = (max(2 * max(width, height), self.side),) * 2
        else:
            wanted = self._find_context(width, height)
        return self._round(wanted[0], self.width), self._round(wanted[1], self.height)

    def _find_context(self, width: int, height: int) -> tuple[int, int]:
        """Return the sides with the most context that the net sees without a loss of resolution."""
        # A wire needs more beside it than it is wide.
        lengths = [max(side, max(width, height) / 2) for side in (width, height)]
        sides = width, height
        for share in CONTEXTS:
            reach = [max(share * length, LEAST_CONTEXT) for length in lengths]
            sides = math.ceil(width + 2 * reach[0]), math.ceil(height + 2 * reach[1])
            if sides[0] * sides[1] <= self.entry.native_pixels:
                break
        return max(sides[0], LEAST_SIDE), max(sides[1], LEAST_SIDE)

    def _round(self, side: int, limit: int) -> int:
        """Return a side that needs no padding, if the picture is as long."""
        multiple = self.entry.size_multiple
        return min(math.ceil(side / multiple) * multiple, limit)

    def fits(self, hole: Rect) -> bool:
        """Return whether the net sees the crop around a hole at the picture's own resolution."""
        crop = self.take(hole)
        width, height = crop.right - crop.left, crop.bottom - crop.top
        if self.side is not None:
            return max(width, height) <= self.side
        return width * height <= self.entry.native_pixels


@dataclass(frozen=True)
class Crop:
    """A part of a picture that the net sees in one picture of a call.

    Attributes:
        box: of the part.
        hole: the box in it that is taken of what the net paints.
    """

    box: Box
    hole: Box


def find_crops(mask: MaskArray, cropper: EraserCropper, region: PaintRegion | None) -> list[Crop]:
    """Return the crops of a picture; together their holes cover the mask.

    Args:
        mask: uint8 (H, W), 255 repaint; somewhere 255.
        cropper: of pictures of this size.
        region: as requested; `full` for the whole picture.
    """
    if region == "full":
        whole = Box(left=0, top=0, right=cropper.width, bottom=cropper.height)
        return [Crop(whole, whole)]
    holes = merge_holes(find_holes(mask), cropper)
    return [Crop(_to_box(cropper.take(hole)), _to_box(hole)) for hole in holes]


def merge_holes(holes: Sequence[Rect], cropper: EraserCropper) -> list[Rect]:
    """Return the holes that get a crop each: those that one crop shows as well are one."""
    left = list(dict.fromkeys(holes))
    costs: dict[tuple[Rect, Rect], float] = {}
    while len(left) > 1:
        for pair in combinations(left, 2):
            if pair not in costs:
                costs[pair] = _cost(*pair, cropper)
        pair = min(combinations(left, 2), key=lambda each: costs[each])
        if costs[pair] > 0 and len(left) <= MAX_REGIONS:
            break
        both = pair[0].around(pair[1])
        left = [hole for hole in left if hole not in (*pair, both)] + [both]
    return sorted(left)


def _cost(first: Rect, second: Rect, cropper: EraserCropper) -> float:
    """Return the pixels that one crop around two holes has more than two; at most 0 if it may."""
    both = first.around(second)
    if first.joins(second):
        return -math.inf
    apart = sum(cropper.take(hole).area for hole in (first, second))
    extra = cropper.take(both).area - apart
    return extra if cropper.fits(both) else max(extra, 1)


def _to_box(rect: Rect) -> Box:
    return Box(**rect._asdict())
