"""Finding for each patch its likeness: the one place that knows how."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.engines.patch.distance import Field, Ground, draw, patch_cost
from worker.engines.patch.strips import Workers, cut
from worker.imaging.compiled import kernel

NEAR: Final = 24
"""Pixels around the best that the nearest random try reaches."""


def find_likenesses(
    ground: Ground, field: Field, *, sweeps: int, seed: int, workers: Workers
) -> None:
    """Improve what each patch of the grid has found, in place; costs are made anew first.

    Good matches spread to neighbors, and each patch tries some sources at random, ever nearer to
    its best. Strips are fixed in number by the work; across their borders a neighbor is read as it
    was before the sweep, so that the order in which threads take them does not matter.

    Spreading matches to neighbors combined with random tries is claimed by the US patents
    8,571,328 and 8,861,869; whoever must avoid it replaces this function, and nothing else.

    Args:
        ground: the scale.
        field: what has been found so far; every active source is valid.
        sweeps: passes; their direction alternates.
        seed: of the random tries; another for every call.
        workers: run the strips.

    Source: C. Barnes et al., "PatchMatch: A Randomized Correspondence Algorithm for Structural
        Image Editing", SIGGRAPH 2009.
    """
    bounds = cut(np.count_nonzero(ground.active, axis=1))
    workers.run(partial(_measure, ground, field), bounds)
    for sweep in range(sweeps):
        before = field.source.copy()
        number = seed * 64 + sweep
        workers.run(partial(_sweep, ground, field, before, sweep % 2 == 0, number), bounds)


@kernel
def _measure(ground: Ground, field: Field, first: int, last: int) -> None:
    """Fill in the costs of what rows `first` to `last` have found."""
    for i in range(first, last):
        for j in range(ground.columns.shape[0]):
            if ground.active[i, j]:
                ty, tx = int(ground.rows[i]), int(ground.columns[j])
                sy, sx = int(field.source[i, j, 0]), int(field.source[i, j, 1])
                field.cost[i, j] = patch_cost(ground, ty, tx, sy, sx, 1e9)


@kernel
def _sweep(
    ground: Ground,
    field: Field,
    before: NDArray[np.int16],
    forward: bool,
    number: int,
    first: int,
    last: int,
) -> None:
    """Go once over the patches of rows `first` to `last`."""
    width = ground.active.shape[1]
    back = -1 if forward else 1
    for step_i in range(last - first):
        i = first + step_i if forward else last - 1 - step_i
        above = field.source if first <= i + back < last else before
        for step_j in range(width):
            j = step_j if forward else width - 1 - step_j
            if ground.active[i, j]:
                _follow(ground, field, above, i, j, i + back, j)
                _follow(ground, field, field.source, i, j, i, j + back)
                _try_at_random(ground, field, i, j, (number * ground.active.size + i * width + j))


@kernel
def _follow(
    ground: Ground, field: Field, found: NDArray[np.int16], i: int, j: int, ni: int, nj: int
) -> None:
    """Try for patch (i, j) what its neighbor (ni, nj) has found, as far on as it lies."""
    if ni < 0 or nj < 0 or ni >= ground.active.shape[0] or nj >= ground.active.shape[1]:
        return
    if ground.active[ni, nj]:
        sy = int(found[ni, nj, 0]) + ground.rows[i] - ground.rows[ni]
        sx = int(found[ni, nj, 1]) + ground.columns[j] - ground.columns[nj]
        _try(ground, field, i, j, sy, sx)


@kernel
def _try_at_random(ground: Ground, field: Field, i: int, j: int, counter: int) -> None:
    """Try for patch (i, j) one source of all, one half the picture around its best, one near it."""
    bits = draw(counter, 0)
    place = ground.pool[bits % ground.pool.shape[0]]
    height, width = ground.sources.shape
    _try(ground, field, i, j, place // width, place % width)
    reach = max(height, width) // 2
    for attempt in range(1, 3):
        bits = draw(counter, attempt)
        span = reach if attempt == 1 else min(reach, NEAR)
        sy = field.source[i, j, 0] + (bits & 0xFFFF) * (2 * span + 1) // 0x10000 - span
        sx = field.source[i, j, 1] + (bits >> 16) * (2 * span + 1) // 0x8000 - span
        _try(ground, field, i, j, sy, sx)


@kernel
def _try(ground: Ground, field: Field, i: int, j: int, sy: int, sx: int) -> None:
    """Keep a source for patch (i, j) if it may be copied from and is more alike."""
    height, width = ground.sources.shape
    if sy < 0 or sx < 0 or sy >= height or sx >= width or not ground.sources[sy, sx]:
        return
    if sy == field.source[i, j, 0] and sx == field.source[i, j, 1]:
        return
    best = float(field.cost[i, j])
    cost = patch_cost(ground, int(ground.rows[i]), int(ground.columns[j]), sy, sx, best)
    if cost < best:
        field.cost[i, j] = cost
        field.source[i, j, 0] = sy
        field.source[i, j, 1] = sx
