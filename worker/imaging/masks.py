"""Masks: decode, grow, measure."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.contract.errors import MaskEmpty, MaskFull
from service.contract.geometry import Box
from service.contract.params import MaskPolarity
from service.pictures.mask_decoding import read_mask
from service.pictures.masks import DEFAULT_THRESHOLD, binarize
from worker.imaging import MaskArray
from worker.imaging.geometry import widen_box
from worker.imaging.picture import to_uint8


def decode_mask(
    data: bytes,
    max_pixels: int,
    polarity: MaskPolarity = "white_repaints",
    threshold: int = DEFAULT_THRESHOLD,
) -> MaskArray:
    """Decode a mask file: its luminance, upright, as `service.pictures.mask_decoding` reads it.

    Args:
        data: a PNG, JPEG or WebP file.
        max_pixels: width x height that the header may declare.
        polarity: which end is repainted.
        threshold: 1..255; a luminance from this on is white.

    Raises:
        ImageTooLarge: the header declares more pixels; nothing was decoded.
        UnsupportedMediaType: another format, or animated.
        MaskUndecodable: the file is broken.
        InvalidField: the mask seems to speak by transparency.
    """
    return np.array(binarize(decode_luminance(data, max_pixels), polarity, threshold))


def decode_luminance(data: bytes, max_pixels: int) -> Image.Image:
    """Decode a mask file to its luminance: mode L, upright.

    Args:
        data: a PNG, JPEG or WebP file.
        max_pixels: width x height that the header may declare.

    Raises:
        ImageTooLarge, UnsupportedMediaType, MaskUndecodable, InvalidField: as `decode_mask` does.
    """
    # By the API's own function: what it judged and what is painted must be the same mask.
    _, luminance = read_mask(BytesIO(data), max_pixels)
    return luminance


@dataclass(frozen=True)
class SoftEdge:
    """Pixels of a mask between black and white that are kept.

    Attributes:
        pixels: how many.
        threshold: that would repaint all of them.
    """

    pixels: int
    threshold: int


def find_soft_edge(
    luminance: Image.Image, mask: MaskArray, polarity: MaskPolarity, threshold: int
) -> SoftEdge | None:
    """Find the gray pixels of a mask that its threshold keeps, and `grow` does not take either.

    Args:
        luminance: mode L.
        mask: uint8 (H, W), 255 repaint, after `grow`.
        polarity: which end is repainted.
        threshold: 1..255; a luminance from this on is white.
    """
    is_white = polarity == "white_repaints"
    first, last = (1, threshold - 1) if is_white else (threshold, 254)
    if not any(luminance.histogram()[first : last + 1]):
        return None
    values = np.asarray(luminance)
    kept = to_uint8(cv2.inRange(values, np.array(first), np.array(last))) & ~mask
    pixels = cv2.countNonZero(kept)
    if pixels == 0:
        return None
    darkest, brightest, *_ = cv2.minMaxLoc(values, to_uint8(kept))
    return SoftEdge(pixels, int(darkest) if is_white else int(brightest) + 1)


def grow_mask(mask: MaskArray, pixels: int) -> MaskArray:
    """Widen a mask by a disc, or narrow it where `pixels` is negative.

    A pixel joins when one of the mask's lies within `pixels` of it (Euclid, centers). The world
    beyond the picture is neither mask nor kept, so nothing shrinks from the picture's border.

    Args:
        mask: uint8 (H, W) of 0 and 255.
        pixels: radius of the disc; 0 returns the mask itself.
    """
    if pixels == 0 or cv2.countNonZero(mask) in (0, mask.size):
        return mask
    # The box and a ring are enough, by what `measure_depth` says.
    window = _window(mask, max(pixels, 1))
    part = mask[window]
    grown = mask.copy()
    grown[window] = _widen(part, pixels) if pixels > 0 else 255 - _widen(255 - part, -pixels)
    return grown


def _widen(mask: MaskArray, pixels: int) -> MaskArray:
    # By distance, not by a kernel: the cost of a disc of 256 px is that of a disc of 1 px.
    distance = cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (distance <= pixels + 1e-3).astype(np.uint8) * 255


def measure_depth(mask: MaskArray) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """Return how far each pixel of the mask is from the nearest kept one; the border is none.

    Args:
        mask: uint8 (H, W) of 0 and 255; somewhere 0.

    Returns:
        Rows and columns of a window that holds the mask, and its distances: float32, Euclid
        between centers, 0 where the mask is 0.
    """
    # One more pixel on each side is enough: whatever is kept further out lies behind a pixel of
    # that ring that is nearer.
    window = _window(mask, 1)
    distance = cv2.distanceTransform(mask[window], cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return window, np.asarray(distance, np.float32)


def _window(mask: MaskArray, pixels: int) -> tuple[slice, slice]:
    """Return rows and columns of the mask's box, so much wider on each side."""
    box = widen_box(bounding_box(mask), pixels, mask.shape[1], mask.shape[0])
    return slice(box.top, box.bottom), slice(box.left, box.right)


def check_mask(mask: MaskArray, since: str = "after grow was applied") -> None:
    """Check that there is something to repaint and something to keep.

    Args:
        mask: uint8 (H, W), 255 repaint.
        since: what has made the mask so, for the error.

    Raises:
        MaskEmpty: all is 0.
        MaskFull: all is 255.
    """
    painted = cv2.countNonZero(mask)
    if painted == 0:
        raise MaskEmpty(f"nothing is left to repaint {since}")
    if painted == mask.size:
        raise MaskFull(f"nothing is left to keep {since}")


def coverage(mask: MaskArray) -> float:
    """Return the share of the picture that is repainted, 0..1."""
    return cv2.countNonZero(mask) / mask.size


def bounding_box(mask: MaskArray) -> Box:
    """Return the smallest box that holds the mask; an empty mask has a box without area."""
    left, top, width, height = cv2.boundingRect(mask)
    return Box(left=left, top=top, right=left + width, bottom=top + height)


def count_components(mask: MaskArray) -> int:
    """Return the number of 8-connected parts."""
    if cv2.countNonZero(mask) == 0:
        # OpenCV crashes on a window without pixels.
        return 0
    # In the box alone: the labels of a large picture would take four bytes a pixel.
    count, _ = cv2.connectedComponents(mask[_window(mask, 0)], connectivity=8)
    return int(count) - 1


def shrink_mask(mask: MaskArray, width: int, height: int) -> MaskArray:
    """Resize a mask so that a target pixel is repainted when any of what it covers is.

    Args:
        mask: uint8 (H, W) of 0 and 255.
        width: target width in pixels, larger or smaller than the mask's.
        height: target height in pixels.
    """
    # In float: the share of one pixel in a large cell would be rounded to 0 in bytes. In two steps:
    # where one side shrinks and the other grows, OpenCV does not go by area and loses pixels.
    smaller = min(width, mask.shape[1]), min(height, mask.shape[0])
    share = cv2.resize(mask.astype(np.float32), smaller, interpolation=cv2.INTER_AREA)
    share = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR)
    return (np.asarray(share) > 0).astype(np.uint8) * 255


def cover_cells(mask: MaskArray, cell: int) -> MaskArray:
    """Widen a mask to whole cells of `cell` x `cell` pixels, from the top left corner.

    Args:
        mask: uint8 (H, W) of 0 and 255; both sides multiples of `cell`.
        cell: side of a cell in pixels.
    """
    height, width = mask.shape
    cells = mask.reshape(height // cell, cell, width // cell, cell).max(axis=(1, 3))
    return to_uint8(np.kron(cells, np.ones((cell, cell), np.uint8)))
