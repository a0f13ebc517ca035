"""The first guess at the coarsest scale: ring after ring from the hole's border inward."""

from __future__ import annotations

from functools import partial
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.patch.distance import Ground, draw
from worker.engines.patch.features import LANES, Planes
from worker.engines.patch.strips import Workers
from worker.imaging import MaskArray
from worker.imaging.compiled import kernel

LANE_COUNT = LANES
COMPARISONS: Final = 1_000_000
"""Patches compared in all: about 30 ms."""


def peel(
    ground: Ground, planes: Planes, hole: MaskArray, *, seed: int, workers: Workers
) -> NDArray[np.int16]:
    """Fill the hole pixel by pixel from what best continues the part already known, in place.

    Args:
        ground: the coarsest scale.
        planes: its planes; changed under the hole.
        hole: uint8 (H, W), non-zero = hole.
        seed: of the sources tried.
        workers: run the kernels.

    Returns:
        int16 (H, W, 2): from each pixel of the hole to the one it was copied from.
    """
    offsets = np.zeros((*hole.shape, 2), np.int16)
    tries = min(max(COMPARISONS // max(cv2.countNonZero(hole), 1), 48), 2500)
    known = np.zeros_like(ground.flat)
    rest = (hole != 0).astype(np.uint8)
    _mark_known(known, ground.pitch, rest)
    while rest.any():
        ring = np.argwhere(rest & _beside_known(rest)).astype(np.int16)
        if not len(ring):
            ring = np.argwhere(rest).astype(np.int16)
        run = partial(_fill_ring, ground, known, rest, offsets, ring, tries, seed)
        workers.run(run, _parts(len(ring)))
        _copy_ring(planes, offsets, ring)
        rest[ring[:, 0], ring[:, 1]] = 0
        _mark_known(known, ground.pitch, rest)
    return offsets


def _beside_known(rest: NDArray[np.uint8]) -> NDArray[np.uint8]:
    eroded = cv2.erode(rest, np.ones((3, 3), np.uint8))
    return np.asarray(eroded == 0, np.uint8)


def _parts(count: int) -> list[int]:
    return sorted({0, count // 4, count // 2, count * 3 // 4, count})


def _mark_known(known: NDArray[np.uint8], pitch: int, rest: NDArray[np.uint8]) -> None:
    """Set all bytes of known pixels to 255."""
    width = rest.shape[1] * 5
    known.reshape(-1, pitch)[:, :width] = np.repeat(np.where(rest, 0, 255), 5, axis=1)


def _copy_ring(planes: Planes, offsets: NDArray[np.int16], ring: NDArray[np.int16]) -> None:
    y, x = ring[:, 0].astype(np.int64), ring[:, 1].astype(np.int64)
    planes[y, x] = planes[y + offsets[y, x, 0], x + offsets[y, x, 1]]


@kernel
def _known_difference(
    ground: Ground, known: NDArray[np.uint8], target: int, source: int, limit: int
) -> int:
    """Return the sum of squared differences over the target's known pixels."""
    flat, lanes = ground.flat, ground.lanes
    one, other, step = np.uint64(target), np.uint64(source), np.uint64(ground.pitch)
    total = np.int32(0)
    for _ in range(2 * ground.radius + 1):
        part = np.int32(0)
        for lane in range(np.uint64(LANE_COUNT)):
            gap = np.int16(np.int16(flat[one + lane]) - np.int16(flat[other + lane]))
            gap = np.int16(gap & lanes[lane] & np.int16(np.int8(known[one + lane])))
            part = np.int32(part + np.int32(np.int32(gap) * np.int32(gap)))
        total = np.int32(total + part)
        if total >= limit:
            break
        one += step
        other += step
    return int(total)


@kernel
def _fill_ring(
    ground: Ground,
    known: NDArray[np.uint8],
    rest: NDArray[np.uint8],
    offsets: NDArray[np.int16],
    ring: NDArray[np.int16],
    tries: int,
    seed: int,
    first: int,
    last: int,
) -> None:
    """Find the sources of pixels `first` to `last` of a ring."""
    radius, pitch = ground.radius, ground.pitch
    height, width = rest.shape
    for index in range(first, last):
        y, x = int(ring[index, 0]), int(ring[index, 1])
        ty = min(max(y, radius), height - 1 - radius)
        tx = min(max(x, radius), width - 1 - radius)
        target = (ty - radius) * pitch + (tx - radius) * 5
        best = 0x7FFFFFFF
        best_y, best_x = ground.pool[0] // width, ground.pool[0] % width
        counter = (seed * height + y) * width + x
        for attempt in range(tries + 9):
            if attempt < 9:
                ny, nx = y + attempt // 3 - 1, x + attempt % 3 - 1
                if ny < 0 or nx < 0 or ny >= height or nx >= width or rest[ny, nx]:
                    continue
                sy, sx = ty + offsets[ny, nx, 0], tx + offsets[ny, nx, 1]
                if sy < 0 or sx < 0 or sy >= height or sx >= width or not ground.sources[sy, sx]:
                    continue
            else:
                place = ground.pool[draw(counter, attempt) % ground.pool.shape[0]]
                sy, sx = place // width, place % width
            source = (sy - radius) * pitch + (sx - radius) * 5
            cost = _known_difference(ground, known, target, source, best)
            if cost < best:
                best, best_y, best_x = cost, sy, sx
        offsets[y, x, 0] = best_y - ty
        offsets[y, x, 1] = best_x - tx
