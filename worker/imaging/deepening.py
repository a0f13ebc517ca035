"""Bring what was painted in 8 bits a channel up to 16.

Each painted number leaves a step of 16 bits open. In it, the smoothest surface is found that meets
the kept pixels around, and their grain is laid on it: a sky goes on without steps.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box
from worker.imaging import DeepArray, ImageArray, MaskArray
from worker.imaging.bands import row_bands
from worker.imaging.geometry import widen_box
from worker.imaging.picture import DEEP_STEP

SCALES: Final = (32, 16, 8, 4, 2, 1)
"""Pixels, from coarse to fine, over which the surface is smoothed."""

MARGIN: Final = 2 * SCALES[0]
"""Pixels around what was painted that it is to meet."""

HALF_STEP: Final = DEEP_STEP // 2

GRAIN_PIXELS: Final = 100_000
"""Pixels of which grain is measured."""

DEVIATION: Final = 1.4826 / 0.945
"""A normal distribution's standard deviation, in its median distance from the middle; and the part
of it that is left of white noise when its blur is taken off."""

SPREAD: Final = 3**0.5 / np.pi
"""Scale of a logistic distribution, in its standard deviation."""

FARTHEST: Final = 15.0
"""Scales from the middle beyond which a logistic distribution has nothing that floats can tell."""

Surface = NDArray[np.float32]


def raise_to_16_bits(
    source: ImageArray, original: DeepArray, hole: MaskArray, box: Box, seed: int
) -> DeepArray:
    """Return painted colors in 16 bits; rounded to 8, they are what was painted.

    A picture whose own numbers are those of 8 bits stays one.

    Args:
        source: uint8 (h, w) or (h, w, 3), painted.
        original: uint16 (H, W) or (H, W, 3), what it was painted for.
        hole: uint8 (h, w), 255 where it was.
        box: where source and hole lie in the original.
        seed: of the grain; the same seed gives the same numbers.
    """
    if not _uses_16_bits(original):
        return source * np.uint16(DEEP_STEP)
    around = widen_box(box, MARGIN, original.shape[1], original.shape[0])
    window = np.s_[around.top : around.bottom, around.left : around.right]
    inner = np.s_[
        box.top - around.top : box.bottom - around.top,
        box.left - around.left : box.right - around.left,
    ]
    mask = np.zeros((around.height, around.width), np.uint8)
    mask[inner] = hole
    rng, raised = np.random.default_rng(seed), np.empty(source.shape, np.uint16)
    # Channel by channel: each takes four bytes a pixel, several times.
    for channel in range(1 if source.ndim == 2 else 3):
        at = np.s_[...] if source.ndim == 2 else np.s_[..., channel]
        surface = original[window][at].astype(np.float32)
        grain = _measure_grain(surface, mask)
        painted = source[at].astype(np.float32) * DEEP_STEP
        _smooth(surface, mask, inner, painted)
        for rows in row_bands(len(painted)):
            raised[rows][at] = np.rint(_draw_grain(surface[inner][rows], painted[rows], grain, rng))
    return raised


def _smooth(
    surface: Surface, mask: MaskArray, inner: tuple[slice, slice], painted: Surface
) -> None:
    """Put what was painted into a surface, and smooth it there as far as its steps allow."""
    height, width = surface.shape
    hole = mask[inner]
    cv2.copyTo(painted, hole, surface[inner])
    for scale in SCALES:
        size = max(width // scale, 1), max(height // scale, 1)
        small = cv2.resize(surface, size, interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(small, (0, 0), 1.0)
        smooth = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
        cv2.copyTo(
            _keep_within(np.asarray(smooth, np.float32)[inner], painted), hole, surface[inner]
        )


def _keep_within(values: Surface, painted: Surface) -> Surface:
    """Return values within half a step of what was painted, and in 16 bits."""
    low, high = _bounds(painted)
    return np.clip(values, low, high)


def _bounds(painted: Surface) -> tuple[Surface, Surface]:
    """Return the least and the largest numbers of 16 bits that are what was painted."""
    return np.maximum(painted - HALF_STEP, 0), np.minimum(painted + HALF_STEP, 65_535)


def _draw_grain(
    middle: Surface, painted: Surface, grain: float, rng: np.random.Generator
) -> Surface:
    """Return numbers around a surface, spread by its grain as far as the painted steps allow.

    They are drawn from the part of the distribution that lies in the step: noise that is cut off at
    its ends would leave the grain weaker than around.
    """
    middle = _keep_within(middle, painted)
    if grain == 0:
        return middle
    scale = np.float32(grain * SPREAD)
    low, high = (_share_below((end - middle) / scale) for end in _bounds(painted))
    share = low + rng.random(painted.shape, np.float32) * (high - low)
    return _keep_within(middle + scale * np.log(share / (1 - share)), painted)


def _share_below(distance: Surface) -> Surface:
    """Return the part of a logistic distribution below a distance from its middle, in scales."""
    return np.asarray(1 / (1 + np.exp(-np.clip(distance, -FARTHEST, FARTHEST))), np.float32)


def _measure_grain(surface: Surface, mask: MaskArray) -> float:
    """Return the standard deviation of the kept pixels' grain."""
    fine = surface - np.asarray(cv2.GaussianBlur(surface, (0, 0), 1.5), np.float32)
    kept = np.abs(fine[mask == 0])
    # The median, because edges are no grain; of some, because many take long to sort.
    some = kept[:: len(kept) // GRAIN_PIXELS + 1]
    return float(np.median(some)) * DEVIATION if some.size else 0.0


def _uses_16_bits(values: DeepArray) -> bool:
    """Return whether some number is none that 8 bits have."""
    return any(
        bool(((values[rows] >> 8) != (values[rows] & 255)).any()) for rows in row_bands(len(values))
    )
