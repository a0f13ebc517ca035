"""Alpha as a fourth plane: what it needs beside what colors need.

Pictures with transparency are premultiplied RGBA: what is transparent has no color, so that hidden
colors are neither compared nor averaged nor copied.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.imaging import AlphaArray, ImageArray, MaskArray

SNAP: Final = 24
"""Levels within which alpha becomes clear or opaque again where that is what was copied: solving
for gradients leaves a few levels of haze."""


def is_opaque(image: ImageArray, hole: MaskArray) -> bool:
    """Return whether all known pixels of premultiplied RGBA are opaque."""
    return bool((image[..., 3][hole == 0] == 255).all())


def settle_alpha(
    color: ImageArray,
    alpha: AlphaArray,
    known: AlphaArray,
    hole: MaskArray,
    origin: NDArray[np.int16],
) -> ImageArray:
    """Return premultiplied RGBA of colors and alpha that were solved for one by one.

    Args:
        color: RGB uint8 (H, W, 3), premultiplied.
        alpha: uint8 (H, W).
        known: uint8 (H, W), alpha before, right outside the hole.
        hole: uint8 (H, W), 255 = hole.
        origin: int16 (H, W, 2), where each pixel of the hole is copied from; -1 for nowhere.
    """
    copied = known[origin[..., 0], origin[..., 1]]
    is_near = np.abs(alpha.astype(np.int16) - copied) <= SNAP
    is_plain = (copied == 0) | (copied == 255)
    chosen = (hole != 0) & (origin[..., 0] >= 0) & is_near & is_plain
    settled = np.where(chosen, copied, alpha).astype(np.uint8)
    return np.dstack((np.minimum(color, settled[..., None]), settled))
