"""The planes that patches are compared by: color, and roughness around each pixel."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray, MaskArray

CHANNELS: Final = 5
"""Red, green, blue, and the means of |Ix| and |Iy|; with transparency red, green, blue, alpha,
and one mean for both. One number for both kinds, because the kernels are compiled for it."""

LANES: Final = 48
"""Bytes that the comparison reads of a patch's row: a multiple of what one instruction takes."""

Planes = NDArray[np.uint8]
"""uint8 (H, W, 5): color, alpha if there is any, and texture of each pixel."""


def measure_texture(
    image: ImageArray, hole: MaskArray, window: int, weight: float
) -> NDArray[np.uint8]:
    """Return how rough the picture is around each pixel.

    Roughness at full size tells a coarse scale what it can no longer see: grass from a wall of the
    same green.

    Args:
        image: uint8 (H, W, 3) or (H, W, 4); its alpha is not looked at.
        hole: uint8 (H, W), non-zero = hole, not read.
        window: side of the square that is averaged over, odd.
        weight: how much it counts beside color.

    Returns:
        uint8 (H, W, 2): weighted means of |Ix| and |Iy| over known pixels; 0 where none is near.

    Source: A. Newson et al., "Video Inpainting of Complex Scenes", SIAM J. Imaging Sciences 7(4),
        2014, section 3.3.
    """
    gray = to_gray(image)
    # A difference across the hole's rim would be an edge that is not there.
    known = cv2.erode((hole == 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    share = np.asarray(_mean(known, window))
    # Half of the difference over two pixels, and 0 along the border.
    scale = weight / 2 / np.maximum(share, 1e-6)
    padded = cv2.copyMakeBorder(gray, 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
    texture = np.empty((*hole.shape, 2), np.uint8)
    across = cv2.absdiff(padded[1:-1, 2:], padded[1:-1, :-2])
    texture[..., 0] = np.minimum(_mean(across * known, window) * scale, 255)
    down = cv2.absdiff(padded[2:, 1:-1], padded[:-2, 1:-1])
    texture[..., 1] = np.minimum(_mean(down * known, window) * scale, 255)
    return texture


def to_gray(image: ImageArray) -> NDArray[np.uint8]:
    """Return the luminance of RGB, or of premultiplied RGBA, as uint8 (H, W)."""
    code = cv2.COLOR_RGBA2GRAY if image.shape[2] == 4 else cv2.COLOR_RGB2GRAY
    return np.asarray(cv2.cvtColor(image, code), np.uint8)


def _mean(plane: object, window: int) -> NDArray[np.float32]:
    size = (window, window)
    mean = cv2.boxFilter(np.asarray(plane), cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT)
    return np.asarray(mean, np.float32)


def stack_planes(image: ImageArray, hole: MaskArray, levels: int, weight: float) -> Planes:
    """Return the planes of a picture whose pyramid has `levels` halvings.

    Args:
        image: RGB uint8 (H, W, 3), or premultiplied RGBA (H, W, 4).
        hole: uint8 (H, W), non-zero = hole.
        levels: halvings; roughness is averaged over what one pixel of the coarsest scale covers.
        weight: how much roughness counts beside color.
    """
    window = min(max(2**levels + 1, 5), 33)
    texture = measure_texture(image, hole, window, weight)
    if image.shape[2] == 4:
        both = np.hypot(*(texture[..., i].astype(np.float32) for i in range(2)))
        return np.dstack((image, np.minimum(both, 255).astype(np.uint8)))
    return np.dstack((image, texture))


def lay_out(planes: NDArray[np.uint8] | NDArray[np.bool_]) -> Planes:
    """Return a copy whose rows end in `LANES` spare bytes, as a view (H, W, 5).

    The comparison reads whole lanes: at the right border past the patch, which it then ignores.
    """
    height, width, channels = planes.shape
    padded = np.zeros((height, width * channels + LANES), np.uint8)
    view = padded[:, : width * channels].reshape(height, width, channels)
    view[...] = planes
    return view


def make_lanes(radius: int) -> NDArray[np.int16]:
    """Return int16 (48,): -1 for bytes that belong to a row of the patch, 0 for those behind it."""
    lanes = np.zeros(LANES, np.int16)
    lanes[: (2 * radius + 1) * CHANNELS] = -1
    return lanes
