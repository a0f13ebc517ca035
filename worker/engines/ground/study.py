"""Study of a picture before it is extended: frame, grounds, and things that exist once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box, Geometry, Margins
from service.contract.jobs import JobWarning
from worker.engines.ground.frames import find_frame, is_all_around
from worker.engines.ground.outside import Ground, find_grounds
from worker.engines.ground.rarity import find_unique
from worker.engines.ground.sides import SIDES, extended_sides
from worker.imaging import ImageArray

FEW_FIGURES: Final = 3
"""Figures above which they may be a pattern, which is looked for first."""

NO_FRAME: Final = Margins(left=0, top=0, right=0, bottom=0)

FRAMED: Final = JobWarning(
    code="frame_not_extended",
    detail="a frame runs along all four sides of the picture: it was kept where it is, and what "
    "lies inside it was extended; crop the frame off and send the picture again to be rid of it",
)


@dataclass(frozen=True, eq=False)
class Study:
    """Findings in a picture that is to be extended.

    Attributes:
        geometry: with the lines of a frame along extended sides taken off the original.
        frame: lines taken off each side.
        is_framed: whether a frame runs along all four sides.
        grounds: that meet extended sides.
        unique: uint8 of the original's (H, W), non-zero on what exists once; `None` for nothing.
        follows: whether lines and edges are to go on past the border.
    """

    geometry: Geometry
    frame: Margins
    is_framed: bool
    grounds: tuple[Ground, ...]
    unique: NDArray[np.uint8] | None
    follows: bool = True

    @property
    def smooth(self) -> list[Ground]:
        """Return the grounds that need no patches."""
        return [ground for ground in self.grounds if ground.kind != "texture"]

    @property
    def may_be_pattern(self) -> bool:
        """Return whether a period is worth looking for before the ground is continued."""
        figures = max((ground.count for ground in self.grounds), default=0)
        return len(self.smooth) < len(self.grounds) or not self.grounds or figures > FEW_FIGURES

    @property
    def details(self) -> dict[str, Any]:
        """Return what was found, for the recipe."""
        details: dict[str, Any] = {}
        if self.frame != NO_FRAME:
            details["frame"] = self.frame.model_dump()
        if self.unique is not None:
            details["unique_share"] = round(float(np.mean(self.unique != 0)), 3)
        return details

    @property
    def warnings(self) -> tuple[JobWarning, ...]:
        """Return what the caller should know."""
        return (FRAMED,) if self.is_framed else ()


def study(
    image: ImageArray,
    geometry: Geometry,
    ground: Literal["auto", "ignore"] | None,
    check: Callable[[], None],
) -> Study:
    """Study the original on its canvas.

    Args:
        image: the canvas, uint8 (H, W, C); only the original's part is read.
        geometry: where the original lies.
        ground: `ignore` to find nothing.
        check: called between the steps; may raise to stop.
    """
    if ground == "ignore":
        return Study(geometry, NO_FRAME, False, (), None, follows=False)
    original = crop(image, geometry.original)
    found = find_frame(original)
    sides = extended_sides(geometry.margins)
    frame = Margins(**{side: getattr(found, side) if side in sides else 0 for side in SIDES})
    inner = take_off(geometry, frame)
    check()
    original = crop(image, inner.original)
    grounds = tuple(find_grounds(original, sides, check))
    check()
    is_all = {side for one in grounds for side in one.sides} == set(sides)
    unique = None if is_all else find_unique(original, sides)
    return Study(inner, frame, is_all_around(found), grounds, unique)


def crop(image: ImageArray, box: Box) -> ImageArray:
    """Return a part of a picture."""
    return np.ascontiguousarray(image[box.top : box.bottom, box.left : box.right])


def take_off(geometry: Geometry, frame: Margins) -> Geometry:
    """Return the geometry whose original lacks some outermost lines."""
    box, margins = geometry.original, geometry.margins
    return Geometry(
        width=geometry.width,
        height=geometry.height,
        original=Box(
            left=box.left + frame.left,
            top=box.top + frame.top,
            right=box.right - frame.right,
            bottom=box.bottom - frame.bottom,
        ),
        margins=Margins(
            left=margins.left + frame.left,
            top=margins.top + frame.top,
            right=margins.right + frame.right,
            bottom=margins.bottom + frame.bottom,
        ),
        asked=geometry.asked,
    )
