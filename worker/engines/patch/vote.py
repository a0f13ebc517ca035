"""The mean of what all patches over a pixel have found for it."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.engines.patch.distance import Field, Ground, color_shift
from worker.engines.patch.features import LANES
from worker.engines.patch.strips import Workers, cut
from worker.imaging import MaskArray
from worker.imaging.compiled import compiled, kernel

CONFIDENCE_BASE: Final = 4.0
"""A pixel further into the hole, a patch weighs this much less: what is known speaks first."""

MAX_DEPTH: Final = 20
"""Pixels: deeper ones would weigh nothing in 32 bits."""

LANE_COUNT = LANES


def weigh(field: Field, ground: Ground, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weight of each patch's vote.

    Args:
        field: what was found.
        ground: the scale.
        depth: float32 (H, W), pixels to the nearest known one.

    Returns:
        float32 (GH, GW), 0 where inactive.

    Source: Y. Wexler, E. Shechtman, M. Irani, "Space-Time Completion of Video", PAMI 29(3), 2007.
    """
    active = ground.active != 0
    cost = field.cost[active]
    rank = cost.size * 3 // 4
    spread = max(float(np.partition(cost, rank)[rank]), 1.0)
    at = depth[np.ix_(ground.rows, ground.columns)][active]
    trust = np.power(CONFIDENCE_BASE, -np.minimum(at, MAX_DEPTH), dtype=np.float32)
    weights = np.zeros(active.shape, np.float32)
    # The last term: not even the worst of all patches may leave a pixel without any vote.
    weights[active] = np.exp(-cost / np.float32(2 * spread)) * trust + np.float32(1e-20)
    return weights


def vote(
    ground: Ground,
    field: Field,
    weights: NDArray[np.float32],
    hole: MaskArray,
    *,
    workers: Workers,
) -> None:
    """Set every pixel of the hole to the mean of what the patches over it have found, in place.

    Args:
        ground: the scale; its planes are changed under the hole.
        field: what was found.
        weights: float32 (GH, GW).
        hole: uint8 (H, W), non-zero = hole.
        workers: run the strips.
    """
    # In place: only known pixels are read.
    bounds = cut(np.count_nonzero(hole, axis=1))
    workers.run(partial(_vote, ground, field, weights, hole), bounds)


@compiled
def _vote(
    ground: Ground,
    field: Field,
    weights: NDArray[np.float32],
    hole: MaskArray,
    first: int,
    last: int,
) -> None:
    """Vote on the pixels of rows `first` to `last`.

    Whole rows of patches are added up, known pixels and all: that is ten times as fast as asking
    each pixel of the hole for its patches.
    """
    size = (last - first) * ground.pitch
    # Values, and behind them their weights: see `_add_row`.
    sums = np.zeros(2 * size, np.float32)
    terms = np.zeros(2 * LANE_COUNT, np.float32)
    for i in range(ground.rows.shape[0]):
        ty = int(ground.rows[i])
        if ty + ground.radius < first or ty - ground.radius >= last:
            continue
        for j in range(ground.columns.shape[0]):
            if ground.active[i, j]:
                _set_terms(ground, field, terms, weights[i, j], i, j)
                _add_patch(ground, field, terms, i, j, sums, first, last)
    for y in range(first, last):
        for x in range(hole.shape[1]):
            at = (y - first) * ground.pitch + x * 5
            if hole[y, x] and sums[size + at] > 0:
                _set_pixel(ground.flat, y * ground.pitch + x * 5, sums, at, size)


@kernel
def _set_pixel(
    flat: NDArray[np.uint8], pixel: int, sums: NDArray[np.float32], at: int, size: int
) -> None:
    """Set a pixel to the mean of its votes."""
    for channel in range(5):
        mean = sums[at + channel] / sums[size + at + channel] + np.float32(0.5)
        flat[pixel + channel] = np.uint8(min(max(mean, 0), 255))


@kernel
def _set_terms(
    ground: Ground, field: Field, terms: NDArray[np.float32], weight: float, i: int, j: int
) -> None:
    """Set for each lane the weight, and behind them how much the source's color is moved."""
    side = 2 * ground.radius + 1
    sy, sx = field.source[i, j, 0], field.source[i, j, 1]
    for lane in range(5 * side):
        terms[lane] = weight
    for channel in range(3):
        gap = float(ground.sums[ground.rows[i], ground.columns[j], channel])
        gap -= float(ground.sums[sy, sx, channel])
        moved = np.float32(color_shift(gap, side * side, ground.shift))
        for pixel in range(side):
            terms[LANE_COUNT + pixel * 5 + channel] = moved


@kernel
def _add_patch(
    ground: Ground,
    field: Field,
    terms: NDArray[np.float32],
    i: int,
    j: int,
    sums: NDArray[np.float32],
    first: int,
    last: int,
) -> None:
    """Add what one patch has found to the sums of rows `first` to `last`."""
    radius, pitch = ground.radius, ground.pitch
    ty = int(ground.rows[i])
    source = field.source[i, j, 0] * pitch + (field.source[i, j, 1] - radius) * 5
    target = (ty - first) * pitch + (ground.columns[j] - radius) * 5
    size = (last - first) * pitch
    for dy in range(max(-radius, first - ty), min(radius + 1, last - ty)):
        _add_row(ground, terms, source + dy * pitch, target + dy * pitch, sums, size)


@kernel
def _add_row(
    ground: Ground,
    terms: NDArray[np.float32],
    source: int,
    target: int,
    sums: NDArray[np.float32],
    size: int,
) -> None:
    """Add one row of a source to the sums, but for what is hole there too.

    Values and weights share an array, and so do the terms: with one array more, the compiler finds
    too many that might overlap and gives the lanes up.
    """
    start, goal, weights = np.uint64(source), np.uint64(target), np.uint64(target + size)
    for lane in range(np.uint64(LANE_COUNT)):
        one = terms[lane] * np.float32(ground.votes[start + lane])
        sums[weights + lane] += one
        sums[goal + lane] += one * (
            np.float32(ground.flat[start + lane]) + terms[lane + np.uint64(LANE_COUNT)]
        )
