"""Outermost lines that differ from what lies inside: scanner lines, borders, frames."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Margins
from worker.engines.channels import largest_channel
from worker.engines.ground.sides import SIDES, Side, seen_from
from worker.imaging import ImageArray
from worker.imaging.transparency import goes_on

DEEPEST: Final = 50
MOST: Final = 16
"""Part of the shorter side, and pixels, that a frame is deep at most: a wider one is a ground."""

JUMP: Final = 10.0
"""Levels that the line must differ from the one inside it in most places."""

UNUSUAL: Final = 3.0
"""Multiple of the usual step between neighboring lines that it must be."""

SOFT: Final = 4.0
"""Levels of a step that still belongs to a frame, where an edge is blurred or a JPEG rings."""

LEAST_SIDE: Final = 24


def find_frame(image: ImageArray) -> Margins:
    """Return how many outermost lines of each side are no part of the picture.

    Transparent lines are none: transparency goes on as transparency.

    Args:
        image: uint8 (H, W, 3), or premultiplied RGBA (H, W, 4), the original.
    """
    if min(image.shape[:2]) < LEAST_SIDE:
        return Margins(left=0, top=0, right=0, bottom=0)
    return Margins(**{side: _count_lines(image, side) for side in SIDES})


def is_all_around(frame: Margins) -> bool:
    """Return whether a frame runs along all four sides."""
    return bool(min(frame.left, frame.top, frame.right, frame.bottom))


def _count_lines(image: ImageArray, side: Side) -> int:
    depth = min(max(min(image.shape[:2]) // DEEPEST, 3), MOST)
    seen = seen_from(image, side)[: 4 * depth + 1]
    if seen.shape[2] == 4 and goes_on(seen[:2, :, 3])[0].mean() < 0.5:
        return 0
    lines = seen.astype(np.int16)
    steps = np.diff(lines, axis=0)
    # The corners of a picture belong to the frames of two sides.
    steps = steps[:, depth : steps.shape[1] - depth]
    if steps.shape[1] < 8:
        return 0
    jumps = _measure(steps)
    usual = float(np.quantile(jumps[depth:], 0.9))
    strong = np.flatnonzero(jumps[:depth] > max(JUMP, UNUSUAL * usual))
    if not len(strong):
        return 0
    last = int(strong[-1])
    while last + 1 < depth and jumps[last + 1] > max(SOFT, 1.5 * usual):
        last += 1
    return last + 1


def _measure(steps: NDArray[np.int16]) -> NDArray[np.float64]:
    """Return for each line how much three quarters of it, or its median, differ from the next."""
    least = np.quantile(largest_channel(np.abs(steps)), 0.25, axis=1)
    median = np.abs(np.median(steps, axis=1)).max(axis=1)
    return np.asarray(np.maximum(least, median))
