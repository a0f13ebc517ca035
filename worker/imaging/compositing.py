"""Putting what was painted into the picture that it belongs to, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np

from service.contract.geometry import Geometry
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import Picture, to_uint8


def paste_back(picture: Picture, mask: MaskArray, painted: ImageArray) -> Picture:
    """Give the picture with what was painted under the mask; all else is copied bit for bit.

    A gray picture stays gray: what was painted is turned into luminance (ITU-R BT.601). Under the
    mask the result is opaque; elsewhere alpha is the picture's own.

    Args:
        picture: what is kept.
        mask: uint8 (H, W); 255 takes the painted pixel, 0 the picture's.
        painted: RGB uint8 (H, W, 3).
    """
    is_painted = mask != 0
    source = to_uint8(cv2.cvtColor(painted, cv2.COLOR_RGB2GRAY)) if picture.is_gray else painted
    color = picture.color.copy()
    np.copyto(color, source, where=is_painted if picture.is_gray else is_painted[..., None])
    alpha = None if picture.alpha is None else np.maximum(picture.alpha, mask)
    return Picture(color, alpha, picture.icc_profile)


def place_on_canvas(picture: Picture, geometry: Geometry) -> tuple[Picture, MaskArray]:
    """Lay the original on its larger canvas.

    Until it is painted, the rest holds the color of the nearest border pixel: an engine that
    resizes the canvas then blends no foreign color into the original's edge. The rest is opaque.

    Args:
        picture: the original, upright.
        geometry: where it goes.

    Returns:
        The canvas, and its mask: uint8 (H, W), 0 where the original lies, 255 elsewhere.
    """
    color = to_uint8(_extend(picture.color, geometry, cv2.BORDER_REPLICATE))
    alpha = None
    if picture.alpha is not None:
        alpha = to_uint8(_extend(picture.alpha, geometry, cv2.BORDER_CONSTANT))
    mask = np.zeros((picture.height, picture.width), np.uint8)
    canvas_mask = to_uint8(_extend(mask, geometry, cv2.BORDER_CONSTANT))
    return Picture(color, alpha, picture.icc_profile), canvas_mask


def _extend(array: ImageArray, geometry: Geometry, border: int) -> object:
    margins = geometry.margins
    return cv2.copyMakeBorder(
        array, margins.top, margins.bottom, margins.left, margins.right, border, value=255
    )
