"""Effects of an object past its mask, such as its shadow, found by the alpha of a model."""

from __future__ import annotations

from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

AlphaArray: TypeAlias = NDArray[np.float32]
"""float32 (H, W) in 0..1: the share of what was painted."""

LEAST: Final = 0.05
"""Alpha from which a pixel is painted: less is noise, and would touch the whole picture."""


def enlarge_hole(
    hole: MaskArray, painted_mask: MaskArray, alpha: AlphaArray
) -> tuple[MaskArray, MaskArray, AlphaArray]:
    """Return hole and painted mask with the effects around them, and the share of what is painted.

    Args:
        hole: uint8 (H, W), 255 inside.
        painted_mask: uint8 (h, w), 255 where the model was to paint, at its own size.
        alpha: (h, w), the model's.

    Returns:
        The enlarged hole, the enlarged painted mask, and the share (H, W), 1 in the first hole.
    """
    height, width = hole.shape
    share = np.asarray(cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR))
    share = np.where(hole > 0, np.float32(1), np.where(share < LEAST, np.float32(0), share))
    enlarged = to_uint8((share > 0) * np.uint8(255))
    made_up = np.maximum(painted_mask, (alpha >= LEAST) * np.uint8(255))
    return enlarged, to_uint8(made_up), share.astype(np.float32)


def fade_effects(before: ImageArray, painted: ImageArray, share: AlphaArray) -> ImageArray:
    """Return a picture between two by the share of the second: uint8 (H, W, 3).

    A pixel without a share is exactly that of the first.
    """
    mixed = before + share[..., None] * (painted.astype(np.float32) - before)
    return np.rint(mixed).clip(0, 255).astype(np.uint8)
