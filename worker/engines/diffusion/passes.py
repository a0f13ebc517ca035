"""Long extensions in several passes: each sees the pixels of the previous one as known.

A model that must fill far more than it sees loses the context. So a picture grows on each side by
at most half of the known length along that axis, and by the same factor in every pass: no pass gets
a sliver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from service.contract.geometry import Box, Geometry
from service.contract.params import MAX_SEED, OutpaintParams
from worker.engines.base import Canvas
from worker.imaging import MaskArray
from worker.imaging.geometry import widen_box

MOST_GROWTH: Final = 0.5
"""Share of the known side by which one pass may extend it at either end."""

SEED_STEP: Final = 0x9E3779B1
"""Step from a pass' seed to the next one's: odd and large, to avoid the seeds of other variants."""


@dataclass(frozen=True, eq=False)
class Pass:
    """One pass over a canvas.

    Attributes:
        canvas: the whole request.
        box: the part of the canvas that is known after the pass.
        known: the part known before; `None` if the canvas' mask defines it.
        seed: of its noise, 0 .. 2**32 - 1.
    """

    canvas: Canvas
    box: Box
    known: Box | None
    seed: int

    @cached_property
    def mask(self) -> MaskArray:
        """Its mask: uint8 of the box's (h, w), 255 repaint."""
        rows, columns = slice(self.box.top, self.box.bottom), slice(self.box.left, self.box.right)
        if self.known is None:
            return self.canvas.mask[rows, columns]
        mask = np.full((self.box.height, self.box.width), 255, np.uint8)
        mask[inside(self.known, self.box)] = 0
        return mask

    @cached_property
    def unseen(self) -> MaskArray:
        """The part without picture yet: the mask without the band of overlap, in the same form."""
        canvas = self.canvas
        overlap = canvas.params.overlap if isinstance(canvas.params, OutpaintParams) else None
        if canvas.geometry is None or not overlap:
            return self.mask
        box = widen_box(canvas.geometry.original, overlap, *canvas.mask.shape[::-1])
        unseen = self.mask.copy()
        unseen[inside(box, self.box)] = 0
        return unseen


def inside(part: Box, whole: Box) -> tuple[slice, slice]:
    """Return the row and column slices of a box within another, clipped to it."""
    return (
        slice(max(part.top - whole.top, 0), max(part.bottom - whole.top, 0)),
        slice(max(part.left - whole.left, 0), max(part.right - whole.left, 0)),
    )


def plan_passes(canvas: Canvas) -> list[Pass]:
    """Return the passes over a canvas, in order; inpainting takes one."""
    height, width = canvas.mask.shape
    boxes = [Box(left=0, top=0, right=width, bottom=height)]
    if canvas.geometry is not None:
        boxes = grow_boxes(canvas.geometry)
    known = [None, *boxes]
    return [
        Pass(canvas, box, known[place], (canvas.seed + place * SEED_STEP) % (MAX_SEED + 1))
        for place, box in enumerate(boxes)
    ]


def grow_boxes(geometry: Geometry) -> list[Box]:
    """Return the known box after each pass; the last is the whole canvas."""
    original, margins = geometry.original, geometry.margins
    across = _grow(original.width, margins.left, margins.right)
    down = _grow(original.height, margins.top, margins.bottom)
    count = max(len(across), len(down))
    steps = zip(_last(across, count), _last(down, count), strict=True)
    return [
        Box(
            left=original.left - left,
            top=original.top - top,
            right=original.right + right,
            bottom=original.bottom + bottom,
        )
        for (left, right), (top, bottom) in steps
    ]


def _grow(side: int, before: int, after: int) -> list[tuple[int, int]]:
    """Return how far an axis reaches before and after the first known part, pass by pass."""
    added = before + after
    if not added:
        return [(0, 0)]
    most = 1 + MOST_GROWTH * added / max(before, after)
    # One more pixel from rounding does not need another pass.
    count = max(math.ceil(math.log((side + added) / side, most) - 0.01), 1)
    ratio = ((side + added) / side) ** (1 / count)
    shares = [(ratio**step - 1) / (ratio**count - 1) for step in range(1, count)]
    return [*((round(before * share), round(after * share)) for share in shares), (before, after)]


def _last(reached: list[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """Return the list extended with its last element: a finished axis waits for the other."""
    return reached + [reached[-1]] * (count - len(reached))
