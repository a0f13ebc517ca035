"""A guide: what a hole looks like from afar, while its detail is found in the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from worker.engines.patch.plan import ROUGHNESS, Plan
from worker.engines.patch.pyramid import halve_image
from worker.imaging import ImageArray, MaskArray

LIFT: Final = 1
"""Scales above the one at which the guide lacks nothing: what is found there agrees in more."""

SHARP_FROM: Final = 0.6
"""Standard deviation in pixels below which a guide shows all that its scale can show."""

PULLS: Final = 3
"""Each one halves, or better, what is left of the difference from the guide."""

ROUNDS: Final = (1, 1, 4, 8)
"""Rounds of search and vote by scale, the finest first. The guide has told the search where to
look, and each further round prefers flatter patches."""

GUIDED_ROUGHNESS: Final = 2 * ROUGHNESS
"""Weight of roughness beside color: a guide shows none, so that flat patches fit it best."""


@dataclass(frozen=True, eq=False)
class Guide:
    """The low frequencies of a hole, known from elsewhere and kept at every scale.

    Attributes:
        picture: uint8 of the shape of the picture to complete, and equal to it outside the hole.
        sigma: standard deviation in pixels of the blur that separates what the guide knows from
            what it does not, > 0.
    """

    picture: ImageArray
    sigma: float

    @property
    def level(self) -> int:
        """Scale to begin at, 0 = finest."""
        return max(round(math.log2(self.sigma)), 0) + LIFT

    def drop_alpha(self) -> Guide:
        """Return the guide of the colors alone."""
        return replace(self, picture=np.ascontiguousarray(self.picture[..., :3]))

    def hold(self, picture: ImageArray, hole: MaskArray, level: int = 0) -> ImageArray:
        """Return the picture with the low frequencies of its hole as the guide has them.

        Args:
            picture: uint8 (H, W, C) at a scale, painted.
            hole: uint8 (H, W), non-zero = hole; nothing else is changed.
            level: the scale, 0 = finest.
        """
        goal, sigma = halve_image(self.picture, level), self.sigma / 2**level
        result, inside = picture.copy(), hole[..., None] != 0
        if sigma < SHARP_FROM:
            np.copyto(result, goal, where=inside)
            return result
        for _ in range(PULLS):
            # Outside the hole nothing differs: towards its rim the correction fades.
            rest = cv2.GaussianBlur(goal.astype(np.float32) - result, (0, 0), sigma)
            moved = np.rint(result + rest).clip(0, 255).astype(np.uint8)
            np.copyto(result, moved, where=inside)
        return result


def guide_plan(plan: Plan) -> Plan:
    """Return a plan for a hole whose low frequencies are known."""
    return replace(plan, texture=GUIDED_ROUGHNESS, em=ROUNDS)
