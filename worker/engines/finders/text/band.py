"""A line of text with what lies around it, in a size that bounds the work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.finders.colors import to_lab
from worker.engines.finders.text.detecting import Floats
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

Bools = NDArray[np.bool_]

HEIGHT: Final = 64
"""Lines higher than this are looked at in reduced size, in pixels."""

FEW: Final = 64
"""Fewer pixels than this say nothing of a ground."""


@dataclass(frozen=True, eq=False)
class Band:
    """A line of text and its surroundings; arrays (h, w) of the band's own size.

    Attributes:
        colors: CIE Lab (h, w, 3), 0 .. 255 for lightness, the others around 128.
        height: of the line's quadrilateral in pixels; letters have about two thirds of it.
        line: within the quadrilateral.
        near: the quadrilateral, and a little beyond: text lies here alone.
        around: beyond that, without other lines: ground alone.
        others: other lines.
        segment: which part of the line's length each pixel belongs to; a part is about as long as
            the line is high.
        segments: their number.
        place: top, bottom, left and right in the picture.
        scale: of the band to the picture, at most 1.
    """

    colors: Floats
    height: float
    line: Bools
    near: Bools
    around: Bools
    others: Bools
    segment: NDArray[np.int64]
    segments: int
    place: tuple[int, int, int, int]
    scale: float

    def widen(self, mask: Bools, share: float, least: float = 1) -> Bools:
        """Return a mask widened by a share of the line's height, and at least so many pixels."""
        return widen(mask, max(least, share * self.height))


def widen(mask: Bools, pixels: float) -> Bools:
    """Return a mask widened by so many pixels, round."""
    if not mask.any():
        return mask
    beside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return np.asarray(beside <= pixels + 0.2)


def cut_band(image: ImageArray, corners: Floats, lines: ImageArray) -> Band:
    """Cut a line out of the picture.

    Args:
        image: RGB (H, W, 3).
        corners: of the line's quadrilateral (4, 2).
        lines: uint8 (H, W), how many lines lie on each pixel.
    """
    along, across = _sides(corners)
    height = max(4.0, float(np.linalg.norm(across)))
    pad = int(np.ceil(height)) + 4
    low = np.maximum(0, np.floor(corners.min(axis=0)).astype(int) - pad)
    high = np.minimum(image.shape[1::-1], np.ceil(corners.max(axis=0)).astype(int) + pad)
    place = (int(low[1]), int(high[1]), int(low[0]), int(high[0]))
    window = np.s_[place[0] : place[1], place[2] : place[3]]
    scale = min(1.0, HEIGHT / height)
    size = tuple(max(1, round(float(side) * scale)) for side in high - low)
    picture = cv2.resize(image[window], size, interpolation=cv2.INTER_AREA)
    count = cv2.resize(lines[window], size, interpolation=cv2.INTER_NEAREST)
    inner = ((corners - low) * scale).astype(np.float32)
    line = np.zeros(size[::-1], np.uint8)
    cv2.fillConvexPoly(line, np.rint(inner).astype(np.int32), 1)
    within, others = line > 0, count > line
    segment, segments = _segments(inner, along * scale, height * scale, size)
    near = widen(within, height * scale * 0.15)
    return Band(
        colors=to_lab(to_uint8(picture)),
        height=height * scale,
        line=within,
        near=near,
        around=_around(within, near, others, height * scale),
        others=others,
        segment=segment,
        segments=segments,
        place=place,
        scale=scale,
    )


def _sides(corners: Floats) -> tuple[Floats, Floats]:
    """Return the long side and the short one as vectors."""
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    return (first, second) if first @ first >= second @ second else (second, first)


def _segments(
    corners: Floats, along: Floats, height: float, size: tuple[int, ...]
) -> tuple[NDArray[np.int64], int]:
    length = max(1.0, float(np.linalg.norm(along)))
    segments = max(1, round(length / (height * 0.8)))
    direction = along / length
    start = (corners @ direction).min()
    columns, rows = np.arange(size[0]) * direction[0], np.arange(size[1]) * direction[1]
    share = (columns[None] + rows[:, None] - start) / length
    return np.clip((share * segments).astype(np.int64), 0, segments - 1), segments


def _around(line: Bools, near: Bools, others: Bools, height: float) -> Bools:
    choices = (widen(line, height * 0.9) & ~near & ~others, ~near, ~line, line)
    return next((choice for choice in choices if choice.sum() >= FEW), line)
