"""The plan for completing a hole: scales, patch size, rounds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np

from worker.imaging import MaskArray

Quality = Literal["fast", "balanced", "best"]

COARSEST_HALF_WIDTH: Final = 9.0
"""Pixels: a hole this narrow at the coarsest scale is guessed whole from its border."""

MIN_SIDE: Final = 24
"""Pixels that a side of the coarsest scale has at least."""

MIN_SOURCES: Final = 16
"""Fewer whole patches to copy from repeat visibly; a smaller patch has more."""

ROUGHNESS: Final = math.sqrt(50)
"""Weight of roughness beside color in wide holes, which are filled with the flattest part at hand
without it. Holes of a few pixels do better with hardly any."""

PRIOR: Final = 3000.0
"""Cost a pixel of copying from one whole picture's length away; what is near is more alike."""

PRIOR_OF_START: Final = 100.0
"""The same where a start is given: it knows better than nearness where to copy from."""

SMOOTH_LEVELS: Final = 1
"""Halvings up to which a smooth fill is the better first guess: across a few pixels it is nearly
right, and tells the search more than patches found without it."""


@dataclass(frozen=True)
class Plan:
    """The plan for one window.

    Attributes:
        levels: scales above the finest; 0 works at full size alone.
        radius: of the patch in pixels, its side is twice that and one.
        clear: radius in pixels around a source that must be known; below `radius` in thin holes,
            where hardly a whole patch lies free.
        stride: pixels between patches at the finest scale; 1 at the others.
        em: rounds of search and vote by scale, the finest first; the last value goes on.
        sweeps: passes of the search in a round, likewise.
        texture: how much roughness counts beside color.
        larger: share of the larger gradient where two pieces meet.
        starts: guesses at the coarsest scale of which the best is kept.
        smooth: whether the first guess is a smooth fill.
        half_width: of the hole, in pixels.
        quality: what was asked for.
        prior: cost a pixel of copying from one whole picture's length away.
    """

    levels: int
    radius: int
    clear: int
    stride: int
    em: tuple[int, ...]
    sweeps: tuple[int, ...]
    texture: float
    larger: float
    starts: int
    smooth: bool
    half_width: float
    quality: Quality
    prior: float = PRIOR

    def em_at(self, level: int) -> int:
        """Return the rounds at a scale, 0 = finest."""
        return self.em[min(level, len(self.em) - 1)]

    def sweeps_at(self, level: int) -> int:
        """Return the passes of a round at a scale, 0 = finest."""
        return self.sweeps[min(level, len(self.sweeps) - 1)]

    @property
    def rounds(self) -> int:
        """Steps that are counted as progress: all rounds, and the blending."""
        coarse = self.em_at(self.levels) * (self.starts - 1)
        return coarse + sum(self.em_at(level) for level in range(self.levels + 1)) + 1


_THICK: Final = {
    "fast": Plan(0, 4, 0, 2, (1, 2, 3, 6), (2, 2, 2, 3), ROUGHNESS, 0.9, 1, False, 0, "fast"),
    "balanced": Plan(
        0, 4, 0, 2, (2, 2, 8, 16), (2, 2, 2, 4), ROUGHNESS, 0.9, 1, False, 0, "balanced"
    ),
    "best": Plan(0, 4, 0, 1, (4, 4, 8, 12), (3, 3, 3, 5), ROUGHNESS, 0.9, 3, False, 0, "best"),
}
_THIN: Final = {
    "fast": Plan(0, 3, 0, 2, (2,), (2,), 2.0, 1.0, 1, True, 0, "fast"),
    "balanced": Plan(0, 4, 0, 1, (2,), (2,), 2.0, 1.0, 1, True, 0, "balanced"),
    "best": Plan(0, 4, 0, 1, (6,), (3,), 2.0, 1.0, 1, True, 0, "best"),
}


def make_plan(
    hole: MaskArray,
    sources: MaskArray,
    quality: Quality,
    start_level: int | None = None,
    *,
    is_close: bool = False,
) -> Plan | None:
    """Choose how to complete a hole; `None` when there is nothing to copy from.

    Args:
        hole: uint8 (H, W), 255 = hole.
        sources: uint8 (H, W), 255 where may be copied from.
        quality: how much time to take.
        start_level: scale that a given start begins at, 0 = finest; `None` without one.
        is_close: whether that start needs few rounds at the fine scales, in any quality.
    """
    half_width = measure_half_width(hole)
    levels = choose_levels(half_width, hole.shape[0], hole.shape[1])
    thin = levels == 0 and start_level is None
    plan = replace((_THIN if thin else _THICK)[quality], half_width=half_width, levels=levels)
    plan = replace(plan, smooth=levels <= SMOOTH_LEVELS)
    if is_close:
        plan = _shorten(plan)
    if levels == 1:
        # No coarser scale has found anything before: what a wide hole needs there is too little.
        plan = replace(plan, em=(plan.em[0], 2 * plan.em[1]))
    if start_level is not None:
        plan = replace(plan, levels=min(start_level, levels), starts=1, prior=PRIOR_OF_START)
    return _fit(plan, sources)


def _shorten(plan: Plan) -> Plan:
    """Take no more rounds at the two finest scales than the default quality does."""
    few = _THICK["balanced"]
    return replace(
        plan,
        em=tuple(map(min, plan.em[:2], few.em)) + plan.em[2:],
        sweeps=tuple(map(min, plan.sweeps[:2], few.sweeps)) + plan.sweeps[2:],
    )


def measure_half_width(hole: MaskArray) -> float:
    """Return how deep the hole is, in pixels; the picture's border counts as its rim."""
    padded = cv2.copyMakeBorder(hole, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5).max())


def choose_levels(half_width: float, height: int, width: int) -> int:
    """Return the halvings after which the hole is narrow and the picture not too small."""
    wanted = math.ceil(math.log2(max(half_width / COARSEST_HALF_WIDTH, 1)))
    possible = int(math.log2(max(min(height, width) / MIN_SIDE, 1)))
    return min(wanted, possible)


def _fit(plan: Plan, sources: MaskArray) -> Plan | None:
    """Take the largest patch that fits and has enough places to be copied from."""
    for radius in range(plan.radius, 0, -1):
        clear = min(plan.clear, radius)
        if min(sources.shape) < 2 * radius + 1:
            continue
        if count_sources(sources, radius, clear) >= MIN_SOURCES:
            return replace(plan, radius=radius, clear=clear)
    return None


def count_sources(sources: MaskArray, radius: int, clear: int) -> int:
    """Return the number of places that a patch may be copied from."""
    return int(cv2.countNonZero(find_sources(sources, radius, clear)))


def find_sources(sources: MaskArray, radius: int, clear: int) -> MaskArray:
    """Return the centers of patches that may be copied from.

    Args:
        sources: uint8 (H, W), non-zero where may be copied from.
        radius: of the patch; it lies within the picture.
        clear: radius around the center in which all must be free.

    Returns:
        uint8 (H, W), 255 or 0.
    """
    kernel = np.ones((2 * clear + 1, 2 * clear + 1), np.uint8)
    free = cv2.erode(sources, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    centers = np.zeros_like(sources)
    height, width = sources.shape
    inside = np.s_[radius : height - radius, radius : width - radius]
    centers[inside] = np.where(np.asarray(free)[inside] != 0, 255, 0)
    return centers
