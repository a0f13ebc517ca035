"""Place painted pixels in their picture, and change nothing else."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box, Geometry
from worker.imaging import AlphaArray, ImageArray, MaskArray
from worker.imaging.bands import row_bands
from worker.imaging.feathering import WeightArray
from worker.imaging.masks import bounding_box
from worker.imaging.picture import Picture, to_uint8
from worker.imaging.transparency import divide_by_alpha


def paste_back(
    picture: Picture,
    mask: MaskArray,
    painted: ImageArray,
    weight: WeightArray | None = None,
) -> Picture:
    """Return the picture with what was painted under the mask; all else is copied bit for bit.

    A gray picture stays gray: what was painted is turned into luminance (ITU-R BT.601). Under the
    mask alpha is what was painted, opaque for RGB; elsewhere it is the picture's own. Where
    `weight` is below 255, what was there shines through: alpha fades from the picture's own to the
    painted one, and the two colors weigh as much as each is to be seen, so that the color of a
    transparent pixel counts for nothing.

    Args:
        picture: what is kept; with alpha, if RGBA was painted.
        mask: uint8 (H, W); 255 takes the painted pixel, 0 the picture's.
        painted: RGB uint8 (H, W, 3), or premultiplied RGBA (H, W, 4).
        weight: uint8 (H, W), share of the painted pixel in 255ths; `None` for all of it.
    """
    box = bounding_box(mask)
    window = np.s_[box.top : box.bottom, box.left : box.right]
    source, hole = painted[window], mask[window]
    cover = hole
    if painted.shape[2] == 4:
        cover, source = np.ascontiguousarray(source[..., 3]), divide_by_alpha(source)
    if picture.is_gray:
        source = to_uint8(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY))
    color = picture.color.copy()
    alpha = None if picture.alpha is None else picture.alpha.copy()
    if weight is not None:
        source = _blend_into(source, cover, picture, weight[window], box)
        if alpha is not None:
            _fade(alpha[window], cover, weight[window])
    elif alpha is not None:
        cv2.copyTo(cover, hole, alpha[window])
    cv2.copyTo(source, hole, color[window])
    return picture.with_pixels(color, alpha)


def _blend_into(
    source: ImageArray, cover: AlphaArray, picture: Picture, weight: WeightArray, box: Box
) -> ImageArray:
    """Return a window of what was painted, laid over the picture by its weight."""
    window = np.s_[box.top : box.bottom, box.left : box.right]
    color = picture.color[window]
    alpha = None if picture.alpha is None else picture.alpha[window]
    result = np.empty_like(color)
    for rows in row_bands(box.height):
        share = _visible_share(weight[rows], cover[rows], None if alpha is None else alpha[rows])
        if color.ndim == 3:
            share = share[..., None]
        below = color[rows].astype(np.float32)
        below += share * (source[rows] - below)
        result[rows] = np.rint(below)
    return result


def _visible_share(
    weight: WeightArray, cover: AlphaArray, alpha: AlphaArray | None
) -> NDArray[np.float32]:
    """Return how much of the color is the painted one's, 0..1.

    Source: T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984 (premultiplied color).
    """
    share = weight.astype(np.float32) / np.float32(255)
    if alpha is None:
        return share
    own = (1 - share) * (alpha.astype(np.float32) / np.float32(255))
    share = share * (cover.astype(np.float32) / np.float32(255))
    return np.asarray(share / np.maximum(share + own, np.float32(1e-6)), np.float32)


def _fade(alpha: AlphaArray, cover: AlphaArray, weight: WeightArray) -> None:
    """Bring alpha as near to the painted one as its weight says, in place."""
    for rows in row_bands(alpha.shape[0]):
        own = alpha[rows].astype(np.float32)
        share = weight[rows].astype(np.float32) / 255
        alpha[rows] = np.rint(own + (cover[rows] - own) * share)


def place_on_canvas(picture: Picture, geometry: Geometry) -> tuple[Picture, MaskArray]:
    """Place the original on its larger canvas.

    Until it is painted, the rest holds color and alpha of the nearest border pixel: an engine that
    resizes the canvas then blends no foreign color into the original's edge.

    Args:
        picture: the original, upright.
        geometry: where it goes.

    Returns:
        The canvas, and its mask: uint8 (H, W), 0 where the original lies, 255 elsewhere.
    """
    color = _extend(picture.color, geometry)
    alpha = None if picture.alpha is None else _extend(picture.alpha, geometry)
    return picture.with_pixels(color, alpha), mask_around(geometry)


def mask_around(geometry: Geometry) -> MaskArray:
    """Return the canvas' mask: uint8 (H, W), 0 where the original lies, 255 elsewhere."""
    mask = np.full((geometry.height, geometry.width), 255, np.uint8)
    box = geometry.original
    mask[box.top : box.bottom, box.left : box.right] = 0
    return mask


def _extend(array: ImageArray, geometry: Geometry) -> ImageArray:
    margins = geometry.margins
    sides = margins.top, margins.bottom, margins.left, margins.right
    return to_uint8(cv2.copyMakeBorder(array, *sides, cv2.BORDER_REPLICATE))
