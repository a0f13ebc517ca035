"""The way of a structure through a hole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.structures.entries import Entry
from worker.engines.structures.scene import Floats
from worker.imaging import MaskArray

Points = NDArray[np.float64]

SAMPLING: Final = 0.25
"""Pixels between two points of a curve."""

FADING: Final = 60.0
"""Pixels after which an extended structure has two thirds of its bend behind it."""

COARSE: Final = 16
"""Points that crossings are looked for with."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A line of points `SAMPLING` apart.

    Attributes:
        points: float64 (N, 2), column and row, from one rim to the other.
        corner: float64 (2,), where two straight parts meet; `None` for a smooth curve.
    """

    points: Points
    corner: Points | None = None

    @cached_property
    def tangents(self) -> Points:
        """Unit vectors along it, float64 (N, 2)."""
        steps = np.gradient(self.points, axis=0)
        return np.asarray(steps / np.maximum(np.hypot(*steps.T)[:, None], 1e-9))

    @property
    def length(self) -> float:
        """Its length in pixels."""
        return (len(self.points) - 1) * SAMPLING

    @property
    def direction(self) -> Points:
        """Unit vector from its beginning to its end."""
        chord = self.points[-1] - self.points[0]
        return np.asarray(chord / max(float(np.hypot(*chord)), 1e-9))

    @cached_property
    def _thinned(self) -> Points:
        return self.points[np.linspace(0, len(self.points) - 1, COARSE).astype(np.int64)]

    def share_inside(self, hole: MaskArray) -> float:
        """Return what share of it lies in the hole, but for its first and last pixels."""
        rim = int(6 / SAMPLING)
        inner = self.points[rim:-rim] if len(self.points) > 2 * rim + 1 else self.points
        place = np.rint(inner).astype(np.int64)
        height, width = hole.shape
        inside = hole[place[:, 1].clip(0, height - 1), place[:, 0].clip(0, width - 1)] != 0
        return float(inside.mean())

    def crosses(self, other: Curve) -> bool:
        """Return whether two curves cross."""
        one, two = self._thinned, other._thinned
        start, step = one[:-1, None], np.diff(one, axis=0)[:, None]
        begin, way = two[None, :-1], np.diff(two, axis=0)[None]
        bottom = _cross(step, way)
        safe = np.where(np.abs(bottom) < 1e-9, 1.0, bottom)
        along = _cross(begin - start, way) / safe
        across = _cross(begin - start, step) / safe
        hits = (
            (np.abs(bottom) >= 1e-9) & (along >= 0) & (along <= 1) & (across >= 0) & (across <= 1)
        )
        return bool(hits.any())


def _cross(one: Points, other: Points) -> Points:
    return np.asarray(one[..., 0] * other[..., 1] - one[..., 1] * other[..., 0])


def connect(one: Entry, other: Entry) -> Curve:
    """Return the way from one entry to another, with their directions at its ends.

    Args:
        one: where it begins.
        other: where it ends.
    """
    return sample_curve(_hermite(one.point, one.inward, other.point, -other.inward))


def _hermite(begin: Points, leaving: Points, end: Points, arriving: Points) -> Points:
    """Return a cubic curve through two points with given directions."""
    chord = float(np.hypot(*(end - begin)))
    t = np.linspace(0, 1, max(int(4 * chord), 8))[:, None]
    first, last = leaving * chord, arriving * chord
    return np.asarray(
        (2 * t**3 - 3 * t**2 + 1) * begin
        + (t**3 - 2 * t**2 + t) * first
        + (3 * t**2 - 2 * t**3) * end
        + (t**3 - t**2) * last
    )


def meet(one: Entry, other: Entry, corner: Points) -> Curve:
    """Return the way from one entry to another around a corner."""
    straight = sample_curve(np.stack((one.point, corner, other.point)))
    return Curve(straight.points, corner)


def extend(entry: Entry, length: float) -> Curve:
    """Return the way that a structure takes if nothing stops it.

    Args:
        entry: where it begins.
        length: pixels.
    """
    along = np.arange(0, length + 1)
    # A bend fades: it tells the next pixels, and would soon turn a curve into a circle.
    angle = entry.bend * FADING * (1 - np.exp(-along / FADING))
    across = entry.across
    steps = np.cos(angle)[:, None] * entry.inward + np.sin(angle)[:, None] * across
    points = entry.point + np.concatenate((np.zeros((1, 2)), np.cumsum(steps[:-1], axis=0)))
    return sample_curve(points)


def sample_curve(points: Points) -> Curve:
    """Return a curve along points, `SAMPLING` apart."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    at = np.concatenate(([0.0], np.cumsum(steps)))
    wanted = np.arange(0, at[-1] + SAMPLING / 2, SAMPLING)
    return Curve(np.stack([np.interp(wanted, at, points[:, axis]) for axis in (0, 1)], axis=1))


@dataclass(frozen=True, eq=False)
class Band:
    """The pixels beside a curve.

    Attributes:
        x: int64 (N,), columns.
        y: int64 (N,), rows.
        along: float32 (N,), pixels from the curve's beginning to the point nearest to each.
        away: float32 (N,), pixels from it; positive to the side `(-dy, dx)` of its direction.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    along: Floats
    away: Floats


def find_band(curve: Curve, hole: MaskArray, half: float) -> Band:
    """Return the pixels of a hole at most `half` from a curve, but for those past its ends."""
    height, width = hole.shape
    low = np.floor(curve.points.min(axis=0) - half - 1).astype(np.int64).clip(0)
    high = np.ceil(curve.points.max(axis=0) + half + 2).astype(np.int64)
    left, top = int(low[0]), int(low[1])
    right, bottom = min(int(high[0]), width), min(int(high[1]), height)
    empty = np.zeros(0, np.int64)
    if right - left < 1 or bottom - top < 1:
        return Band(empty, empty, empty.astype(np.float32), empty.astype(np.float32))
    nearest, gap = _find_nearest(curve, (left, top, right, bottom))
    y, x = np.nonzero((gap <= half + 1.5) & (hole[top:bottom, left:right] != 0))
    index = _refine(curve, x + left, y + top, nearest[y, x])
    offset = np.stack((x + left, y + top), axis=1) - curve.points[index]
    tangent = curve.tangents[index]
    away, ahead = _cross(tangent, offset), (tangent * offset).sum(axis=1)
    is_end = (index == 0) | (index == len(curve.points) - 1)
    if curve.corner is not None:
        away = _measure_corner(curve, curve.corner, np.stack((x + left, y + top), axis=1))
    kept = (np.abs(away) <= half) & (~is_end | (np.abs(ahead) < 1))
    along = (index * SAMPLING).astype(np.float32)
    return Band(x[kept] + left, y[kept] + top, along[kept], away[kept].astype(np.float32))


def _measure_corner(curve: Curve, corner: Points, places: NDArray[np.int64]) -> Points:
    """Return how far pixels lie from two lines that meet: the corner is sharp on both sides."""
    ways = [corner - curve.points[0], curve.points[-1] - corner]
    first, second = (_cross(way / np.hypot(*way), places - corner) for way in ways)
    outside = -np.sign(_cross(*ways))
    return np.asarray(outside * np.maximum(outside * first, outside * second))


def _find_nearest(curve: Curve, box: tuple[int, int, int, int]) -> tuple[NDArray[np.int64], Floats]:
    """Return for each pixel of a box the index of a point of the curve near it, and how near."""
    left, top, right, bottom = box
    place = np.rint(curve.points).astype(np.int64) - (left, top)
    x, y = place[:, 0].clip(0, right - left - 1), place[:, 1].clip(0, bottom - top - 1)
    free = np.full((bottom - top, right - left), 255, np.uint8)
    free[y, x] = 0
    gap, labels = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = np.asarray(labels)
    by_label = np.zeros(int(labels.max()) + 1, np.int64)
    by_label[labels[y, x]] = np.arange(len(x))
    return by_label[labels], np.asarray(gap, np.float32)


def _refine(
    curve: Curve, x: NDArray[np.int64], y: NDArray[np.int64], index: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the indexes of the nearest points, looked for around those given."""
    reach = int(3 / SAMPLING)
    tries = (index[:, None] + np.arange(-reach, reach + 1)).clip(0, len(curve.points) - 1)
    gaps = ((curve.points[tries] - np.stack((x, y), axis=1)[:, None]) ** 2).sum(axis=2)
    return np.asarray(np.take_along_axis(tries, gaps.argmin(axis=1)[:, None], axis=1)[:, 0])
