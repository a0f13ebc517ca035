"""Boxes, and the geometry of an outpaint request: the canvas and the original's place on it."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Anchor = Literal[
    "center",
    "top",
    "bottom",
    "left",
    "right",
    "top_left",
    "top_right",
    "bottom_left",
    "bottom_right",
]

MAX_SIDE_PIXELS = 32_000
"""Longest side of a picture or canvas: OpenCV counts places in 16 bits, some of them beyond it."""

Vocabulary = Literal["margins", "percent", "aspect_ratio", "canvas", "zoom_out"]
"""The five sets of size parameters of an outpaint request."""


class Box(BaseModel):
    """A half-open box of pixels: `left` and `top` lie inside, `right` and `bottom` outside."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top

    def as_list(self) -> list[int]:
        """Return left, top, right, bottom: PIL's order."""
        return [self.left, self.top, self.right, self.bottom]


class Margins(BaseModel):
    """Pixels added on each side, each >= 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: int = Field(ge=0)
    top: int = Field(ge=0)
    right: int = Field(ge=0)
    bottom: int = Field(ge=0)


class Geometry(BaseModel):
    """The canvas of an outpaint request.

    Attributes:
        width: width of the canvas in pixels.
        height: height of the canvas in pixels.
        original: the original's box on the canvas.
        margins: pixels added on each side.
        asked: the set of size parameters that the caller used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int
    height: int
    original: Box
    margins: Margins
    asked: Vocabulary


def plan_margins(width: int, height: int, margins: Margins) -> Geometry:
    """Plan a canvas from margins in pixels."""
    return _plan(width, height, margins, "margins")


def plan_percent(
    width: int, height: int, left: Fraction, top: Fraction, right: Fraction, bottom: Fraction
) -> Geometry:
    """Plan a canvas from margins in percent of the side along which they are added.

    Each margin is rounded by itself, half a pixel up, so that no side depends on another.

    Args:
        width: width of the original in pixels.
        height: height of the original in pixels.
        left: percent of the width, >= 0.
        top: percent of the height, >= 0.
        right: percent of the width, >= 0.
        bottom: percent of the height, >= 0.
    """
    margins = Margins(
        left=_rounded(width * left / 100),
        top=_rounded(height * top / 100),
        right=_rounded(width * right / 100),
        bottom=_rounded(height * bottom / 100),
    )
    return _plan(width, height, margins, "percent")


def plan_canvas(width: int, height: int, canvas: tuple[int, int], anchor: Anchor) -> Geometry:
    """Plan a canvas of a size in pixels, with the original at an anchor.

    Args:
        width: width of the original in pixels.
        height: height of the original in pixels.
        canvas: width and height of the canvas; neither less than the original's.
        anchor: where the original lies on the canvas.
    """
    return _anchor(width, height, canvas, anchor, "canvas")


def plan_position(
    width: int, height: int, canvas: tuple[int, int], position: tuple[int, int]
) -> Geometry:
    """Plan a canvas of a size in pixels, with the original's top left corner at a position.

    Args:
        width: width of the original in pixels.
        height: height of the original in pixels.
        canvas: width and height of the canvas.
        position: x and y of the corner, so that the whole original lies on the canvas.
    """
    left, top = position
    right, bottom = canvas[0] - width - left, canvas[1] - height - top
    margins = Margins(left=left, top=top, right=right, bottom=bottom)
    return _plan(width, height, margins, "canvas")


def plan_zoom_out(width: int, height: int, factor: Fraction, anchor: Anchor) -> Geometry:
    """Plan a canvas whose sides are the original's times a factor, rounded, half a pixel up.

    Args:
        width: width of the original in pixels.
        height: height of the original in pixels.
        factor: >= 1.
        anchor: where the original lies on the canvas.
    """
    canvas = _rounded(width * factor), _rounded(height * factor)
    return _anchor(width, height, canvas, anchor, "zoom_out")


def plan_aspect_ratio(width: int, height: int, ratio: Fraction, anchor: Anchor) -> Geometry:
    """Plan the smallest canvas of an aspect ratio that holds the whole original.

    The side that grows is rounded, half a pixel up, and never below the original's; the odd pixel
    of a split goes right or bottom.

    Args:
        width: width of the original in pixels.
        height: height of the original in pixels.
        ratio: width / height of the canvas, > 0.
        anchor: where the original lies on the canvas.
    """
    # A canvas that already has the ratio to within a pixel stays: people call 1366x768 16:9.
    target_width = max(width, _rounded(height * ratio))
    target_height = max(height, _rounded(width / ratio))
    if target_width - width >= target_height - height:
        target_height = height
    else:
        target_width = width
    return _anchor(width, height, (target_width, target_height), anchor, "aspect_ratio")


def find_longest_overlap(geometry: Geometry) -> int:
    """Return the longest overlap that leaves some of the original untouched.

    Only sides that are extended are blended: one along an axis may use all but a pixel of it, two
    share that.

    Args:
        geometry: of an outpainting; at least one side is extended.

    Returns:
        Pixels from the edge of the original inward, >= 0.
    """
    original, margins = geometry.original, geometry.margins
    axes = (
        (original.width, bool(margins.left) + bool(margins.right)),
        (original.height, bool(margins.top) + bool(margins.bottom)),
    )
    return min((side - 1) // extended for side, extended in axes if extended)


def _rounded(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def _anchor(
    width: int, height: int, canvas: tuple[int, int], anchor: Anchor, asked: Vocabulary
) -> Geometry:
    """Lay the original on a canvas at an anchor."""
    left, right = _split(canvas[0] - width, anchor, before="left", after="right")
    top, bottom = _split(canvas[1] - height, anchor, before="top", after="bottom")
    margins = Margins(left=left, top=top, right=right, bottom=bottom)
    return _plan(width, height, margins, asked)


def _split(extra: int, anchor: Anchor, *, before: str, after: str) -> tuple[int, int]:
    """Divide the added pixels of an axis: an original anchored left gets all on the right."""
    if before in anchor:
        return 0, extra
    if after in anchor:
        return extra, 0
    return extra // 2, extra - extra // 2


def _plan(width: int, height: int, margins: Margins, asked: Vocabulary) -> Geometry:
    original = Box(
        left=margins.left,
        top=margins.top,
        right=margins.left + width,
        bottom=margins.top + height,
    )
    return Geometry(
        width=width + margins.left + margins.right,
        height=height + margins.top + margins.bottom,
        original=original,
        margins=margins,
        asked=asked,
    )
