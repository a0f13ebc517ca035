"""The weight-free finder, which stands in where no model is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from service.contract.finders import FinderEntry
from service.contract.geometry import Box
from worker.engines.base import StepCallback
from worker.engines.finders.base import FinderFacts, Found, Query
from worker.engines.finders.colors import to_lab
from worker.engines.finders.cropping import crop_found
from worker.engines.finders.grabcut.cutting import Cut, cut_out
from worker.engines.finders.grabcut.edges import follow_edge
from worker.engines.finders.grabcut.ground import Bools
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

_SIDE: Final = 480
"""Longest side of what is cut, in pixels: it bounds the time."""
_BORDER: Final = 0.03
"""Width of the border that is taken for ground, in shares of the shorter side."""
_MARGIN: Final = 0.25
"""Distance beyond a box to which the ground is looked at, in shares of the box' sides."""
_PARTS: Final = 3


@dataclass(frozen=True, eq=False)
class _View:
    """A part of a picture, and where there is ground alone in it, in reduced size."""

    image: ImageArray
    small: ImageArray
    outside: Bools


class GrabCutFinder:
    """Cuts out what differs from the ground at the border, or beside a box.

    Args:
        entry: as configured; it has no weights.
        threads: not used: OpenCV's own are bounded for all of the process.
    """

    def __init__(self, entry: FinderEntry, threads: int = 0) -> None:
        self._entry = entry

    def load(self) -> FinderFacts:
        """Return what recipes say of it; there is nothing to load."""
        versions = {"opencv": cv2.__version__}
        return FinderFacts(self._entry.name, self._entry.family, None, True, versions)

    def find(self, image: ImageArray, query: Query, on_step: StepCallback) -> list[Found]:
        """Find the subject, all but the subject, or the thing in a box.

        Args:
            image: RGB uint8 (H, W, 3).
            query: `subject`, `background` or `box`.
            on_step: called before each of three parts, and at the end.

        Returns:
            One thing, or nothing where nothing stands out.
        """
        on_step(0, _PARTS)
        box = _widen(query.box, image) if query.box else None
        view = _look_around(image, box, query) if box else _look_at(image)
        on_step(1, _PARTS)
        cut = cut_out(to_lab(view.small), view.outside) if view.outside.any() else None
        if cut is None:
            return []
        # Of the thing in a box half is known already: less has to speak for it.
        score = round(cut.score**0.5, 4) if box else cut.score
        if score < query.min_score:
            return []
        on_step(2, _PARTS)
        mask = follow_edge(view.image, view.small, cut.mask)
        found = _describe(box, mask, cut, score, query)
        on_step(_PARTS, _PARTS)
        return found


def _look_at(image: ImageArray) -> _View:
    small = _shrink(image)
    width = max(2, round(_BORDER * min(small.shape[:2])))
    outside = np.ones(small.shape[:2], bool)
    outside[width:-width, width:-width] = False
    return _View(image, small, outside)


def _look_around(image: ImageArray, box: Box, query: Query) -> _View:
    """Return the surroundings of a query's box; the ground is what lies outside of it."""
    part = np.ascontiguousarray(image[box.top : box.bottom, box.left : box.right])
    small = _shrink(part)
    left, top, right, bottom = query.box or (0.0, 0.0, 0.0, 0.0)
    factor = small.shape[1] / part.shape[1], small.shape[0] / part.shape[0]
    outside = np.ones(small.shape[:2], bool)
    rows = slice(round((top - box.top) * factor[1]), round((bottom - box.top) * factor[1]))
    columns = slice(round((left - box.left) * factor[0]), round((right - box.left) * factor[0]))
    outside[rows, columns] = False
    return _View(part, small, outside)


def _widen(box: tuple[float, float, float, float], image: ImageArray) -> Box:
    left, top, right, bottom = box
    across, down = max(8.0, _MARGIN * (right - left)), max(8.0, _MARGIN * (bottom - top))
    return Box(
        left=max(0, int(left - across)),
        top=max(0, int(top - down)),
        right=min(image.shape[1], int(np.ceil(right + across))),
        bottom=min(image.shape[0], int(np.ceil(bottom + down))),
    )


def _shrink(image: ImageArray) -> ImageArray:
    factor = min(1.0, _SIDE / max(image.shape[:2]))
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    return to_uint8(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _describe(
    box: Box | None, mask: MaskArray, cut: Cut, score: float, query: Query
) -> list[Found]:
    if query.kind == "background":
        mask = to_uint8(255 - mask)
    left, top = (box.left, box.top) if box else (0, 0)
    label = "thing" if query.kind == "box" else query.kind
    return crop_found(mask, score, label, {"ground": cut.ground}, left, top)
