"""Masks: decode, grow, measure."""

from __future__ import annotations

import cv2
import numpy as np

from service.contract.errors import ImageUndecodable, MaskEmpty, MaskFull, MaskUndecodable
from service.contract.geometry import Box
from service.contract.masks import binarize
from service.contract.params import MaskPolarity
from worker.imaging import MaskArray
from worker.imaging.decoding import load_upright
from worker.imaging.picture import to_uint8


def decode_mask(
    data: bytes, max_pixels: int, polarity: MaskPolarity = "white_repaints", threshold: int = 128
) -> MaskArray:
    """Decode a mask file: luminance by Pillow's mode `L`, alpha ignored, upright by EXIF.

    Args:
        data: a PNG, JPEG or WebP file.
        max_pixels: width x height that the header may declare.
        polarity: which end is repainted.
        threshold: 1..255; a luminance from this on is white.

    Raises:
        ImageTooLarge: the header declares more pixels; nothing was decoded.
        UnsupportedMediaType: another format, animated, 16 bits a channel, or CMYK.
        MaskUndecodable: the file is broken.
    """
    try:
        upright = load_upright(data, max_pixels)
    except ImageUndecodable:
        raise MaskUndecodable("the mask is broken or ends too early") from None
    if upright.has_transparency_data:
        # The colors as they are, not laid on black.
        upright = upright.convert("RGBA")
    # By the API's own function: what it judged and what is painted must be the same mask.
    return np.array(binarize(upright.convert("L"), polarity, threshold))


def grow_mask(mask: MaskArray, pixels: int) -> MaskArray:
    """Widen a mask by a disc, or narrow it where `pixels` is negative.

    A pixel joins when one of the mask's lies within `pixels` of it (Euclid, centers). The world
    beyond the picture is neither mask nor kept, so nothing shrinks from the picture's border.

    Args:
        mask: uint8 (H, W) of 0 and 255.
        pixels: radius of the disc; 0 gives the mask itself.
    """
    if pixels == 0 or not mask.any() or mask.all():
        return mask
    if pixels < 0:
        return 255 - grow_mask(255 - mask, -pixels)
    # By distance, not by a kernel: the cost of a disc of 256 px is that of a disc of 1 px.
    distance = cv2.distanceTransform(255 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return (distance <= pixels + 1e-3).astype(np.uint8) * 255


def check_mask(mask: MaskArray) -> None:
    """Check that there is something to repaint and something to keep.

    Raises:
        MaskEmpty: all is 0.
        MaskFull: all is 255.
    """
    painted = cv2.countNonZero(mask)
    if painted == 0:
        raise MaskEmpty("nothing is left to repaint after grow was applied")
    if painted == mask.size:
        raise MaskFull("nothing is left to keep after grow was applied")


def coverage(mask: MaskArray) -> float:
    """Give the share of the picture that is repainted, 0..1."""
    return cv2.countNonZero(mask) / mask.size


def bounding_box(mask: MaskArray) -> Box:
    """Give the smallest box that holds the mask; an empty mask has a box without area."""
    left, top, width, height = cv2.boundingRect(mask)
    return Box(left=left, top=top, right=left + width, bottom=top + height)


def count_components(mask: MaskArray) -> int:
    """Give the number of 8-connected parts."""
    count, _ = cv2.connectedComponents(mask, connectivity=8)
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
