"""Boxes and sizes: which part of a picture an engine works on, and how large it sees it."""

from __future__ import annotations

import math

from service.contract.geometry import Box


def widen_box(box: Box, pixels: int, width: int, height: int) -> Box:
    """Give the box widened on every side, cut at the picture's border.

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


def fit_size(width: int, height: int, area: int, multiple: int) -> tuple[int, int]:
    """Give the size nearest to an area that keeps the aspect ratio, both sides multiples.

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
