"""The difference of two patches."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worker.engines.patch.features import LANES
from worker.imaging.compiled import kernel

KNOWN_EXTRA = 7
"""Extra weight of a pixel that is known where the patch lies: what is guessed misleads."""

LANE_COUNT = LANES
"""As a global of this module: the compiler takes it for a constant and unrolls by it."""


class Ground(NamedTuple):
    """One scale, laid out for the kernels.

    Attributes:
        flat: uint8 (H * pitch,), the planes with rows padded by spare lanes.
        pitch: bytes from row to row.
        lanes: int16 (48,), -1 for bytes that belong to a patch's row.
        known: uint8 (H * pitch,), 1 for bytes of known pixels, 0 for others.
        votes: uint8 (H * pitch,), 1 for bytes of pixels that may be copied: `known` itself, unless
            the caller forbids some.
        sums: uint16 (H, W, 3), sums of color over the patch around each pixel.
        sources: uint8 (H, W), non-zero at centers that may be copied from.
        pool: int32 (N,), indexes of such centers in the flat picture, all or a share of them.
        rows: int16 (GH,), rows of the patches that look for a likeness.
        columns: int16 (GW,), their columns.
        active: uint8 (GH, GW), non-zero where such a patch touches the hole.
        radius: of the patch.
        shift: how far a copy's color may be moved to match, per channel.
        prior: cost of a squared pixel between a patch and its source.
    """

    flat: NDArray[np.uint8]
    pitch: int
    lanes: NDArray[np.int16]
    known: NDArray[np.uint8]
    votes: NDArray[np.uint8]
    sums: NDArray[np.uint16]
    sources: NDArray[np.uint8]
    pool: NDArray[np.int32]
    rows: NDArray[np.int16]
    columns: NDArray[np.int16]
    active: NDArray[np.uint8]
    radius: int
    shift: float
    prior: float


class Field(NamedTuple):
    """The likenesses that the patches of the grid have found.

    Attributes:
        source: int16 (GH, GW, 2), row and column of its likeness.
        cost: float32 (GH, GW), how unlike it is.
    """

    source: NDArray[np.int16]
    cost: NDArray[np.float32]


@kernel
def squared_difference(
    flat: NDArray[np.uint8],
    known: NDArray[np.uint8],
    lanes: NDArray[np.int16],
    pitch: int,
    target: int,
    source: int,
    side: int,
    limit: int,
) -> int:
    """Return the sum of squared differences of two patches, or some number from `limit` on.

    Args:
        flat: uint8, the planes.
        known: uint8, 1 for bytes of known pixels.
        lanes: int16 (48,), which bytes of a row count.
        pitch: bytes from row to row.
        target: where one patch begins.
        source: where the other begins.
        side: rows of the patch.
        limit: more than this is of no interest.
    """
    # Indexes without sign: with one, each could mean "from the end", and the loop over the lanes
    # would not become the four instructions that it is now (25 ns a patch against 750).
    one, other, step = np.uint64(target), np.uint64(source), np.uint64(pitch)
    total = np.int32(0)
    for _ in range(side):
        every, certain = np.int32(0), np.int32(0)
        for lane in range(np.uint64(LANE_COUNT)):
            gap = np.int16(np.int16(flat[one + lane]) - np.int16(flat[other + lane]))
            gap = np.int16(gap & lanes[lane])
            every = np.int32(every + np.int32(np.int32(gap) * np.int32(gap)))
            gap = np.int16(gap & -np.int16(known[one + lane]))
            certain = np.int32(certain + np.int32(np.int32(gap) * np.int32(gap)))
        total = np.int32(total + every + KNOWN_EXTRA * certain)
        if total >= limit:
            break
        one += step
        other += step
    return int(total)


@kernel
def color_shift(difference: float, count: int, most: float) -> float:
    """Return how far a channel of a copy is moved to match.

    Half of the mean difference: a shift costs as much again as it saves.

    Args:
        difference: sum of target minus source over the patch.
        count: pixels of the patch.
        most: the most it may be moved.
    """
    return min(max(difference / (2.0 * count), -most), most)


@kernel
def patch_cost(ground: Ground, ty: int, tx: int, sy: int, sx: int, limit: float) -> float:
    """Return how unlike a source is to a target, or some number from `limit` on.

    Squared differences, less what a small shift of color takes away, plus a price on the way.

    Source: S. Darabi et al., "Image Melding", SIGGRAPH 2012 (gain and bias of color).
    """
    radius = ground.radius
    side = 2 * radius + 1
    count = side * side
    extra = ground.prior * ((sy - ty) * (sy - ty) + (sx - tx) * (sx - tx))
    for channel in range(3):
        gap = float(ground.sums[ty, tx, channel]) - float(ground.sums[sy, sx, channel])
        shift = color_shift(gap, count, ground.shift)
        extra -= 2.0 * shift * gap - 2.0 * count * shift * shift
    bound = min(limit - extra, 1e9)
    if bound <= 0.0:
        return limit
    pitch = ground.pitch
    target = (ty - radius) * pitch + (tx - radius) * 5
    source = (sy - radius) * pitch + (sx - radius) * 5
    return extra + float(
        squared_difference(
            ground.flat, ground.known, ground.lanes, pitch, target, source, side, int(bound) + 1
        )
    )


@kernel
def draw(seed: int, counter: int) -> int:
    """Return 31 random bits for a seed and a counter: no state, so threads cannot disturb it.

    Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators",
        OOPSLA 2014 (the mixing function).
    """
    bits = np.uint64(seed) + np.uint64(counter) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return int((bits ^ (bits >> np.uint64(31))) >> np.uint64(33))
