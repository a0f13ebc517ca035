"""Whether a hole lies on ground, and what of the painting is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from worker.engines.estimate.view import Flags, Floats, View

ROUNDS: Final = 6
MIN_SCALE: Final = 1.0
SPREAD: Final = 3.5
"""Robust deviations within which a pixel is ground."""

MIN_REACH: Final = 6.0
"""Levels within which a pixel is ground however smooth that is."""

TO_DEVIATION: Final = 1.4826
"""From the median of absolute residuals to a standard deviation, for normal noise."""

MAX_POINTS: Final = 4000


@dataclass(frozen=True, eq=False)
class Ground:
    """A smooth surface through the ring around a hole.

    Attributes:
        share: of the ring that lies on it, 0 .. 1.
        scale: robust deviation of the ring from it, in levels.
        figures: (h, w), where the picture differs from it.
    """

    share: float
    scale: float
    figures: Flags


def find_ground(view: View) -> Ground:
    """Fit the surface of a view: quadratic, least squares, reweighted.

    Source: P. Huber, "Robust Statistics", 1981 (iteratively reweighted least squares).
    """
    height, width = view.hole.shape
    terms = _terms(height, width)
    picture = view.picture.astype(np.float32)
    points = np.flatnonzero(view.ring.ravel())
    points = points[:: max(1, points.size // MAX_POINTS)]
    at, colors = terms.reshape(-1, terms.shape[2])[points], picture.reshape(-1, 3)[points]
    factors, scale = _fit(at, colors)
    reach = max(SPREAD * scale, MIN_REACH)
    away = np.abs(picture - terms @ factors).max(axis=2)
    away = np.asarray(cv2.blur(np.asarray(away, np.float32), (3, 3)))
    figures = np.asarray(away > reach, np.bool_)
    return Ground(1 - float(figures[view.ring].mean()), scale, figures)


def _terms(height: int, width: int) -> Floats:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    down, across = 2 * rows / max(height - 1, 1) - 1, 2 * columns / max(width - 1, 1) - 1
    one = np.ones_like(down)
    planes = [one, across, down, across * down, across**2, down**2]
    return np.asarray(np.stack(planes, axis=2), np.float32)


def _fit(at: Floats, colors: Floats) -> tuple[Floats, float]:
    """Return the factors of the terms (6, 3), and the robust deviation from their surface."""
    middle = np.median(colors, axis=0)
    factors = np.zeros((at.shape[1], 3), np.float32)
    factors[0] = middle
    scale = MIN_SCALE
    for _ in range(ROUNDS):
        away = np.abs(colors - at @ factors).max(axis=1)
        scale = max(TO_DEVIATION * float(np.median(away)), MIN_SCALE)
        weight = 1 / np.maximum(away / scale, 1)
        weight[away > max(SPREAD * scale, MIN_REACH)] *= 0.05
        # A little of every term's square keeps a ring on one side from a surface that runs away.
        square = (at * weight[:, None]).T @ at + 1e-3 * weight.sum() * np.eye(at.shape[1])
        factors = np.linalg.solve(square, (at * weight[:, None]).T @ colors).astype(np.float32)
    return factors, scale
