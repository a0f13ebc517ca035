"""Color and alpha in one array, premultiplied, so that what is transparent has no color."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Geometry
from worker.imaging import AlphaArray, ImageArray, MaskArray
from worker.imaging.bands import row_bands
from worker.imaging.geometry import widen_box
from worker.imaging.masks import bounding_box
from worker.imaging.picture import Picture, to_uint8

SPREAD: Final = 1.5
"""A pixel stays transparent if what is visible at the border is this many times as far away as the
border itself, and `LEEWAY` more."""

FAINT: Final = 128
"""Alpha below which a color is too coarse to go on from."""

NEAR: Final = 2
"""Pixels around a hole in which what is visible counts as meeting it."""

UNSEEN: Final = 8
"""Alpha up to which nothing is visible at a border: resampling leaves as much around a figure."""

RIM: Final = 2
"""A pixel at a border whose alpha is less than that of the next one inside, divided by this, is the
rim of a figure that ends there."""

LEEWAY: Final = 8
"""Pixels."""


def has_transparency(picture: Picture) -> bool:
    """Return whether some pixel of the picture is not opaque."""
    return picture.alpha is not None and int(picture.alpha.min()) < 255


def premultiply(picture: Picture) -> ImageArray:
    """Return the picture as premultiplied RGBA: uint8 (H, W, 4), no color above its alpha.

    Args:
        picture: with alpha.

    Raises:
        ValueError: it has none.

    Source: T. Porter, T. Duff, "Compositing Digital Images", SIGGRAPH 1984.
    """
    alpha = _alpha_of(picture)
    result = np.empty((picture.height, picture.width, 4), np.uint8)
    for rows in row_bands(picture.height):
        weight = alpha[rows].astype(np.uint16)[..., None]
        color = picture.color[rows] if not picture.is_gray else picture.color[rows][..., None]
        result[rows, :, :3] = (color * weight + np.uint16(127)) // np.uint16(255)
    result[..., 3] = alpha
    return result


def lay_on_white(picture: Picture) -> Picture:
    """Return the picture without alpha, as it looks on white."""
    if picture.alpha is None:
        return picture
    color = np.empty_like(picture.color)
    # By bands: the products take two bytes, and more than one of them is held.
    for rows in row_bands(picture.height):
        weight = picture.alpha[rows].astype(np.uint16)
        if not picture.is_gray:
            weight = weight[..., None]
        color[rows] = (picture.color[rows] * weight + 255 * (255 - weight) + 127) // 255
    return picture.with_pixels(color, None)


def show_on_white(image: ImageArray) -> ImageArray:
    """Return the RGB (H, W, 3) of premultiplied RGBA on white; RGB as it is, but contiguous."""
    color = np.ascontiguousarray(image[..., :3])
    return color if image.shape[2] == 3 else to_uint8(color + (255 - image[..., 3:]))


def show_opaque_part(picture: Picture, mask: MaskArray) -> tuple[ImageArray, MaskArray]:
    """Return RGB (H, W, 3) and a mask for painting what is transparent with opaque colors.

    What is mostly transparent is masked too, if anything else is kept: the fainter a pixel, the
    less its color says. Its color is that of the picture on white.

    Args:
        picture: with alpha.
        mask: uint8 (H, W), 255 repaint.
    """
    faint = np.where(_alpha_of(picture) < FAINT, 255, 0).astype(np.uint8)
    image = picture.rgb().copy()
    cv2.copyTo(lay_on_white(picture).rgb(), faint, image)
    hidden = mask | faint
    return image, mask if hidden.all() else hidden


def divide_by_alpha(image: ImageArray) -> ImageArray:
    """Return the straight RGB (H, W, 3) of premultiplied RGBA; black where alpha is 0."""
    result = np.empty((*image.shape[:2], 3), np.uint8)
    for rows in row_bands(image.shape[0]):
        alpha = image[rows, :, 3].astype(np.uint16)[..., None]
        color = image[rows, :, :3] * np.uint16(255) + alpha // np.uint16(2)
        result[rows] = np.minimum(color // np.maximum(alpha, np.uint16(1)), np.uint16(255))
    result[image[..., 3] == 0] = 0
    return result


def _alpha_of(picture: Picture) -> AlphaArray:
    if picture.alpha is None:
        raise ValueError("the picture has no alpha")
    return picture.alpha


def clear_holes(image: ImageArray, mask: MaskArray) -> tuple[ImageArray, MaskArray]:
    """Return picture and mask with the holes that lie in nothing but transparency done.

    Args:
        image: premultiplied RGBA uint8 (H, W, 4).
        mask: uint8 (H, W), 255 repaint.
    """
    box = widen_box(bounding_box(mask), NEAR, mask.shape[1], mask.shape[0])
    window = np.s_[box.top : box.bottom, box.left : box.right]
    hole, side = mask[window], 2 * NEAR + 1
    near = to_uint8(cv2.dilate(hole, np.ones((side, side), np.uint8)))
    _, labels = cv2.connectedComponents(near, connectivity=8)
    is_visible = (hole == 0) & (image[window][..., 3] > 0)
    beside_visible = np.unique(labels[is_visible & (near != 0)])
    rest = mask.copy()
    rest[window][~np.isin(labels, beside_visible)] = 0
    return _clear(image, mask, rest)


def clear_margins(image: ImageArray, geometry: Geometry) -> tuple[ImageArray, MaskArray]:
    """Return a canvas and its mask with the margins done beyond which nothing visible lies.

    What is transparent at the border goes on transparent; near where something visible reaches the
    border, in a cone outward, it is still to be painted.

    Args:
        image: premultiplied RGBA uint8 (H, W, 4).
        geometry: where the original lies.
    """
    box = geometry.original
    inside = np.s_[box.top : box.bottom, box.left : box.right]
    mask = np.full(image.shape[:2], 255, np.uint8)
    mask[inside] = 0
    at_border = (cv2.dilate(mask, np.ones((3, 3), np.uint8)) != 0) & (mask == 0)
    others = np.full_like(mask, 255)
    others[inside][at_border[inside] & goes_on(image[inside][..., 3])] = 0
    if others.all():
        return _clear(image, mask, np.zeros_like(mask))
    away = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_5)
    from_visible = cv2.distanceTransform(others, cv2.DIST_L2, cv2.DIST_MASK_5)
    is_clear = np.asarray(from_visible) > SPREAD * np.asarray(away) + LEEWAY
    return _clear(image, mask, np.where(is_clear, 0, mask).astype(np.uint8))


def goes_on(alpha: AlphaArray) -> NDArray[np.bool_]:
    """Return where something is visible that does not end right there, as a figure at its rim.

    Args:
        alpha: uint8 (H, W).
    """
    most = cv2.dilate(np.ascontiguousarray(alpha), np.ones((3, 3), np.uint8))
    return np.asarray((alpha > UNSEEN) & (alpha >= np.asarray(most) // RIM))


def _clear(image: ImageArray, mask: MaskArray, rest: MaskArray) -> tuple[ImageArray, MaskArray]:
    """Return the picture transparent where the mask is done, and what is left of the mask."""
    done = (mask != 0) & (rest == 0)
    if not done.any():
        return image, rest
    result = image.copy()
    result[done] = 0
    return result, rest
