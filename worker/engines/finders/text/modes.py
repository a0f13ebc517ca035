"""Colors that many pixels share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np

from worker.engines.channels import sum_channels
from worker.engines.finders.text.band import Bools
from worker.engines.finders.text.detecting import Floats
from worker.engines.finders.text.layers import BLACK, WHITE, veil_over

Kind = Literal["color", "change", "white veil", "black veil"]

_VEIL: Final = 80
"""Value of a veil that hides the ground."""
_SAMPLES: Final = 2000
_ROUNDS: Final = 4
_LEAST: Final = 20


@dataclass(frozen=True, eq=False)
class Space:
    """A way to compare pixels: by their color, their change of the ground, or a veil over it.

    Attributes:
        kind: which of them.
        values: (h, w, 3).
        radius: how near a pixel is to what it shares, in units of the values.
    """

    kind: Kind
    values: Floats
    radius: float

    def distance_to(self, mode: Floats) -> Floats:
        """Return how far each pixel is from a mode, in radii."""
        difference = self.values - mode
        return np.asarray(np.sqrt(sum_channels(difference * difference)) / self.radius)

    def is_nothing(self, mode: Floats) -> bool:
        """Return whether a mode is no change of the ground at all."""
        if self.kind == "change":
            return bool(np.abs(mode).max() < 8)
        return self.kind != "color" and bool(mode[0] < 10)


def list_spaces(colors: Floats, ground: Floats) -> list[Space]:
    """Return the ways to compare pixels."""
    return [
        Space("color", colors, 14),
        Space("change", colors - ground, 14),
        Space("white veil", _veil(colors, ground, WHITE), 9),
        Space("black veil", _veil(colors, ground, BLACK), 9),
    ]


def read_veil(kind: Kind, mode: Floats) -> tuple[Floats, float]:
    """Return the color that a mode lays over the ground, and how much of it, 0 .. 1."""
    if kind == "color":
        return mode, 1.0
    return (WHITE if kind == "white veil" else BLACK), float(mode[0]) / _VEIL


def find_modes(space: Space, where: Bools, most: int) -> Iterator[Floats]:
    """Yield the values that many pixels of an area share, the most frequent first."""
    values = space.values[where]
    if len(values) < _LEAST:
        return
    if len(values) > _SAMPLES:
        values = values[np.random.default_rng(0).permutation(len(values))[:_SAMPLES]]
    # OpenCV draws the first centers from a generator of its own.
    cv2.setRNGSeed(1)
    criteria = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 8, 1)
    most = min(most, len(values) // 4)
    first = np.zeros((len(values), 1), np.int32)
    _, _, centers = cv2.kmeans(values, most, first, criteria, 1, cv2.KMEANS_PP_CENTERS)
    yield from _distinct(*_shift(values, np.asarray(centers, np.float32), space.radius), space)


def _shift(values: Floats, centers: Floats, radius: float) -> tuple[Floats, Floats]:
    """Move centers to the nearest mode; return them and how many values each has.

    Source: D. Comaniciu, P. Meer, "Mean Shift", IEEE TPAMI 24(5), 2002, with a flat kernel.
    """
    count = np.zeros(len(centers), np.float32)
    squares = sum_channels(values * values)[:, None]
    for _ in range(_ROUNDS):
        apart = squares - 2 * values @ centers.T + sum_channels(centers * centers)[None]
        close = (apart < radius**2).astype(np.float32)
        count = close.sum(axis=0)
        moved = close.T @ values / np.maximum(count, 1)[:, None]
        centers = np.where(count[:, None] > 0, moved, centers).astype(np.float32)
    return centers, count


def _distinct(centers: Floats, count: Floats, space: Space) -> Iterator[Floats]:
    kept: list[Floats] = []
    for index in np.argsort(-count, kind="stable"):
        mode = centers[index]
        if any(np.linalg.norm(mode - other) < 0.7 * space.radius for other in kept):
            continue
        kept.append(mode)
        if not space.is_nothing(mode):
            yield mode


def _veil(colors: Floats, ground: Floats, color: Floats) -> Floats:
    opacity, rest = veil_over(colors, ground, color)
    return np.dstack([opacity * _VEIL, rest * 0.7, np.zeros_like(opacity)]).astype(np.float32)
