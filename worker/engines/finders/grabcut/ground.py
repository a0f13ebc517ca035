"""A smooth ground, fitted to where nothing else is, and what differs from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.channels import sum_channels

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

_DEGREE: Final = 2
_ROUNDS: Final = 6
_LEAST_NOISE: Final = 1.5
_MOST_NOISE: Final = 8.0
"""A ground that a smooth one fits worse than this, in levels, is structured."""
_INSIDE_FROM: Final = 2
"""After so many rounds, pixels anywhere that agree with the ground help to fit it."""


@dataclass(frozen=True, eq=False)
class Difference:
    """Differences from a smooth ground; arrays (h, w).

    Attributes:
        plain: share of the known ground that the smooth one and shadows explain, 0 .. 1; 0 where
            the ground is structured.
        darkness: lightness less that of the ground; negative in shadows.
        tint: color (h, w, 2) less that of the ground at the same darkness.
        reachable: what is connected to the known ground without an edge and without a change of
            color: ground, and shadows on it.
        distinct: what no shadow explains.
    """

    plain: float
    darkness: Floats
    tint: Floats
    reachable: Bools
    distinct: Bools


def measure_difference(colors: Floats, outside: Bools) -> Difference:
    """Return how colors differ from a smooth ground.

    Args:
        colors: Lab (h, w, 3), 0 .. 255 for lightness, the others around 128.
        outside: where the ground is known.
    """
    ground, noise, agrees = _fit(colors, outside)
    shade = np.clip(colors[..., 0] / np.maximum(ground[..., 0], 1), 0.2, 1)[..., None]
    tint = (colors[..., 1:] - 128) - (ground[..., 1:] - 128) * shade
    change = np.abs(tint).max(axis=2)
    darkness = colors[..., 0] - ground[..., 0]
    steep = _slope(colors)
    least_change = max(3.0, 5 * float(np.median(change[outside])))
    least_slope = max(1.5, 3 * float(np.median(steep[outside])))
    lighter = max(6.0, 4 * noise)
    calm = (steep < least_slope) & (change < least_change) & (darkness < lighter)
    reachable = _reach(calm, outside)
    explained = float((agrees | reachable)[outside].mean())
    return Difference(
        plain=explained if noise < _MOST_NOISE else 0.0,
        darkness=darkness,
        tint=np.asarray(tint, np.float32),
        reachable=reachable,
        distinct=(change > 2 * least_change) | (darkness > 3 * lighter) | (darkness < -60),
    )


def _fit(colors: Floats, outside: Bools) -> tuple[Floats, float, Bools]:
    """Return the ground, its noise, and where the colors agree with it."""
    height, width = colors.shape[:2]
    down, across = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
    terms = [
        np.outer(down**j, across**i) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)
    ]
    base = np.stack(terms, axis=-1).astype(np.float32)
    used, ground, noise = outside, colors, _LEAST_NOISE
    for step in range(_ROUNDS):
        weights = _solve(base[used], colors[used])
        ground = base @ weights
        off = np.abs(colors - ground).max(axis=2)
        noise = max(_LEAST_NOISE, 2.2 * float(np.median(off[used])))
        agrees = off < 2.5 * noise
        used = agrees if step >= _INSIDE_FROM else agrees & outside
        if used.sum() < 4 * base.shape[2]:
            used = outside
    return ground, noise, agrees


def _solve(base: Floats, colors: Floats) -> Floats:
    """Return least squares by the normal equations: few unknowns, many pixels."""
    wide = base.astype(np.float64)
    square = wide.T @ wide + 1e-6 * len(wide) * np.eye(base.shape[1])
    return np.linalg.solve(square, wide.T @ colors.astype(np.float64)).astype(np.float32)


def _slope(colors: Floats) -> Floats:
    soft = cv2.GaussianBlur(colors, (0, 0), 1)
    steps = [cv2.Sobel(soft, cv2.CV_32F, 1 - axis, axis, scale=1 / 8) for axis in (0, 1)]
    slopes = [np.asarray(one, np.float32) for one in steps]
    squares = sum_channels(slopes[0] ** 2) + sum_channels(slopes[1] ** 2)
    return np.asarray(np.sqrt(squares), np.float32)


def _reach(calm: Bools, outside: Bools) -> Bools:
    _, parts = cv2.connectedComponents(calm.astype(np.uint8), connectivity=4)
    touched = np.zeros(int(parts.max()) + 1, bool)
    touched[parts[outside & calm]] = True
    touched[0] = False
    return np.asarray(touched[parts])
