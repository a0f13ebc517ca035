"""Place painted pixels in their picture, and change nothing else."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box, Geometry
from worker.imaging import ImageArray, MaskArray
from worker.imaging.bands import row_bands
from worker.imaging.deepening import raise_to_16_bits
from worker.imaging.feathering import WeightArray
from worker.imaging.masks import bounding_box
from worker.imaging.picture import DEEP_STEP, DeepPixels, Picture, to_uint8
from worker.imaging.transparency import divide_by_alpha


def paste_back(
    picture: Picture,
    mask: MaskArray,
    painted: ImageArray,
    weight: WeightArray | None = None,
    seed: int = 0,
) -> Picture:
    """Return the picture with what was painted under the mask; all else is copied bit for bit.

    In a picture of 16 bits, what was painted in 8 is brought up to 16 (`raise_to_16_bits`).

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
        seed: of the grain in 16 bits.
    """
    box = bounding_box(mask)
    window = np.s_[box.top : box.bottom, box.left : box.right]
    source, hole = painted[window], mask[window]
    cover = hole
    if painted.shape[2] == 4:
        cover, source = np.ascontiguousarray(source[..., 3]), divide_by_alpha(source)
    if picture.is_gray:
        source = to_uint8(cv2.cvtColor(source, cv2.COLOR_RGB2GRAY))
    layer = _Layer(box, hole, None if weight is None else weight[window])
    color, alpha = _lay_over(picture.color, picture.alpha, source, cover, layer)
    if picture.deep is None:
        return picture.with_pixels(color, alpha)
    deep_color, deep_alpha = picture.deep
    raised = raise_to_16_bits(source, deep_color, hole, box, seed)
    deep_cover = cover.astype(np.uint16) * np.uint16(DEEP_STEP)
    deep = _lay_over(deep_color, deep_alpha, raised, deep_cover, layer)
    return picture.with_pixels(color, alpha, DeepPixels(*deep))


class _Layer(NamedTuple):
    """The place of what is laid over: its box, where in it, and by which weight."""

    box: Box
    hole: MaskArray
    weight: WeightArray | None


def _lay_over(
    below: NDArray[Any],
    below_alpha: NDArray[Any] | None,
    source: NDArray[Any],
    cover: NDArray[Any],
    layer: _Layer,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return color and alpha with what was painted laid over."""
    box = layer.box
    window = np.s_[box.top : box.bottom, box.left : box.right]
    color = below.copy()
    alpha = None if below_alpha is None else below_alpha.copy()
    if layer.weight is not None:
        own = None if alpha is None else alpha[window]
        source = _blend_into(source, cover, color[window], own, layer.weight)
        if own is not None:
            _fade(own, cover, layer.weight)
    elif alpha is not None:
        cv2.copyTo(cover, layer.hole, alpha[window])
    cv2.copyTo(source, layer.hole, color[window])
    return color, alpha


def _blend_into(
    source: NDArray[Any],
    cover: NDArray[Any],
    color: NDArray[Any],
    alpha: NDArray[Any] | None,
    weight: WeightArray,
) -> NDArray[Any]:
    """Return what was painted, laid over color and alpha by its weight."""
    result = np.empty_like(color)
    for rows in row_bands(len(color)):
        share = _visible_share(weight[rows], cover[rows], None if alpha is None else alpha[rows])
        if color.ndim == 3:
            share = share[..., None]
        below = color[rows].astype(np.float32)
        below += share * (source[rows] - below)
        result[rows] = np.rint(below)
    return result


def _visible_share(
    weight: WeightArray, cover: NDArray[Any], alpha: NDArray[Any] | None
) -> NDArray[np.float32]:
    """Return how much of the color is the painted one's, 0..1.

    Source: T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984 (premultiplied color).
    """
    share = weight.astype(np.float32) / np.float32(255)
    if alpha is None:
        return share
    top = np.float32(np.iinfo(alpha.dtype).max)
    own = (1 - share) * (alpha.astype(np.float32) / top)
    share = share * (cover.astype(np.float32) / top)
    return np.asarray(share / np.maximum(share + own, np.float32(1e-6)), np.float32)


def _fade(alpha: NDArray[Any], cover: NDArray[Any], weight: WeightArray) -> None:
    """Bring alpha as near to the painted one as its weight says, in place."""
    for rows in row_bands(alpha.shape[0]):
        own = alpha[rows].astype(np.float32)
        share = weight[rows].astype(np.float32) / 255
        alpha[rows] = np.rint(own + (cover[rows].astype(np.float32) - own) * share)


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
    color, alpha = _extend_both(picture.color, picture.alpha, geometry)
    deep = None if picture.deep is None else DeepPixels(*_extend_both(*picture.deep, geometry))
    return picture.with_pixels(color, alpha, deep), mask_around(geometry)


def mask_around(geometry: Geometry) -> MaskArray:
    """Return the canvas' mask: uint8 (H, W), 0 where the original lies, 255 elsewhere."""
    mask = np.full((geometry.height, geometry.width), 255, np.uint8)
    box = geometry.original
    mask[box.top : box.bottom, box.left : box.right] = 0
    return mask


def _extend_both(
    color: NDArray[Any], alpha: NDArray[Any] | None, geometry: Geometry
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    return _extend(color, geometry), None if alpha is None else _extend(alpha, geometry)


def _extend(array: NDArray[Any], geometry: Geometry) -> NDArray[Any]:
    margins = geometry.margins
    sides = margins.top, margins.bottom, margins.left, margins.right
    return np.asarray(cv2.copyMakeBorder(array, *sides, cv2.BORDER_REPLICATE), array.dtype)
