"""Finds whether a hole lies on ground, and which painted pixels are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.channels import largest_channel
from worker.engines.estimate.view import Flags, Floats, View

ROUNDS: Final = 6
MIN_SCALE: Final = 1.0
SPREAD: Final = 3.5
"""Robust deviations within which a pixel is ground."""

MIN_REACH: Final = 6.0
"""Levels within which a pixel is ground however smooth that is."""

TO_DEVIATION: Final = 1.4826
"""From the median of absolute residuals to a standard deviation, for normal noise."""

MAX_POINTS: Final = 3000

TERMS: Final = (1, 3, 6)
"""Terms of a level, a slanted and a bent surface."""

LIKE: Final = 1.15
"""A simpler surface is taken when its deviation is at most so many times the least one."""

PAINTED_WEIGHT: Final = np.float32(0.3)
OUTLIER_WEIGHT: Final = np.float32(0.05)


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
    """Fit the surface of a view: least squares, reweighted, no more bent than the ring asks for.

    Source: P. Huber, "Robust Statistics", 1981 (iteratively reweighted least squares).
    """
    terms = _terms(*view.hole.shape)
    picture = view.picture.astype(np.float32)
    ring = _choose(view.ring)
    at, colors = _rows(terms, ring), _rows(picture, ring)
    fits = [_fit(at[:, :count], colors, np.ones(len(at), np.float32)) for count in TERMS]
    least = min(scale for _, scale in fits)
    count = next(n for n, (_, scale) in zip(TERMS, fits, strict=True) if scale <= LIKE * least)
    scale = fits[TERMS.index(count)][1]
    # What was painted may say how the surface goes on, as far as it agrees with the ring.
    both = np.concatenate([ring, _choose(view.hole)])
    weight = np.where(np.arange(len(both)) < len(ring), 1, PAINTED_WEIGHT).astype(np.float32)
    factors, _ = _fit(_rows(terms, both)[:, :count], _rows(picture, both), weight)
    reach = max(SPREAD * scale, MIN_REACH)
    away = largest_channel(np.abs(picture - terms[..., :count] @ factors))
    away = np.asarray(cv2.blur(np.asarray(away, np.float32), (3, 3)))
    figures = np.asarray(away > reach, np.bool_)
    return Ground(1 - float(figures[view.ring].mean()), scale, figures)


def _choose(where: Flags) -> NDArray[np.intp]:
    """Return the places of some of the pixels that are true, evenly spread."""
    points = np.flatnonzero(where.ravel())
    return points[:: max(1, points.size // MAX_POINTS)]


def _rows(planes: Floats, places: NDArray[np.intp]) -> Floats:
    return planes.reshape(-1, planes.shape[2])[places]


def _terms(height: int, width: int) -> Floats:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    down, across = 2 * rows / max(height - 1, 1) - 1, 2 * columns / max(width - 1, 1) - 1
    one = np.ones_like(down)
    planes = [one, across, down, across * down, across**2, down**2]
    return np.asarray(np.stack(planes, axis=2), np.float32)


def _fit(at: Floats, colors: Floats, weight: Floats) -> tuple[Floats, float]:
    """Return the factors of the terms (N, 3), and the robust deviation from their surface."""
    factors = np.zeros((at.shape[1], 3), np.float32)
    factors[0] = np.median(colors[weight == weight.max()], axis=0)
    scale = MIN_SCALE
    for _ in range(ROUNDS):
        away = largest_channel(np.abs(colors - at @ factors))
        scale = max(TO_DEVIATION * float(np.median(away)), MIN_SCALE)
        trust = weight / np.maximum(away / scale, 1)
        trust[away > max(SPREAD * scale, MIN_REACH)] *= OUTLIER_WEIGHT
        # A little of every term's square keeps a ring on one side from a surface that runs away.
        square = (at * trust[:, None]).T @ at + 1e-3 * trust.sum() * np.eye(at.shape[1])
        factors = np.linalg.solve(square, (at * trust[:, None]).T @ colors).astype(np.float32)
    return factors, scale
