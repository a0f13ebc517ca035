"""The cut between a thing and its ground, in reduced size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from worker.engines.finders.grabcut.ground import Bools, Floats, measure_difference

_ROUNDS: Final = 4
_IS_PLAIN: Final = 0.85
"""From this share on, a ground that a smooth one explains is treated as one."""
_BAND: Final = 0.06
"""Distance from the edge at which colors are compared for the score, in shares of the long side."""
_FEWEST, _MOST = 0.002, 0.97
"""Shares of the area that a thing has at least and at most."""


@dataclass(frozen=True, eq=False)
class Cut:
    """A thing, cut out.

    Attributes:
        mask: where it is (h, w).
        score: how well its colors are told from those beside it, 0 .. 1.
        ground: `smooth` or `structured`: what it was told from.
    """

    mask: Bools
    score: float
    ground: str


def cut_out(colors: Floats, outside: Bools) -> Cut | None:
    """Return what stands on the ground, or nothing if nothing does.

    Args:
        colors: Lab (h, w, 3).
        outside: where there is ground alone.
    """
    difference = measure_difference(colors, outside)
    if difference.plain >= _IS_PLAIN:
        known = difference.reachable | outside
        planes = np.dstack([128 + difference.darkness * 0.5, 128 + difference.tint * 2])
        mask = _grab(planes, known, known | ~difference.distinct)
    else:
        mask = _grab(colors, outside, outside)
    mask = _drop_specks(mask)
    if not _FEWEST < mask[~outside].mean() < _MOST:
        return None
    kind = "smooth" if difference.plain >= _IS_PLAIN else "structured"
    return Cut(mask, _score(colors, mask), kind)


def _grab(planes: Floats, known: Bools, likely: Bools) -> Bools:
    """Return what GrabCut takes for the thing.

    Args:
        planes: three channels of 0 .. 255.
        known: where there is ground for certain.
        likely: where there is ground at first; the rest is taken for the thing at first.
    """
    picture = np.rint(planes.clip(0, 255)).astype(np.uint8)
    state = np.where(likely, cv2.GC_PR_BGD, cv2.GC_PR_FGD).astype(np.uint8)
    state[known] = cv2.GC_BGD
    if (state == cv2.GC_PR_FGD).sum() < 16 or known.sum() < 16:
        return np.zeros(known.shape, bool)
    # OpenCV begins its color models at random.
    cv2.setRNGSeed(1)
    behind, before = np.zeros((1, 65)), np.zeros((1, 65))
    whole = (0, 0, *picture.shape[1::-1])
    cv2.grabCut(picture, state, whole, behind, before, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.asarray((state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD))


def _drop_specks(mask: Bools) -> Bools:
    """Return a mask without parts that are tiny beside the largest."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    return np.asarray((areas >= 0.02 * areas.max(initial=1))[parts] & mask)


def _score(colors: Floats, mask: Bools) -> float:
    """Return 1 less the overlap of the colors on both sides of the edge."""
    reach = _BAND * max(mask.shape)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    # Right at the edge colors are mixed.
    sides = [
        _histogram(colors[(distance > 1.5) & (distance < reach)]) for distance in (inside, outside)
    ]
    overlap = float(np.sqrt(sides[0] * sides[1]).sum())
    return round(max(0.0, 1 - overlap), 4)


def _histogram(colors: Floats) -> Floats:
    """Return how frequent colors are, softened so that near ones count as alike."""
    count = np.zeros((16, 16, 16), np.float32)
    # Lightness spans 0 .. 255, the others mostly 64 .. 192.
    scaled = (colors - [0, 64, 64]) / [16, 8, 8]
    index = scaled.clip(0, 15).astype(int)
    np.add.at(count, tuple(index.T), 1)
    for axis in range(3):
        rolled = [np.roll(count, step, axis) for step in (-1, 1)]
        count = 0.5 * count + 0.25 * (rolled[0] + rolled[1])
    return count / max(1.0, float(count.sum()))
