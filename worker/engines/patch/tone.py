"""The brightness and hue of a hole as a whole: from its surroundings, not from its copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.ground.membrane import pull_push
from worker.engines.patch.pyramid import Scale
from worker.imaging import ImageArray, MaskArray

CELL: Final = 4
"""Pixels a side of what is averaged before: a mean over sixteen and more is as good from these."""

FINEST: Final = 16.0
"""Standard deviation in pixels below which no mean is taken: what is smaller is texture, and
copies know it best."""

BY_WIDTH: Final = 0.125
"""Of the hole's half width: the standard deviation in holes wide enough for more than that."""

SHARE: Final = 0.6
"""Of the way to the smooth fill. Deep in a hole nothing says that the copies are right on the
whole, and where they are not, half of the way takes three quarters of the error."""


def settle_tone(
    image: ImageArray,
    scale: Scale,
    structures: MaskArray | None,
    half_width: float,
    check: Callable[[], None],
) -> ImageArray:
    """Return the picture with the low frequencies of its hole moved towards a smooth fill.

    Alpha stays as it is: its means are edges.

    Args:
        image: RGB uint8 (H, W, 3), or premultiplied RGBA (H, W, 4), painted.
        scale: the finest scale; what it forbids does not count as surroundings.
        structures: uint8 (H, W), 255 at lines and edges, which count neither; `None` for none.
        half_width: of the hole, in pixels.
        check: called between planes; may raise to stop.
    """
    sigma = max(FINEST, half_width * BY_WIDTH) / CELL
    hole, readable = scale.hole, (scale.readable != 0).astype(np.uint8)
    if structures is not None:
        readable &= np.asarray(structures == 0, np.uint8)
    height, width = hole.shape
    size = max(width // CELL, 1), max(height // CELL, 1)
    known = _shrink((hole == 0).astype(np.float32), size)
    seen, weight = _shrink(readable.astype(np.float32), size), None
    if image.shape[2] == 4:
        weight = np.asarray(image[..., 3] / np.float32(255), np.float32)
        seen = _shrink(readable * weight, size)
    sums, means = np.empty((2, size[1], size[0], 3), np.float32)
    for channel in range(3):
        plane = np.ascontiguousarray(image[..., channel])
        means[..., channel] = _shrink(plane.astype(np.float32), size)
        sums[..., channel] = _shrink((plane * readable).astype(np.float32), size)
        check()
    if weight is not None:
        means /= np.maximum(_shrink(weight, size), 1 / 255)[..., None]
    rest = (pull_push(sums, seen) - means) * (SHARE * (1 - known))[..., None]
    rest = np.asarray(cv2.GaussianBlur(rest, (0, 0), sigma), np.float32)
    result = image.copy()
    for channel in range(3):
        check()
        wide = np.asarray(cv2.resize(rest[..., channel], (width, height)))
        if weight is not None:
            wide = wide * weight
        moved = np.rint(wide + image[..., channel]).clip(0, 255).astype(np.uint8)
        np.copyto(result[..., channel], moved, where=hole != 0)
    return result


def _shrink(plane: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
