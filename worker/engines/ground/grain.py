"""The grain of a ground: its noise or fine texture, copied in blocks from ground alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.ground.surface import Surface
from worker.imaging import ImageArray

SIDES: Final = (64, 48, 32, 24, 16, 12, 8)
"""Pixels a side of the blocks: the largest of which there are enough."""

ENOUGH: Final = 12
MOST: Final = 96
"""Blocks that are enough, and that are kept."""

FAINT: Final = 1.5
"""Levels of grain below which its structure does not show."""

NEAR: Final = 6
CORRELATED: Final = 0.25
"""Pixels after which grain is unlike itself; correlation from which it is a texture instead."""

COARSE: Final = 8.0
COARSE_NEAR: Final = 2.5
COARSE_CORRELATED: Final = 0.12
"""Levels from which grain is seen as such, and what it must keep then: noise alone."""

NOTHING: Final = 0.4
"""Levels below which the rest is rounding, and is not copied."""


@dataclass(frozen=True, eq=False)
class Grain:
    """Blocks of what a ground holds beside its low frequencies.

    Attributes:
        blocks: float32 (N, S, S, C), each of mean 0; N may be 0.
        places: float64 (N, 2), column and row of each block's middle.
        level: standard deviation in levels.
        is_texture: whether it has a structure that copied blocks would tear.
    """

    blocks: NDArray[np.float32]
    places: NDArray[np.float64]
    level: float
    is_texture: bool

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to copy."""
        return len(self.blocks) == 0 or self.level < NOTHING


def collect_grain(
    image: ImageArray, ground: NDArray[np.uint8], surface: Surface, box: tuple[int, int]
) -> Grain:
    """Collect blocks from a picture's ground.

    Args:
        image: uint8 (H, W, C).
        ground: uint8 (H, W), non-zero where nothing but ground is.
        surface: the ground's low frequencies.
        box: column and row of the picture's left upper pixel, in the surface's coordinates.
    """
    for side in SIDES:
        corners = _find_corners(ground, side)
        if len(corners) >= (ENOUGH if side > SIDES[-1] else 1):
            return _cut_blocks(image, surface, corners, side, box)
    return Grain(np.zeros((0, 1, 1, image.shape[2]), np.float32), np.zeros((0, 2)), 0.0, False)


def _find_corners(ground: NDArray[np.uint8], side: int) -> NDArray[np.int64]:
    """Return column and row of blocks that hold ground alone, at most `MOST` of them, spread."""
    height, width = ground.shape
    if min(height, width) < side:
        return np.zeros((0, 2), np.int64)
    table = cv2.integral((ground != 0).astype(np.uint8))
    rows = np.arange(0, height - side + 1, max(side // 2, 1))
    columns = np.arange(0, width - side + 1, max(side // 2, 1))
    top, left = np.meshgrid(rows, columns, indexing="ij")
    count = table[top + side, left + side] - table[top, left + side]
    count = count - table[top + side, left] + table[top, left]
    rows, columns = np.nonzero(count == side * side)
    found = np.stack((left[rows, columns], top[rows, columns]), axis=1)
    return np.asarray(
        found[np.linspace(0, len(found) - 1, min(len(found), MOST)).astype(int)], np.int64
    )


def _cut_blocks(
    image: ImageArray,
    surface: Surface,
    corners: NDArray[np.int64],
    side: int,
    box: tuple[int, int],
) -> Grain:
    blocks = np.stack([_cut_block(image, surface, int(x), int(y), side, box) for x, y in corners])
    spread = blocks.std(axis=(1, 2)).max(axis=1)
    usual = float(np.median(spread))
    highest = np.abs(blocks).max(axis=(1, 2, 3))
    # A speck that the figures missed must not be sown over the ground.
    good = (spread <= 1.6 * usual + 0.5) & (highest <= 6 * usual + 3)
    if not good.any():
        good[np.argmin(highest)] = True
    blocks, corners = blocks[good], corners[good]
    level = float(np.sqrt(np.square(blocks).mean(axis=(0, 1, 2)).max()))
    places = corners + np.array(box) + side / 2
    is_texture = level > FAINT and side >= 16 and _is_texture(blocks, level)
    return Grain(blocks, places.astype(np.float64), level, is_texture)


def _cut_block(
    image: ImageArray, surface: Surface, x: int, y: int, side: int, box: tuple[int, int]
) -> NDArray[np.float32]:
    left, top = x + box[0], y + box[1]
    rest = image[y : y + side, x : x + side] - surface.over(left, top, left + side, top + side)
    rest -= rest.mean(axis=(0, 1))
    line = (np.arange(side, dtype=np.float32) - (side - 1) / 2)[:, None]
    total = float(np.square(line).sum()) * side
    rest -= (rest * line[:, :, None]).sum(axis=(0, 1)) / total * line[:, :, None]
    rest -= (rest * line[None]).sum(axis=(0, 1)) / total * line[None]
    return np.asarray(rest, np.float32)


def _is_texture(blocks: NDArray[np.float32], level: float) -> bool:
    if level > COARSE and _correlation(blocks, COARSE_NEAR) > COARSE_CORRELATED:
        return True
    return _correlation(blocks, NEAR) > CORRELATED


def _correlation(blocks: NDArray[np.float32], near: float) -> float:
    """Return the highest correlation of the grain with itself more than so many pixels away."""
    side = blocks.shape[1]
    gray = blocks.mean(axis=3)
    spectrum = np.fft.rfft2(gray, (2 * side, 2 * side))
    power = np.square(np.abs(spectrum)).mean(axis=0)
    product = np.fft.irfft2(power, (2 * side, 2 * side))
    lags = np.minimum(np.arange(2 * side), 2 * side - np.arange(2 * side))
    overlap = np.outer(side - lags, side - lags)
    far = (np.hypot(*np.meshgrid(lags, lags)) > near) & (np.maximum.outer(lags, lags) < side // 2)
    scores = product[far] / overlap[far] / max(product[0, 0] / side**2, 1e-9)
    return float(np.abs(scores).max())


def lay_grain(
    grain: Grain,
    shape: tuple[int, int],
    corner: tuple[int, int],
    where: NDArray[np.bool_],
    random: np.random.Generator,
    check: Callable[[], None] = lambda: None,
) -> NDArray[np.float32]:
    """Return grain for a box of pixels, float32 (H, W, C); 0 where there is none.

    Blocks overlap by a quarter; their weights keep the variance where two meet, which for what is
    uncorrelated means that no seam shows.

    Args:
        grain: what to lay.
        shape: height and width of the box.
        corner: column and row of its left upper pixel, in the coordinates of the grain's places.
        where: bool (H, W), where grain is wanted.
        random: chooses the blocks, near ones rather than far ones.
        check: called between rows of blocks; may raise to stop.
    """
    height, width = shape
    channels = grain.blocks.shape[3]
    total = np.zeros((height, width, channels), np.float32)
    if grain.is_empty:
        return total
    side = grain.blocks.shape[1]
    step = side - side // 4
    weight = _block_weight(side, side // 4)
    squares = np.zeros((height, width), np.float32)
    for top in range(-(side // 4), height, step):
        check()
        for left in range(-(side // 4), width, step):
            rows = slice(max(top, 0), min(top + side, height))
            columns = slice(max(left, 0), min(left + side, width))
            number = _choose(grain, corner[0] + left + side / 2, corner[1] + top + side / 2, random)
            if not where[rows, columns].any():
                continue
            part = np.s_[
                rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
            total[rows, columns] += grain.blocks[number][part] * weight[part][..., None]
            squares[rows, columns] += np.square(weight[part])
    return np.asarray(total / np.sqrt(np.maximum(squares, 1e-6))[..., None], np.float32)


def _choose(grain: Grain, column: float, row: float, random: np.random.Generator) -> int:
    tries = random.integers(0, len(grain.blocks), 4)
    far = np.abs(grain.places[tries] - (column, row)).max(axis=1)
    return int(tries[np.argmin(far)])


def _block_weight(side: int, overlap: int) -> NDArray[np.float32]:
    ramp = (np.arange(side) + 0.5) / max(overlap, 1)
    line = np.minimum(np.minimum(ramp, ramp[::-1]), 1.0)
    return np.asarray(np.outer(line, line), np.float32)
