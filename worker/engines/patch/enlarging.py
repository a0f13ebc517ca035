"""Completing a large canvas at a smaller scale, with the detail of the full one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box
from worker.imaging import ImageArray, MaskArray
from worker.imaging.bands import row_bands

FACTORS: Final = (4, 2)
LEAST_PAINTED: Final = 100_000
LEAST_SIDE: Final = 200
LEAST_MARGIN: Final = 24
"""Pixels to be painted, pixels of the original's shorter side, and of the narrowest margin, that a
smaller scale must have: patches of nine pixels find enough in them."""


@dataclass(frozen=True)
class Grid:
    """A canvas at a smaller scale whose cells are aligned with the original.

    Attributes:
        factor: pixels a side of a cell.
        left: pixels put before the canvas's first column, so that the original begins with a cell.
        top: pixels put before its first row.
        width: of the canvas, in cells.
        height: of the canvas, in cells.
    """

    factor: int
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, width: int, height: int, own: Box, factor: int) -> Grid:
        """Return the grid of a canvas whose original lies in a box."""
        left, top = -own.left % factor, -own.top % factor
        across, down = math.ceil((left + width) / factor), math.ceil((top + height) / factor)
        return cls(factor, left, top, across, down)

    def shrink(self, image: ImageArray) -> ImageArray:
        """Return the means of all cells, uint8 (h, w, C)."""
        height, width = image.shape[:2]
        bottom = self.height * self.factor - self.top - height
        right = self.width * self.factor - self.left - width
        wide = cv2.copyMakeBorder(image, self.top, bottom, self.left, right, cv2.BORDER_REPLICATE)
        small = cv2.resize(wide, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.uint8)

    def shrink_box(self, box: Box) -> Box:
        """Return the cells that lie in a box as a whole."""
        return Box(
            left=-(-(box.left + self.left) // self.factor),
            top=-(-(box.top + self.top) // self.factor),
            right=self._last(box.right + self.left, self.width),
            bottom=self._last(box.bottom + self.top, self.height),
        )

    def _last(self, end: int, cells: int) -> int:
        # At the canvas's border a cell is whole with what was put there.
        return cells if end > (cells - 1) * self.factor else end // self.factor


def choose_factor(own: Box, width: int, height: int, painted: int) -> int:
    """Return how many times smaller a canvas may be completed, 1 for not at all.

    Args:
        own: the original.
        width: of the canvas.
        height: of the canvas.
        painted: pixels to be painted.
    """
    margins = own.left, own.top, width - own.right, height - own.bottom
    narrowest = min((margin for margin in margins if margin), default=0)
    for factor in FACTORS:
        if (
            painted >= LEAST_PAINTED * factor**2
            and min(own.width, own.height) >= LEAST_SIDE * factor
            and narrowest >= LEAST_MARGIN * factor
        ):
            return factor
    return 1


def enlarge(
    image: ImageArray,
    wanted: MaskArray,
    own: Box,
    small: ImageArray,
    origins: NDArray[np.int16],
    grid: Grid,
) -> ImageArray:
    """Return the canvas with what was painted at a smaller scale, at full size.

    The low frequencies come from the small picture, the detail from where its pixels were copied
    from: what the small picture does not show of the original there.

    Args:
        image: the canvas, uint8 (H, W, C).
        wanted: uint8 (H, W), 255 = to be painted.
        own: the original, from which alone was copied.
        small: the small canvas, painted.
        origins: int16 (h, w, 2), row and column that each of its pixels was copied from, or -1.
        grid: how the two lie over each other.

    Source: P. Burt, E. Adelson, "The Laplacian Pyramid as a Compact Image Code", IEEE Trans.
        Communications 31(4), 1983.
    """
    height, width = wanted.shape
    size = grid.width * grid.factor, grid.height * grid.factor
    up = np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    up = up[grid.top : grid.top + height, grid.left : grid.left + width]
    inside = np.s_[own.top : own.bottom, own.left : own.right]
    detail = image[inside].astype(np.int16) - up[inside]
    result = image.copy()
    for rows in row_bands(height):
        _add_detail(result, rows, wanted, up, detail, own, origins, grid)
    return result


def _add_detail(
    result: ImageArray,
    rows: slice,
    wanted: MaskArray,
    up: ImageArray,
    detail: NDArray[np.int16],
    own: Box,
    origins: NDArray[np.int16],
    grid: Grid,
) -> None:
    y, x = np.nonzero(wanted[rows])
    y += rows.start
    values = up[y, x].astype(np.int16)
    cell_y, part_y = np.divmod(y + grid.top, grid.factor)
    cell_x, part_x = np.divmod(x + grid.left, grid.factor)
    came = origins[cell_y, cell_x].astype(np.int64)
    source_y = came[:, 0] * grid.factor + part_y - grid.top - own.top
    source_x = came[:, 1] * grid.factor + part_x - grid.left - own.left
    there = (came[:, 0] >= 0) & (source_y >= 0) & (source_x >= 0)
    there &= (source_y < own.height) & (source_x < own.width)
    values[there] += detail[source_y[there], source_x[there]]
    result[y, x] = values.clip(0, 255).astype(np.uint8)
