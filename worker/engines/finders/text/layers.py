"""The ground of a band, and what lies over it."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from worker.engines.channels import sum_channels
from worker.engines.finders.text.band import Bools
from worker.engines.finders.text.detecting import Floats

WHITE: Final = np.array([255, 128, 128], np.float32)
BLACK: Final = np.array([0, 128, 128], np.float32)

_HEIGHT: Final = 16
"""The ground is estimated at this height of the line, in pixels: it is smooth, and this is fast."""

_LEAST_CONTRAST: Final = 60.0
"""Colors nearer to each other than this count as this far: their difference is mostly noise."""


def guess_ground(colors: Floats, height: float) -> Floats:
    """Return the colors that most of the surroundings of each pixel have: letters are thin."""
    small, size = _reduce(colors, height)
    side = max(3, int(height * small.shape[1] / colors.shape[1] * 1.4) // 2 * 2 + 1)
    median = cv2.medianBlur(np.rint(small).clip(0, 255).astype(np.uint8), side)
    blurred = cv2.GaussianBlur(median.astype(np.float32), (0, 0), 1.5)
    return _enlarge(np.asarray(blurred, np.float32), size)


def smooth_ground(colors: Floats, known: Bools, height: float) -> Floats:
    """Return the colors of known pixels, carried smoothly over the others."""
    weights = known.astype(np.float32)
    small, size = _reduce(colors * weights[..., None], height)
    weight, _ = _reduce(weights, height)
    reach = 0.35 * height * small.shape[1] / colors.shape[1]
    total, mass = np.zeros_like(small), np.full_like(weight, 1e-9)
    # Farther pixels count where no nearer ones are known.
    for times, share in ((1, 1.0), (3, 1e-2), (9, 1e-4)):
        sigma = max(0.6, times * reach)
        total += share * _blur(small, sigma)
        mass += share * _blur(weight, sigma)
    return _enlarge(total / mass[..., None], size)


def veil_over(colors: Floats, ground: Floats, color: Floats) -> tuple[Floats, Floats]:
    """Return how much of a color lies over the ground, about 0 .. 1, and the unexplained rest.

    Args:
        colors: Lab (h, w, 3).
        ground: likewise.
        color: Lab (3,).
    """
    away, change = color - ground, colors - ground
    square = np.maximum(sum_channels(away * away), np.float32(_LEAST_CONTRAST**2))
    opacity = sum_channels(change * away) / square
    rest = sum_channels(change * change) - opacity * opacity * square
    return opacity, np.sqrt(np.maximum(rest, 0))


def _reduce(array: Floats, height: float) -> tuple[Floats, tuple[int, int]]:
    rows, columns = array.shape[:2]
    factor = min(1.0, _HEIGHT / height)
    size = (max(1, round(columns * factor)), max(1, round(rows * factor)))
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA)), (columns, rows)


def _enlarge(array: Floats, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_LINEAR))


def _blur(array: Floats, sigma: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(array, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
