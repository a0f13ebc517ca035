"""Keeping what the caller forbids to copy out of the blending too."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.patch.pyramid import fill_smoothly
from worker.imaging import ImageArray, MaskArray

LOOSE: Final = 0.5
"""Share of the rim that is forbidden from which the rim does not hold what is copied."""


def hide_forbidden(
    voted: ImageArray, hole: MaskArray, forbidden: MaskArray, origin: NDArray[np.int16]
) -> tuple[ImageArray, bool]:
    """Return what blending begins with, free of forbidden pixels; and whether nothing holds it.

    A pixel of the hole for which every patch names a forbidden place is filled smoothly from those
    around it. Forbidden pixels on the rim take the colors that are copied to beside them, so that
    there is nothing to fit. Where most of the rim is like that, copies are taken in place of means
    of votes: only they say how bright the hole is.

    Args:
        voted: uint8 (H, W, C).
        hole: uint8 (H, W), 255 = hole.
        forbidden: uint8 (H, W), 255 at known pixels that may not be copied.
        origin: int16 (H, W, 2), where each pixel of the hole is copied from; -1 for nowhere.
    """
    result = voted.copy()
    unplaced = np.where((hole != 0) & (origin[..., 0] < 0), 255, 0).astype(np.uint8)
    if unplaced.any():
        result = fill_smoothly(result, unplaced | forbidden)
    around = np.asarray(cv2.dilate(hole, np.ones((3, 3), np.uint8)), np.uint8) & ~hole
    rim = around & forbidden
    if not rim.any():
        return result, False
    placed = (hole != 0) & (origin[..., 0] >= 0)
    copied = np.where(placed[..., None], result[origin[..., 0], origin[..., 1]], 0)
    is_loose = bool(np.count_nonzero(rim) > LOOSE * np.count_nonzero(around))
    if is_loose:
        np.copyto(result, copied, where=placed[..., None])
    total = np.asarray(cv2.blur(copied.astype(np.float32), (3, 3)))
    count = np.asarray(cv2.blur(placed.astype(np.float32), (3, 3)))
    mean = np.rint(total / np.maximum(count, 1e-6)[..., None]).astype(np.uint8)
    np.copyto(result, mean, where=((rim != 0) & (count > 1e-3))[..., None])
    return result, is_loose
