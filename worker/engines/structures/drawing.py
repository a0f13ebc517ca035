"""Drawing structures through a hole: their own width, colors and grain, along their curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.structures.curves import Band, Curve, find_band
from worker.engines.structures.profiles import (
    BIN,
    HALF,
    MEASURED,
    Profile,
    evaluate,
    places,
)
from worker.engines.structures.scene import Floats
from worker.imaging import ImageArray, MaskArray

NARROWEST: Final = 4.0
WIDEST: Final = 9.0
BY_LENGTH: Final = 0.12
"""Pixels to both sides that are drawn at least, and share of the length up to `HALF`."""

DISAGREEING: Final = 0.7
"""Of the contrast: where the two ends differ by more, nothing is drawn: it is another structure."""

BESIDE: Final = 1000.0
"""Rank of what lies beside a structure: any structure itself comes before it."""


@dataclass(frozen=True, eq=False)
class Way:
    """A structure that is to be drawn.

    Attributes:
        curve: the way that it takes.
        first: its colors at the beginning.
        last: its colors at the end, seen from there; `None` where it does not come out again.
        shift: pixels by which those at the end are moved to match.
        lengths: pixels that it was followed outward at both ends.
    """

    curve: Curve
    first: Profile
    last: Profile | None = None
    shift: float = 0.0
    lengths: tuple[float, float] = (0.0, 0.0)

    @property
    def contrast(self) -> float:
        """The lesser contrast of its two ends."""
        last = self.last or self.first
        return min(self.first.contrast, last.contrast)

    @property
    def own(self) -> float:
        """Pixels to both sides that are the structure itself."""
        return max(self.first.own, (self.last or self.first).own)


@dataclass(frozen=True, eq=False)
class Drawing:
    """The structures of a picture, drawn.

    Attributes:
        image: uint8 (H, W, C), the picture with it.
        drawn: uint8 (H, W), 255 where it was drawn.
        own: uint8 (H, W), 255 at the structures themselves, without what lies beside them.
    """

    image: ImageArray
    drawn: MaskArray
    own: MaskArray


def draw(
    image: ImageArray, hole: MaskArray, ways: Sequence[Way], *, has_grain: bool = True
) -> Drawing:
    """Draw structures through a hole.

    Where two cross, one lies whole on top: the one of the greater contrast.

    Args:
        image: uint8 (H, W, C).
        hole: uint8 (H, W), 255 = hole.
        ways: what to draw.
        has_grain: whether to add what pixels differ from the structure's mean colors.
    """
    result, drawn, own = image.copy(), np.zeros_like(hole), np.zeros_like(hole)
    rank = np.full(hole.shape, np.inf, np.float32)
    ordered = sorted(ways, key=lambda way: -way.contrast)
    for number, way in enumerate(ordered):
        others = _mark_crossing(way, ordered, hole)
        band = _choose_pixels(way, find_band(way.curve, hole, _half_width(way)), others)
        ranks = _rank(way, band, number)
        wins = ranks < rank[band.y, band.x]
        colors = _paint(way, band, has_grain=has_grain)
        x, y = band.x[wins], band.y[wins]
        result[y, x] = np.rint(colors[wins]).clip(0, 255).astype(np.uint8)
        rank[y, x], drawn[y, x] = ranks[wins], 255
        own[y, x] = np.where(ranks[wins] < BESIDE, 255, 0)
    return Drawing(result, drawn, own)


def _mark_crossing(way: Way, ways: Sequence[Way], hole: MaskArray) -> MaskArray:
    """Return uint8 (H, W), 255 beside every structure that crosses this one."""
    beside = np.zeros_like(hole)
    for other in ways:
        if other is not way and other.curve.crosses(way.curve):
            line = np.rint(other.curve.points).astype(np.int32)
            cv2.polylines(beside, [line], False, (255,), round(2 * WIDEST))
    return beside


def _choose_pixels(way: Way, band: Band, others: MaskArray) -> Band:
    """Return the pixels of a band that are drawn.

    Where structures cross, what lies beside each of them is left open: it would cut the other.
    """
    low, high = _agreeing(way)
    is_own = np.abs(band.away) <= way.own
    kept = (band.away >= low) & (band.away <= high) & (is_own | (others[band.y, band.x] == 0))
    return Band(band.x[kept], band.y[kept], band.along[kept], band.away[kept])


def _half_width(way: Way) -> float:
    beside = max(NARROWEST, BY_LENGTH * way.curve.length)
    return max(min(beside, WIDEST), way.own + NARROWEST)


def _other_lab(way: Way) -> Floats:
    """Return the other end's profile as it is seen from the first, moved to match: Lab."""
    if way.last is None:
        return way.first.lab
    lab = way.last.lab[::-1]
    step = round(way.shift / BIN)
    return np.asarray(lab[np.clip(np.arange(len(lab)) + step, 0, len(lab) - 1)])


def _agreeing(way: Way) -> tuple[float, float]:
    """Return from and to what distance the two ends show the same."""
    lab = way.first.lab
    gap = np.linalg.norm(lab - _other_lab(way), axis=1)
    # What lies beside may change from one end to the other, evenly: only steps are others.
    own = way.own
    unlike = gap > DISAGREEING * max(way.contrast, 6.0) * 2
    at = places()
    below, above = at[unlike & (at < -own)], at[unlike & (at > own)]
    return (
        float(below.max()) + BIN if len(below) else -HALF,
        float(above.min()) - BIN if len(above) else HALF,
    )


def _rank(way: Way, band: Band, number: int) -> Floats:
    """Return by what the pixels of a band are given to one of several: the least wins."""
    away = np.abs(band.away)
    return np.where(away <= way.own, number, BESIDE + away).astype(np.float32)


def _paint(way: Way, band: Band, *, has_grain: bool) -> Floats:
    length = np.float32(max(way.curve.length, 1e-3))
    colors = evaluate(way.first.values, band.away)
    grain = _read_grain(way.first, way.lengths[0], band.along, band.away)
    if way.last is not None:
        share = (band.along / length)[:, None]
        share = share * share * (3 - 2 * share)
        away = -(band.away + np.float32(way.shift))
        colors += share * (evaluate(way.last.values, away) - colors)
        far = _read_grain(way.last, way.lengths[1], length - band.along, away)
        grain = np.where((band.along < length / 2)[:, None], grain, far)
    return np.asarray(colors + grain if has_grain else colors, np.float32)


def _read_grain(profile: Profile, length: float, along: Floats, away: Floats) -> Floats:
    """Return grain for pixels in the hole, from as far outside as they lie inside, to and fro."""
    reach = max(int(min(length, MEASURED)), 1)
    column: NDArray[np.int64] = np.rint(along).astype(np.int64) % (2 * reach)
    column = np.where(column < reach, column, 2 * reach - 1 - column)
    row = np.rint(away + HALF).astype(np.int64).clip(0, profile.grain.shape[0] - 1)
    return np.asarray(profile.grain[row, column], np.float32)
