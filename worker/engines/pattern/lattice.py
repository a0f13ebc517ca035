"""Carrying a pattern on: large pieces of the picture, moved by whole steps of its lattice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box
from worker.engines.pattern.period import Period, list_counts
from worker.imaging import MaskArray
from worker.imaging.geometry import widen_box

GRID: Final = 256
"""Cells a side in which pieces are laid out: pixels would take a hundred times as long."""

MOST_COUNTS: Final = 16
"""Steps to a side that are looked at: a period of few pixels is multiplied until these suffice."""

INEXACT: Final = 4.0
"""Weight of a way that ends between pixels against its piece: e^-1 at half a pixel."""

LEAST_LUCK: Final = 0.8
"""Worth of an unlucky way beside a lucky one: whole multiples of a period lead to parts that
are as good, and the seed chooses among them; a piece larger by a quarter is laid all the same.
"""


AVOIDING: Final = 6
"""Steps to a side that are tried to get around a thing that exists once."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A canvas that is being covered with a pattern.

    Attributes:
        values: float32 (H, W, 3).
        origins: int32 (H, W, 2), row and column in the canvas that each pixel came from.
        rest: uint8 (H, W), 255 where nothing has been laid yet.
    """

    values: NDArray[np.float32]
    origins: NDArray[np.int32]
    rest: MaskArray

    @classmethod
    def of(cls, values: NDArray[np.floating], box: Box) -> Sheet:
        """Return the canvas of which only the box is known."""
        height, width = values.shape[:2]
        rest = np.full((height, width), 255, np.uint8)
        rest[box.top : box.bottom, box.left : box.right] = 0
        return cls(values.astype(np.float32), places(height, width), rest)


def places(height: int, width: int) -> NDArray[np.int32]:
    """Return the row and column of every pixel, int32 (height, width, 2)."""
    return np.moveaxis(np.indices((height, width), np.int32), 0, -1).copy()


def lay(
    sheet: Sheet, box: Box, period: Period, check: Callable[[], None], *, seed: int = 0
) -> None:
    """Cover a canvas with the pattern of a box in it, in place, as far as its steps lead.

    Few large pieces rather than many small ones: within a piece nothing can be wrong that was not
    so in the picture. Beyond the box's own size the ring around it is covered first and counts as
    known from then on.

    Args:
        sheet: the canvas; within the box its values are known.
        box: half-open pixels.
        period: of the pattern.
        check: called between pieces; may raise to stop.
        seed: of which parts of the box the pieces are copied from, where several will do.
    """
    height, width = sheet.rest.shape
    random = np.random.default_rng(seed)
    while box.width < width or box.height < height:
        pixels = max(box.width // 2, box.height // 2, 1)
        ring = widen_box(box, pixels, width, height)
        _lay_ring(sheet, box, ring, period, check, random)
        if sheet.rest[ring.top : ring.bottom, ring.left : ring.right].any():
            return
        box = ring


def avoid(
    sheet: Sheet, box: Box, period: Period, unique: NDArray[np.uint8], check: Callable[[], None]
) -> None:
    """Replace what was laid from things that exist once by what lies whole steps away, in place.

    Args:
        sheet: the canvas, laid.
        box: where the original lies.
        period: of the pattern.
        unique: uint8 of the box's (H, W), non-zero on such things.
        check: called between steps; may raise to stop.
    """
    is_unique = np.zeros(sheet.rest.shape, np.bool_)
    is_unique[box.top : box.bottom, box.left : box.right] = unique != 0
    left = is_unique[sheet.origins[..., 0], sheet.origins[..., 1]] & (sheet.rest == 0)
    left[box.top : box.bottom, box.left : box.right] = False
    counts = list_counts(len(period.steps), AVOIDING)
    ways = np.rint(counts @ period.steps).astype(np.int64)
    for dx, dy in ways[np.argsort(np.hypot(ways[:, 0], ways[:, 1]), kind="stable")]:
        check()
        rows, columns = np.nonzero(left)
        if not len(rows):
            return
        y, x = (sheet.origins[rows, columns] + np.array([dy, dx])).T
        good = (y >= box.top) & (y < box.bottom) & (x >= box.left) & (x < box.right)
        rows, columns, y, x = rows[good], columns[good], y[good], x[good]
        good = ~is_unique[y, x]
        rows, columns, y, x = rows[good], columns[good], y[good], x[good]
        sheet.values[rows, columns] = sheet.values[y, x]
        sheet.origins[rows, columns] = np.stack((y, x), axis=1)
        left[rows, columns] = False
    # No step leads out of it: the patches fill it.
    sheet.rest[left] = 255


def _lay_ring(
    sheet: Sheet,
    box: Box,
    ring: Box,
    period: Period,
    check: Callable[[], None],
    random: np.random.Generator,
) -> None:
    ways = _list_ways(period, box, ring)
    cell = math.ceil(max(ring.width, ring.height) / GRID)
    grid = _Grid(sheet.rest[ring.top : ring.bottom, ring.left : ring.right], cell)
    targets = _targets(np.rint(ways).astype(np.int64), box, ring)
    worth = np.exp(-INEXACT * np.square(ways - np.rint(ways)).sum(axis=1))
    worth *= random.uniform(LEAST_LUCK, 1.0, len(worth))
    while (best := grid.find_best(targets, worth)) is not None:
        check()
        left, top, right, bottom = (int(value) for value in targets[best])
        grid.cover(targets[best])
        target = Box(
            left=left + ring.left,
            top=top + ring.top,
            right=right + ring.left,
            bottom=bottom + ring.top,
        )
        _lay_piece(sheet, target, box, ways[best])


def _list_ways(period: Period, box: Box, ring: Box) -> NDArray[np.float64]:
    """Return the steps (dx, dy) of the lattice that lead from the ring into the box."""
    longest = max(ring.width, ring.height)
    lengths = np.hypot(period.steps[:, 0], period.steps[:, 1])
    factors = np.ceil(longest / MOST_COUNTS / lengths)
    steps = period.steps * factors[:, None]
    counts = list_counts(len(steps), 2 * MOST_COUNTS)
    return np.asarray(counts @ steps)


def _targets(ways: NDArray[np.int64], box: Box, ring: Box) -> NDArray[np.int64]:
    """Return what each way lays: left, top, right, bottom in the ring, empty if nothing."""
    left = (box.left - ring.left - ways[:, 0]).clip(0, ring.width)
    top = (box.top - ring.top - ways[:, 1]).clip(0, ring.height)
    right = (box.right - ring.left - ways[:, 0]).clip(0, ring.width)
    bottom = (box.bottom - ring.top - ways[:, 1]).clip(0, ring.height)
    return np.stack((left, top, right, bottom), axis=1)


class _Grid:
    """Which cells of a ring are still bare.

    Args:
        rest: uint8 (H, W), non-zero = bare.
        cell: pixels a side.
    """

    def __init__(self, rest: MaskArray, cell: int) -> None:
        self._size = rest.shape
        self._cell = cell
        rows, columns = (range(0, side, cell) for side in rest.shape)
        by_row = np.maximum.reduceat(rest, list(rows), axis=0)
        self._bare = np.maximum.reduceat(by_row, list(columns), axis=1) != 0

    def find_best(self, targets: NDArray[np.int64], worth: NDArray[np.float64]) -> int | None:
        """Return the target that covers most, by its worth; `None` when none covers anything."""
        table = np.zeros((self._bare.shape[0] + 1, self._bare.shape[1] + 1), np.int64)
        table[1:, 1:] = self._bare.cumsum(axis=0).cumsum(axis=1)
        left, top, right, bottom = self._whole_cells(targets)
        covered = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
        value = covered * worth
        best = int(value.argmax())
        return best if covered[best] > 0 else None

    def cover(self, target: NDArray[np.int64]) -> None:
        """Count what a target covers as done."""
        left, top, right, bottom = (int(side[0]) for side in self._whole_cells(target[None]))
        self._bare[top:bottom, left:right] = False

    def _whole_cells(self, targets: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Return the cells that lie within each target as a whole; those at the border are cut."""
        first = -(-targets[:, :2] // self._cell)
        height, width = self._size
        ends = np.where(
            targets[:, 2:] == (width, height), targets[:, 2:] + self._cell - 1, targets[:, 2:]
        )
        last = np.maximum(ends // self._cell, first)
        return first[:, 0], first[:, 1], last[:, 0], last[:, 1]


def _lay_piece(sheet: Sheet, target: Box, box: Box, way: NDArray[np.float64]) -> None:
    dx, dy = (int(value) for value in np.rint(way))
    source = Box(
        left=target.left + dx,
        top=target.top + dy,
        right=target.right + dx,
        bottom=target.bottom + dy,
    )
    known = sheet.values[box.top : box.bottom, box.left : box.right]
    inside = np.s_[
        source.top - box.top : source.bottom - box.top,
        source.left - box.left : source.right - box.left,
    ]
    piece = _move(known, float(way[0] - dx), float(way[1] - dy))[inside]
    there = np.s_[target.top : target.bottom, target.left : target.right]
    bare = sheet.rest[there] != 0
    np.copyto(sheet.values[there], piece, where=bare[..., None])
    came = sheet.origins[source.top : source.bottom, source.left : source.right].copy()
    np.copyto(sheet.origins[there], came, where=bare[..., None])
    sheet.rest[there] = 0


def _move(values: NDArray[np.float32], part_x: float, part_y: float) -> NDArray[np.float32]:
    """Return values as they are a part of a pixel further on, interpolated by cubics.

    Source: R. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans.
        ASSP 29(6), 1981.
    """
    if max(abs(part_x), abs(part_y)) < 0.02:
        return values
    moved = cv2.sepFilter2D(
        values, cv2.CV_32F, _kernel(part_x), _kernel(part_y), borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)


def _kernel(part: float) -> NDArray[np.float32]:
    far = np.abs(np.arange(-2, 3) - part)
    near = 1.5 * far**3 - 2.5 * far**2 + 1
    wide = -0.5 * far**3 + 2.5 * far**2 - 4 * far + 2
    return np.where(far <= 1, near, np.where(far < 2, wide, 0)).astype(np.float32)
