"""The colors across a structure, and what of the picture they leave over."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.structures.scene import ALPHA_SCALE, Floats, Scene

HALF: Final = 18.0
"""Pixels to both sides that are measured."""

BIN: Final = 0.5
"""Pixels between two places of a profile."""

SHARP: Final = 0.35
WIDE: Final = 1.2
"""Standard deviations, in pixels, of what a place of a profile is averaged from. Pixels lie at all
distances from a slanted line, and a narrow mean keeps it as sharp as it is; where a straight one
leaves places without a pixel, the wide mean helps out."""

MEASURED: Final = 20.0
"""Pixels outward that are measured."""

FADING: Final = 14.0
"""Pixels outward at which a color weighs a third: what is near the hole tells more."""

BESIDE: Final = 2.0
"""Pixels between the rim and the hole that are measured too."""

EDGE: Final = 1.5
"""Pixels beside the middle that belong to the structure itself."""

WIDEST_LINE: Final = 16.0
"""Pixels; a wider line is two edges."""

WEIGHED: Final = 5.0
OF_LINE: Final = 0.7
BESIDE_LINE: Final = 1.5
"""Pixels from the middle at which a difference weighs two thirds: for an edge, and for a line this
share of its half width and some pixels. What lies beside a cable may be other cables, which come
nearer to it."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Colors across a structure.

    Attributes:
        values: float32 (PLACES, C), colors of the picture from `-HALF` to `HALF`.
        spread: root mean square of what the pixels differ from it, Lab units.
        grain: float32 (2 * HALF + 1, LENGTH, C), what pixels differ from it: by the distance
            across and outward, nearest pixels.
        width: of the line in the middle, in pixels; 0 for an edge.
    """

    values: Floats
    spread: float
    grain: Floats
    width: float = 0.0

    @cached_property
    def lab(self) -> Floats:
        """The colors in Lab, and alpha: float32 (PLACES, C)."""
        return to_lab(self.values)

    @property
    def clarity(self) -> float:
        """Contrast of its colors over the spread of the pixels around it."""
        return self.contrast / (self.spread + 0.5)

    @cached_property
    def contrast(self) -> float:
        """Root mean square of what the colors differ from their mean, Lab units."""
        return float(np.sqrt(weigh_places(self.width) @ ((self.lab - self.mean) ** 2).sum(axis=1)))

    @property
    def own(self) -> float:
        """Pixels to both sides that are the structure itself, not what lies beside it."""
        return max(self.width / 2 + 0.5, EDGE)

    @property
    def mean(self) -> Floats:
        """The mean color, Lab."""
        return np.asarray(weigh_places(self.width) @ self.lab, np.float32)


def places() -> Floats:
    """Return the distances that profiles are measured at."""
    return np.arange(-HALF, HALF + BIN / 2, BIN, dtype=np.float32)


def weigh_places(width: float = 0.0) -> Floats:
    """Return how much each place of a profile weighs; together 1.

    Args:
        width: of a line, in pixels: less of what lies beside it counts, other lines perhaps.
    """
    weight = np.exp(-((places() / _reach(width)) ** 2) / 2)
    return np.asarray(weight / weight.sum(), np.float32)


def _reach(width: float) -> float:
    return min(OF_LINE * (width / 2 + BESIDE_LINE), WEIGHED) if width else WEIGHED


def to_lab(colors: Floats) -> Floats:
    """Return colors of 0 .. 255 in Lab, alpha as a fourth channel: float32 (N, C)."""
    planes = np.ascontiguousarray(colors[None, :, :3] / np.float32(255)).clip(0, 1)
    lab: Floats = np.asarray(cv2.cvtColor(planes, cv2.COLOR_RGB2LAB), np.float32)[0]
    if colors.shape[1] == 3:
        return lab
    alpha = colors[:, 3:] * np.float32(ALPHA_SCALE)
    return np.asarray(np.concatenate((lab, alpha), axis=1), np.float32)


def measure_profile(
    scene: Scene,
    point: NDArray[np.float64],
    outward: NDArray[np.float64],
    bend: float,
    length: float,
    width: float = 0.0,
) -> Profile:
    """Return the colors across a structure, from the pixels along it.

    Args:
        scene: the picture.
        point: float64 (2,), where it meets the rim, column and row.
        outward: float64 (2,), unit vector along it.
        bend: its curvature, positive to the left of the way outward where rows count upward.
        length: pixels that it was followed.
        width: of the line, in pixels; 0 for an edge.
    """
    x, y = _pixels_near(scene, point)
    along, away = _locate(x, y, point, outward, bend)
    reach = min(length, MEASURED)
    chosen = (along >= -BESIDE) & (along <= reach) & (np.abs(away) <= HALF + 1)
    x, y, along, away = x[chosen], y[chosen], along[chosen], away[chosen]
    colors = scene.image[y, x].astype(np.float32)
    weight = np.exp(-np.maximum(along, 0) / FADING).astype(np.float32)
    values = _average(away, colors, weight)
    rest = colors - evaluate(values, away)
    weight *= np.exp(-((away / _reach(width)) ** 2) / 2)
    spread = np.sqrt(weight @ _lab_gap(colors, colors - rest) / max(float(weight.sum()), 1e-6))
    return Profile(values, float(spread), _lay_out_grain(along, away, rest), width)


def _pixels_near(
    scene: Scene, point: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    height, width = scene.unknown.shape
    reach = int(MEASURED + HALF)
    left, top = (max(int(value) - reach, 0) for value in point)
    right, bottom = min(left + 2 * reach + 1, width), min(top + 2 * reach + 1, height)
    y, x = np.nonzero(scene.unknown[top:bottom, left:right] == 0)
    return x + left, y + top


def _locate(
    x: NDArray[np.int64],
    y: NDArray[np.int64],
    point: NDArray[np.float64],
    outward: NDArray[np.float64],
    bend: float,
) -> tuple[Floats, Floats]:
    """Return how far along and away from the structure pixels lie; away as `Entry.across` says."""
    gap = np.stack((x, y), axis=1) - point
    along = gap @ outward
    # The mirror image of the outward direction's own left: the side that the way inward counts as.
    sideways = gap @ np.array([outward[1], -outward[0]])
    away = (sideways + bend / 2 * along**2) / np.sqrt(1 + (bend * along) ** 2)
    return along.astype(np.float32), away.astype(np.float32)


def _average(away: Floats, colors: Floats, weight: Floats) -> Floats:
    gap = places()[:, None] - away[None]
    narrow = np.exp(-((gap / SHARP) ** 2) / 2) * weight
    wide = np.exp(-((gap / WIDE) ** 2) / 2) * weight
    kernel = narrow + 1e-2 * wide + 1e-9
    return np.asarray(kernel @ colors / kernel.sum(axis=1, keepdims=True), np.float32)


def find_line(profile: Profile, ground: Floats) -> tuple[float, float] | None:
    """Return middle and width of the line whose edge lies in the middle of a profile.

    Args:
        profile: measured at an edge.
        ground: Lab of what lines lie before: of two sides, the line is the one less like it.

    Returns:
        Pixels from the profile's middle, and pixels; `None` where no second edge is near.
    """
    at, middle = places(), len(places()) // 2
    near = round(EDGE / BIN)
    left, right = profile.lab[middle - near], profile.lab[middle + near]
    step = right - left
    # 0 as on the left of the edge, 1 as on its right.
    level = (profile.lab - left) @ step / max(float(step @ step), 1e-6)
    edge = middle - near + int(np.argmax(level[middle - near :] > 0.5))
    behind = _first(level[edge:] < 0.5)
    before = _first(level[edge - 1 :: -1] > 0.5)
    found = [
        (right, None if behind is None else _halfway(level, at, edge + behind, 1)),
        (left, None if before is None else _halfway(level, at, edge - 1 - before, -1)),
    ]
    own = _halfway(level, at, edge, 1)
    found.sort(key=lambda side: -float(np.linalg.norm(side[0] - ground)))
    for _, other in found:
        if other is not None and abs(other - own) <= WIDEST_LINE:
            return (own + other) / 2, abs(other - own)
    return None


def _first(which: NDArray[np.bool_]) -> int | None:
    """Return the index of the first that holds, but for the very first."""
    index = int(np.argmax(which)) if len(which) else 0
    return index or None


def _halfway(level: Floats, at: Floats, index: int, way: int) -> float:
    """Return where, just before an index on the way, the level passes a half."""
    back = index - way
    share = (0.5 - level[back]) / (level[index] - level[back] or 1.0)
    return float(at[back] + share * (at[index] - at[back]))


def evaluate(values: Floats, away: Floats) -> Floats:
    """Return the colors of a profile at distances, float32 (N, C)."""
    at = ((away + HALF) / BIN).clip(0, len(values) - 1.001)
    first = at.astype(np.int64)
    share = (at - first)[:, None].astype(np.float32)
    return np.asarray(values[first] + share * (values[first + 1] - values[first]), np.float32)


def _lab_gap(one: Floats, other: Floats) -> Floats:
    return np.asarray(((to_lab(one) - to_lab(other)) ** 2).sum(axis=1), np.float32)


def _lay_out_grain(along: Floats, away: Floats, rest: Floats) -> Floats:
    rows, columns = round(2 * HALF) + 1, round(MEASURED) + 1
    grain = np.zeros((rows, columns, rest.shape[1]), np.float32)
    row = np.rint(away + HALF).astype(np.int64).clip(0, rows - 1)
    column = np.rint(along).astype(np.int64).clip(0, columns - 1)
    grain[row, column] = rest
    return grain
