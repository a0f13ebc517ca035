"""The letters themselves.

A color, or a change of the ground, that is common in the line and rare around it, in thin strokes
along all of the line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from worker.engines.finders.text.band import Band, Bools
from worker.engines.finders.text.detecting import Floats
from worker.engines.finders.text.layers import veil_over
from worker.engines.finders.text.modes import Space, find_modes, read_veil

_FAT: Final = 0.16
"""Half the width of what is no stroke, in heights of the line."""
_PLAIN_FIRST: Final = 0.85
"""Other kinds than a color count for less: they explain opaque letters too, less sharply."""


@dataclass(frozen=True, eq=False)
class Strokes:
    """Pixels that share a mode and may be letters.

    Attributes:
        mask: those that lie in thin strokes.
        mode: what they share.
        space: by which they were compared.
        ratio: how much more frequent they are in the line than around it.
        thinness: share of them that lies in thin strokes.
        spread: share of the line's length along which they lie.
        rank: how much speaks for them, 0 .. 0.63.
    """

    mask: Bools
    mode: Floats
    space: Space
    ratio: float
    thinness: float
    spread: float
    rank: float


def list_strokes(
    band: Band, spaces: list[Space], where: Bools, most: int, least: float = 1.3
) -> Iterator[Strokes]:
    """Yield what may be letters.

    Args:
        band: the line.
        spaces: ways to compare pixels.
        where: where the modes are looked for.
        most: modes of each space.
        least: how much more frequent than around the line.
    """
    for space in spaces:
        for mode in find_modes(space, where, most):
            strokes = _judge(band, space, mode, least)
            if strokes is not None:
                yield strokes


def _judge(band: Band, space: Space, mode: Floats, least: float) -> Strokes | None:
    alike = space.distance_to(mode) < 1
    share, outside = alike[band.line].mean(), alike[band.around].mean()
    if share < 0.005 or (share + 2e-3) / (outside + 6e-3) < least:
        return None
    core = alike & band.near
    thin = core & ~_find_fat(core, band.height)
    thinness = thin.sum() / max(1, core.sum())
    ratio = (share * thinness + 2e-3) / (outside + 6e-3)
    spread = measure_spread(band, thin)
    rank = min(share * thinness, 0.25) * np.clip(np.log(ratio), 0, 2.5) * thinness * spread**2
    if space.kind != "color":
        rank *= _PLAIN_FIRST
    return Strokes(thin, mode, space, float(ratio), float(thinness), spread, float(rank))


def measure_spread(band: Band, mask: Bools, least: float = 0.03) -> float:
    """Return the share of the line's parts of which a mask covers at least so much."""
    covered = np.bincount(band.segment[mask & band.line], minlength=band.segments)
    whole = np.bincount(band.segment[band.line], minlength=band.segments)
    used = whole > whole.max() * 0.3
    return float((covered[used] > least * whole[used]).mean()) if used.any() else 0.0


def add_faint(band: Band, ground: Floats, strokes: Strokes, letters: Bools, far: Bools) -> Bools:
    """Return pixels beside opaque letters that are partly of their color: rims, and thin strokes.

    What counts as partly follows from how much the ground beside each part of the line has of it
    by chance.
    """
    if strokes.space.kind == "change":
        return np.zeros_like(letters)
    color, whole = read_veil(strokes.space.kind, strokes.mode)
    opacity, rest = veil_over(band.colors, ground, color)
    chance = average(band, np.abs(opacity), far)
    least = np.maximum(0.2 * whole, 3 * chance)[band.segment]
    partly = (opacity > least) & (rest < 40) & band.near & band.widen(letters, 0.15)
    return np.asarray(partly & ~_find_fat(partly | letters, band.height))


def average(band: Band, values: Floats, where: Bools) -> Floats:
    """Return the mean of values in an area for each part of the line; without any, that of all."""
    parts = band.segment[where]
    count = np.bincount(parts, minlength=band.segments)
    total = np.bincount(parts, values[where], minlength=band.segments)
    whole = total.sum() / max(1, count.sum())
    return np.where(count > 4, total / np.maximum(count, 1), whole).astype(np.float32)


def _find_fat(mask: Bools, height: float) -> Bools:
    """Return what is too wide for a stroke, out to its rims."""
    half = max(2.0, _FAT * height)
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    middle = depth > half
    if not middle.any():
        return np.zeros_like(mask)
    beside = cv2.distanceTransform((~middle).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(beside <= half + 1.5)
