"""Which parts of a picture a model sees: crops, at source resolution, around what is to be painted.

A model paints an area of its own size, whatever it is given. All of a large picture in it leaves
few pixels to the hole; a crop leaves more, and must still show what the hole belongs to.

- A crop reaches `LEAST_PADDING` beyond the hole, and as far as makes the hole half as wide as the
  crop; a caller's `padding` takes the place of both.
- It is widened until it need not be enlarged more than `MOST_ENLARGED` times: what a model sees
  larger than that is blur. Twice as large is good, for details of a few pixels are lost in latents.
- It is widened towards a square as long as that costs no detail, then to no more than
  `MOST_ELONGATED`: the areas that models have learned are rarely longer.
- Where it is nearly the model's size anyway it is taken at that very size, and nothing is resized.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, NamedTuple

import cv2
import numpy as np

from service.contract.catalogue import ModelEntry
from service.contract.geometry import Box
from service.contract.params import PaintRegion
from worker.engines.diffusion.framing import fit_frame
from worker.imaging import MaskArray
from worker.imaging.blending import RIM_PIXELS
from worker.imaging.masks import bounding_box

MAX_REGIONS: Final = 8
"""Crops of one picture; each is painted at the model's full cost."""

LEAST_PADDING: Final = 64
MOST_ENLARGED: Final = 2.0
MOST_ELONGATED: Final = 2.0
NEARLY: Final = 1.25
"""How many times as wide a crop may become to be of the model's very size."""

NOTABLY_FEWER: Final = 2 / 3
"""Share of the picture's pixels up to which crops are worth their while."""

CELL: Final = 16
"""Pixels a side in which holes are told apart: nearer than that they are one."""

MAX_HOLES: Final = 24
"""Holes that are looked at one by one; where there are more, they are told apart more coarsely."""


class _Rect(NamedTuple):
    """A box of pixels, lighter than the contract's."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        return (self.right - self.left) * (self.bottom - self.top)

    def joins(self, other: _Rect) -> bool:
        """Whether both share a pixel."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def around(self, other: _Rect) -> _Rect:
        """Give the box that holds both."""
        first, last = map(min, self[:2], other[:2]), map(max, self[2:], other[2:])
        return _Rect(*first, *last)


@dataclass(frozen=True)
class Cropper:
    """Takes crops of pictures of one size for one model.

    Attributes:
        width: of the picture in pixels.
        height: likewise.
        entry: the model.
        padding: pixels around a hole; `None` for what its size asks for.
        max_pixels: area that the model must not be given more of.
    """

    width: int
    height: int
    entry: ModelEntry
    padding: int | None = None
    max_pixels: int | None = None

    def take(self, hole: _Rect) -> _Rect:
        """Give the crop around a hole, shifted where it would leave the picture."""
        width, height = self._sides(hole.right - hole.left, hole.bottom - hole.top)
        left = _place(hole.left, hole.right, width, self.width)
        top = _place(hole.top, hole.bottom, height, self.height)
        return _Rect(left, top, left + width, top + height)

    def _sides(self, width: int, height: int) -> tuple[int, int]:
        """Give width and height of the crop around a hole of a size."""
        least = [self._least(side, rim=True) for side in (width, height)]
        wanted = [self._least(side) for side in (width, height)]
        longer = max(wanted)
        # What costs no detail, or is needed for the shape.
        shorter = max(
            min(longer, self.entry.native_pixels / longer), longer / MOST_ELONGATED, min(wanted)
        )
        wanted = [side if side == longer else shorter for side in wanted]
        cut = min(math.ceil(wanted[0]), self.width), min(math.ceil(wanted[1]), self.height)
        return self._at_size(cut, (least[0], least[1]))

    def _least(self, side: int, *, rim: bool = False) -> float:
        """Give how long a crop must be along a hole's side; with `rim`, to blend at all."""
        if rim:
            return side + 2 * RIM_PIXELS
        if self.padding is not None:
            return side + 2 * max(self.padding, RIM_PIXELS)
        unblurred = math.sqrt(self.entry.native_pixels) / MOST_ENLARGED
        return max(side + 2 * LEAST_PADDING, 2 * side, unblurred)

    def _at_size(self, sides: tuple[int, int], least: tuple[float, float]) -> tuple[int, int]:
        """Give the model's own size for these sides where it is nearly theirs, else themselves."""
        size = fit_frame(*sides, self.entry, self.max_pixels)
        slack = self.entry.traits.size_multiple
        for side, new, needed, limit in zip(
            sides, size, least, (self.width, self.height), strict=True
        ):
            if not max(side - slack, min(needed, limit)) <= new <= min(side * NEARLY, limit):
                return sides
        return size


def _place(first: int, last: int, side: int, limit: int) -> int:
    """Give where a crop begins along an axis, so that it lies around what it is for and inside."""
    return min(max((first + last - side) // 2, 0), limit - side)


def find_regions(mask: MaskArray, cropper: Cropper, region: PaintRegion | None) -> list[Box]:
    """Give the parts of a picture that a model is to see, one a row; no two overlap.

    Args:
        mask: uint8 (H, W), 255 repaint; somewhere 255.
        cropper: of pictures of this size.
        region: as asked; `None` is `auto`.

    Returns:
        Boxes that together hold all of the mask, at most `MAX_REGIONS`.
    """
    whole = Box(left=0, top=0, right=cropper.width, bottom=cropper.height)
    pixels = cropper.width * cropper.height
    # Nor does a crop show more to a model that sees every picture at its own size.
    is_seen = pixels <= cropper.entry.native_pixels
    is_seen = is_seen or cropper.entry.traits.conditioning == "patches"
    if region == "full" or (region != "box" and is_seen):
        return [whole]
    crops = merge_crops(find_holes(mask), cropper)
    if region != "box" and sum(crop.area for crop in crops) > NOTABLY_FEWER * pixels:
        return [whole]
    return [Box(**crop._asdict()) for crop in crops]


def merge_crops(holes: Sequence[_Rect], cropper: Cropper) -> list[_Rect]:
    """Give the crops around holes, one around several holes where that is as good.

    That is where crops overlap, where one crop has no more pixels than the two, or where it still
    shows the model every pixel of the picture.
    """
    crops = [(hole, cropper.take(hole)) for hole in holes]
    while len(crops) > 1:
        pair = _find_pair(crops, cropper)
        if pair is None:
            break
        first, second = pair
        hole = crops[first][0].around(crops[second][0])
        crops = [crop for place, crop in enumerate(crops) if place not in pair]
        crops.append((hole, cropper.take(hole)))
    return sorted(crop for _, crop in crops)


def _find_pair(crops: Sequence[tuple[_Rect, _Rect]], cropper: Cropper) -> tuple[int, int] | None:
    """Give two crops that should be one; `None` where all are well apart and not too many."""
    cheapest, least = None, math.inf
    for (i, (hole, crop)), (j, (other_hole, other)) in combinations(enumerate(crops), 2):
        if crop.joins(other):
            return i, j
        both = cropper.take(hole.around(other_hole)).area
        extra = both - max(crop.area + other.area, cropper.entry.native_pixels)
        if extra < least:
            cheapest, least = (i, j), extra
    return cheapest if least <= 0 or len(crops) > MAX_REGIONS else None


def find_holes(mask: MaskArray) -> list[_Rect]:
    """Give the boxes of what lies apart in a mask.

    Args:
        mask: uint8 (H, W), 255 inside.
    """
    cell, small = CELL, _pool(mask, CELL)
    while True:
        count, _, found, _ = cv2.connectedComponentsWithStats(small, connectivity=8)
        if count - 1 <= MAX_HOLES:
            break
        cell, small = cell * 2, _pool(small, 2)
    return [_tight(mask, *(int(value) * cell for value in row[:4])) for row in found[1:]]


def _pool(mask: MaskArray, cell: int) -> MaskArray:
    """Give one pixel a cell, 255 where any of the cell's is."""
    height, width = mask.shape
    padded = cv2.copyMakeBorder(mask, 0, -height % cell, 0, -width % cell, cv2.BORDER_CONSTANT)
    size = padded.shape[1] // cell, padded.shape[0] // cell
    # One pixel of 16 x 16 is a mean of 0.996, which is rounded up.
    mean = np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA))
    return (mean > 0).astype(np.uint8) * 255


def _tight(mask: MaskArray, left: int, top: int, width: int, height: int) -> _Rect:
    box = bounding_box(mask[top : top + height, left : left + width])
    return _Rect(left + box.left, top + box.top, left + box.right, top + box.bottom)
