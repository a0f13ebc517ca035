"""The part of a result that is judged: the hole and its surroundings, small enough to be quick."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

SIDE: Final = 256
"""Longest side of a view in pixels."""

BACKGROUND: Final = np.float32(128)
"""Gray that transparent pictures are judged on: signs are white or black more often than gray."""

MIN_MARGIN: Final = 16
"""Pixels that a view shows around the hole, where the picture has them."""

RING_SHARE: Final = 0.35
"""Width of the ring around a hole over the hole's own half width."""

MIN_RING: Final = 5.0
MAX_RING: Final = 24.0

Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class View:
    """A hole with its surroundings.

    Attributes:
        picture: RGB uint8 (h, w, 3), at most `SIDE` pixels a side.
        hole: (h, w), what was painted; somewhere it is true.
        known: (h, w), what was kept; pixels of both belong to neither.
        ring: (h, w), the known pixels close to the hole.
        rim: (h, w), the known pixels beside the hole.
        share: of the picture that was painted, 0 .. 1.
        depth: mean distance of painted pixels to known ones, in the picture's own pixels.
        roughness: mean step from pixel to pixel in the hole, in gray values, at full size.
        roughness_around: the same in the ring around the hole.
    """

    picture: ImageArray
    hole: Flags
    known: Flags
    ring: Flags
    rim: Flags
    share: float
    depth: float
    roughness: float
    roughness_around: float


def make_view(image: ImageArray, mask: MaskArray) -> View:
    """Build the view of a result.

    Args:
        image: RGB or premultiplied RGBA uint8 (H, W, 3 or 4), painted.
        mask: uint8 (H, W), 255 = painted; somewhere it is.
    """
    window = _window_of(mask)
    whole, hole = np.ascontiguousarray(_on_gray(image[window])), np.ascontiguousarray(mask[window])
    away = np.asarray(cv2.distanceTransform(_padded(hole), cv2.DIST_L2, 3), np.float32)
    deep = away[1:-1, 1:-1]
    around = _ring_of(hole, float(deep.max()) * RING_SHARE)
    picture, painted, kept = _shrink(whole, hole)
    if not kept.any():
        # Of a strip, or of a few pixels, nothing kept may be left at this size.
        kept = np.ones_like(kept)
    small = np.where(painted, np.uint8(255), np.uint8(0))
    factor = picture.shape[0] / whole.shape[0]
    ring = _ring_of(small, float(deep.max()) * factor * RING_SHARE) & kept
    rim = np.asarray(cv2.dilate(small, np.ones((3, 3), np.uint8)) > 0, np.bool_) & kept
    return View(
        picture,
        painted,
        kept,
        ring if ring.any() else kept,
        rim if rim.any() else kept,
        float(np.count_nonzero(mask)) / mask.size,
        float(deep[hole > 0].mean()),
        measure_roughness(whole, hole),
        measure_roughness(whole, np.where(around & (hole == 0), np.uint8(255), np.uint8(0))),
    )


def _on_gray(image: ImageArray) -> ImageArray:
    """Return a picture, premultiplied where it has alpha, as it is seen on middle gray."""
    if image.shape[2] == 3:
        return image
    behind = BACKGROUND * (1 - image[..., 3:].astype(np.float32) / 255)
    return to_uint8(np.rint(image[..., :3] + behind).astype(np.uint8))


def measure_roughness(image: ImageArray, where: MaskArray) -> float:
    """Return the mean step from pixel to pixel under a mask, in gray values; 0 for an empty one."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    across = cv2.mean(cv2.absdiff(gray[:, 1:], gray[:, :-1]), where[:, 1:] & where[:, :-1])[0]
    down = cv2.mean(cv2.absdiff(gray[1:], gray[:-1]), where[1:] & where[:-1])[0]
    return float(across + down) / 2


def _window_of(mask: MaskArray) -> tuple[slice, slice]:
    left, top, width, height = cv2.boundingRect(mask)
    margin = max(MIN_MARGIN, max(width, height) // 2)
    rows = slice(max(0, top - margin), top + height + margin)
    return rows, slice(max(0, left - margin), left + width + margin)


def _padded(hole: MaskArray) -> MaskArray:
    """Return a hole that does not end at the picture's border, past which nothing is known."""
    return to_uint8(cv2.copyMakeBorder(hole, 1, 1, 1, 1, cv2.BORDER_REPLICATE))


def _ring_of(hole: MaskArray, reach: float) -> Flags:
    """Return what lies within a reach of a hole, the hole included."""
    away = cv2.distanceTransform(255 - hole, cv2.DIST_L2, 3)
    return np.asarray(np.asarray(away) <= min(max(reach, MIN_RING), MAX_RING), np.bool_)


def _shrink(image: ImageArray, hole: MaskArray) -> tuple[ImageArray, Flags, Flags]:
    """Return a picture, its hole and what is known of it at the size of a view."""
    height, width = hole.shape
    factor = SIDE / max(height, width)
    if factor >= 1:
        return image, np.asarray(hole > 0), np.asarray(hole == 0)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = to_uint8(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    cover = np.asarray(cv2.resize(hole, size, interpolation=cv2.INTER_AREA))
    painted = cover > 127
    # A scratch that is thinner than a pixel of the view is painted all the same.
    return small, painted if painted.any() else cover == cover.max(), cover == 0
