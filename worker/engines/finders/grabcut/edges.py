"""The edge of a cut, followed at the picture's own size."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from worker.engines.channels import sum_channels
from worker.engines.finders.grabcut.ground import Bools, Floats
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

_BAND: Final = 2.5
"""Half the width of what is decided anew, in pixels of the small cut."""
_LEAST_CONTRAST: Final = 20.0
"""Colors on both sides that differ less than this say nothing, in levels."""
ROWS: Final = 512
"""Rows that are worked on at a time: it bounds the memory."""


def follow_edge(image: ImageArray, small: ImageArray, mask: Bools) -> MaskArray:
    """Return a cut of the small picture at the size of the large one.

    Near the edge, each pixel goes to the side whose colors nearby it is nearer to.

    Args:
        image: RGB (H, W, 3).
        small: the same in reduced size (h, w, 3).
        mask: the cut (h, w).
    """
    soft = np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7), np.float32)
    if image.shape == small.shape:
        return to_uint8(np.where(mask, 255, 0).astype(np.uint8))
    inner, outer = _colors_of(small, mask), _colors_of(small, ~mask)
    band = _find_band(mask)
    parts = []
    for top in range(0, len(image), ROWS):
        rows = min(ROWS, len(image) - top)
        each = [_stretch(array, image.shape, top, rows) for array in (soft, band, inner, outer)]
        parts.append(_decide(image[top : top + rows], each))
    return to_uint8(np.concatenate(parts))


def _find_band(mask: Bools) -> Floats:
    distances = [
        cv2.distanceTransform(one.astype(np.uint8), cv2.DIST_L2, 5) for one in (mask, ~mask)
    ]
    return (np.maximum(*distances) <= _BAND).astype(np.float32)


def _colors_of(small: ImageArray, side: Bools) -> Floats:
    """Return the mean colors of one side near each pixel, without those right at the edge."""
    deep = cv2.erode(side.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    kept = (deep if deep.any() else side).astype(np.float32)
    total, mass = np.zeros(small.shape, np.float32), np.full(side.shape, 1e-9, np.float32)
    for sigma, share in ((2.0, 1.0), (8.0, 1e-3)):
        total += share * cv2.GaussianBlur(small * kept[..., None], (0, 0), sigma)
        mass += share * cv2.GaussianBlur(kept, (0, 0), sigma)
    return total / mass[..., None]


def _stretch(array: Floats, shape: tuple[int, ...], top: int, rows: int) -> Floats:
    """Return some rows of an array as large as the picture."""
    across, down = array.shape[1] / shape[1], array.shape[0] / shape[0]
    # A pixel's center lies half a pixel inside.
    matrix = np.array(
        [[across, 0, across / 2 - 0.5], [0, down, (top + 0.5) * down - 0.5]], np.float32
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (shape[1], rows)
    warped = cv2.warpAffine(array, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped)


def _decide(image: ImageArray, each: list[Floats]) -> MaskArray:
    soft, band, inner, outer = each
    away, change = inner - outer, image - outer
    square = sum_channels(away * away)
    opacity = sum_channels(change * away) / np.maximum(square, 1)
    sure = np.minimum(1, np.sqrt(square) / _LEAST_CONTRAST)
    likely = np.where(band > 0.01, sure * opacity.clip(0, 1) + (1 - sure) * soft, soft)
    # Where colors mislead, the small cut is nowhere far off.
    decided = (0.7 * likely + 0.3 * soft) > 0.5
    return to_uint8(np.where(decided, 255, 0).astype(np.uint8))
