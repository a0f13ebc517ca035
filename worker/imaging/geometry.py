"""Boxes and sizes: which part of a picture an engine works on, and how large it sees it."""

from __future__ import annotations

import math

from service.contract.errors import InvalidField
from service.contract.geometry import Box, Geometry, Margins, find_longest_overlap


def widen_box(box: Box, pixels: int, width: int, height: int) -> Box:
    """Return the box widened on every side, cut at the picture's border.

    Args:
        box: half-open pixels.
        pixels: how far to widen, >= 0.
        width: width of the picture.
        height: height of the picture.
    """
    return Box(
        left=max(box.left - pixels, 0),
        top=max(box.top - pixels, 0),
        right=min(box.right + pixels, width),
        bottom=min(box.bottom + pixels, height),
    )


def shrink_original(geometry: Geometry, overlap: int) -> Geometry:
    """Return the geometry in which the original lacks a band along each side that is extended.

    Args:
        geometry: of an outpainting.
        overlap: width of the band in pixels, >= 0.

    Raises:
        InvalidField: the bands leave nothing of the original.
    """
    if overlap > find_longest_overlap(geometry):
        raise InvalidField("overlap must leave some of the original untouched")
    margins = geometry.margins
    left, top, right, bottom = (
        margin + overlap if margin else 0
        for margin in (margins.left, margins.top, margins.right, margins.bottom)
    )
    width, height = geometry.width - left - right, geometry.height - top - bottom
    return Geometry(
        width=geometry.width,
        height=geometry.height,
        original=Box(left=left, top=top, right=left + width, bottom=top + height),
        margins=Margins(left=left, top=top, right=right, bottom=bottom),
        asked=geometry.asked,
    )


def fit_size(width: int, height: int, area: int, multiple: int) -> tuple[int, int]:
    """Return the size nearest to an area that keeps the aspect ratio, both sides multiples.

    Args:
        width: width of the picture in pixels.
        height: height of the picture in pixels.
        area: wanted width x height.
        multiple: what both sides must be multiples of; no side becomes smaller than one of it.

    Returns:
        Width and height.
    """
    scale = math.sqrt(area / (width * height))
    return _snap(width * scale, multiple), _snap(height * scale, multiple)


def _snap(side: float, multiple: int) -> int:
    return max(multiple, round(side / multiple) * multiple)
