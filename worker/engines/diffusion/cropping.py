"""The crops of a picture that a model sees, at source resolution, around the holes.

A model paints an area of its own size, whatever its input. A whole large picture leaves few pixels
to the hole; a crop leaves more, and must still show what surrounds the hole.

- A crop reaches `LEAST_PADDING` beyond the hole, and until the hole is half as wide as the crop; a
  caller's `padding` replaces both.
  - It is widened until it need not be enlarged more than `MOST_ENLARGED` times: larger than that a
  model sees blur. Twice is good, because details of a few pixels are lost in latents.
  - It is widened towards a square as long as no detail is lost, then to at most `MOST_ELONGATED`:
  models rarely learn longer areas.
  - A crop of nearly the model's size gets exactly that size, and nothing is resized.
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
"""Most crops of one picture; each is painted at the model's full cost."""

LEAST_PADDING: Final = 64
MOST_ENLARGED: Final = 2.0
MOST_ELONGATED: Final = 2.0
NEARLY: Final = 1.25
"""Factor by which a crop may grow to reach exactly the model's size."""

NOTABLY_FEWER: Final = 2 / 3
"""Share of the picture's pixels up to which crops are worthwhile."""

CELL: Final = 16
"""Pixels a side of the cells that separate holes: nearer holes are one."""

MAX_HOLES: Final = 24
"""Most holes that are handled one by one; more are separated more coarsely."""


class Rect(NamedTuple):
    """A box of pixels, lighter than the contract's."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def area(self) -> int:
        """Pixels in it."""
        return (self.right - self.left) * (self.bottom - self.top)

    def joins(self, other: Rect) -> bool:
        """Return whether both share a pixel."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def around(self, other: Rect) -> Rect:
        """Return the box around both."""
        first, last = map(min, self[:2], other[:2]), map(max, self[2:], other[2:])
        return Rect(*first, *last)


@dataclass(frozen=True)
class Cropper:
    """Takes crops of pictures of one size for one model.

    Attributes:
        width: of the picture in pixels.
        height: likewise.
        entry: the model.
        padding: pixels around a hole; `None` to choose it by the hole's size.
        max_pixels: largest area that the model may be given.
    """

    width: int
    height: int
    entry: ModelEntry
    padding: int | None = None
    max_pixels: int | None = None

    def take(self, hole: Rect) -> Rect:
        """Return the crop around a hole, shifted to stay within the picture."""
        width, height = self._sides(hole.right - hole.left, hole.bottom - hole.top)
        left = _place(hole.left, hole.right, width, self.width)
        top = _place(hole.top, hole.bottom, height, self.height)
        return Rect(left, top, left + width, top + height)

    def _sides(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height of the crop around a hole of this size."""
        least = [self._least(side, rim=True) for side in (width, height)]
        wanted = [self._least(side) for side in (width, height)]
        longer = max(wanted)
        # Costs no detail, or is needed for the shape.
        shorter = max(
            min(longer, self.entry.native_pixels / longer), longer / MOST_ELONGATED, min(wanted)
        )
        wanted = [side if side == longer else shorter for side in wanted]
        cut = min(math.ceil(wanted[0]), self.width), min(math.ceil(wanted[1]), self.height)
        return self._at_size(cut, (least[0], least[1]))

    def _least(self, side: int, *, rim: bool = False) -> float:
        """Return the least length of a crop along a hole's side; with `rim`, for blending."""
        if rim:
            return side + 2 * RIM_PIXELS
        if self.padding is not None:
            return side + 2 * max(self.padding, RIM_PIXELS)
        unblurred = math.sqrt(self.entry.native_pixels) / MOST_ENLARGED
        return max(side + 2 * LEAST_PADDING, 2 * side, unblurred)

    def _at_size(self, sides: tuple[int, int], least: tuple[float, float]) -> tuple[int, int]:
        """Return the model's own size if these sides are close to it, else the sides."""
        size = fit_frame(*sides, self.entry, self.max_pixels)
        slack = self.entry.traits.size_multiple
        for side, new, needed, limit in zip(
            sides, size, least, (self.width, self.height), strict=True
        ):
            if not max(side - slack, min(needed, limit)) <= new <= min(side * NEARLY, limit):
                return sides
        return size


def _place(first: int, last: int, side: int, limit: int) -> int:
    """Return where a crop begins along an axis, around its hole and inside the picture."""
    return min(max((first + last - side) // 2, 0), limit - side)


def find_regions(mask: MaskArray, cropper: Cropper, region: PaintRegion | None) -> list[Box]:
    """Return the regions of a picture, each for one picture of a call; no two overlap.

    Args:
        mask: uint8 (H, W), 255 repaint; somewhere 255.
        cropper: of pictures of this size.
        region: as requested; `None` is `auto`.

    Returns:
        Boxes that together cover the mask, at most `MAX_REGIONS`.
    """
    whole = Box(left=0, top=0, right=cropper.width, bottom=cropper.height)
    pixels = cropper.width * cropper.height
    # A model that sees every picture at its own size gains nothing from a crop either.
    is_seen = pixels <= cropper.entry.native_pixels
    is_seen = is_seen or cropper.entry.traits.conditioning == "patches"
    if region == "full" or (region != "box" and is_seen):
        return [whole]
    crops = merge_crops(find_holes(mask), cropper)
    if region != "box" and sum(crop.area for crop in crops) > NOTABLY_FEWER * pixels:
        return [whole]
    return [Box(**crop._asdict()) for crop in crops]


def merge_crops(holes: Sequence[Rect], cropper: Cropper) -> list[Rect]:
    """Return the crops around holes, one around several holes if that is as good.

    That is the case if crops overlap, if one crop has no more pixels than the two, or if it still
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


def _find_pair(crops: Sequence[tuple[Rect, Rect]], cropper: Cropper) -> tuple[int, int] | None:
    """Return two crops that should be one; `None` if all are well apart and not too many."""
    cheapest, least = None, math.inf
    for (i, (hole, crop)), (j, (other_hole, other)) in combinations(enumerate(crops), 2):
        if crop.joins(other):
            return i, j
        both = cropper.take(hole.around(other_hole)).area
        extra = both - max(crop.area + other.area, cropper.entry.native_pixels)
        if extra < least:
            cheapest, least = (i, j), extra
    return cheapest if least <= 0 or len(crops) > MAX_REGIONS else None


def find_holes(mask: MaskArray) -> list[Rect]:
    """Return the boxes of the separate parts of a mask.

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
    """Return one pixel a cell, 255 if any pixel of the cell is set."""
    height, width = mask.shape
    padded = cv2.copyMakeBorder(mask, 0, -height % cell, 0, -width % cell, cv2.BORDER_CONSTANT)
    size = padded.shape[1] // cell, padded.shape[0] // cell
    # One pixel of 16 x 16 gives a mean of 0.996, which is rounded up.
    mean = np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA))
    return (mean > 0).astype(np.uint8) * 255


def _tight(mask: MaskArray, left: int, top: int, width: int, height: int) -> Rect:
    box = bounding_box(mask[top : top + height, left : left + width])
    return Rect(left + box.left, top + box.top, left + box.right, top + box.bottom)
