"""Alpha as a fourth plane: what it needs beside what colors need.

Pictures with transparency are premultiplied RGBA: what is transparent has no color, so that hidden
colors are neither compared nor averaged nor copied.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.imaging import AlphaArray, ImageArray, MaskArray
from worker.imaging.transparency import divide_by_alpha

FAINT: Final = 64
"""Solved alpha below which the solved color is too coarse to be made opaque."""


def is_opaque(image: ImageArray, hole: MaskArray) -> bool:
    """Return whether all known pixels of premultiplied RGBA are opaque."""
    return bool((image[..., 3][hole == 0] == 255).all())


def settle_alpha(
    color: ImageArray,
    alpha: AlphaArray,
    voted: ImageArray,
    hole: MaskArray,
    origin: NDArray[np.int16],
) -> ImageArray:
    """Return premultiplied RGBA of colors and alpha that were solved for one by one.

    What was copied from an opaque or from a clear pixel is opaque or clear: solving for gradients
    leaves a haze where unlike pieces meet. Alpha between them stays as it was solved, so that
    shadows have no seams.

    Args:
        color: RGB uint8 (H, W, 3), premultiplied.
        alpha: uint8 (H, W).
        voted: premultiplied RGBA uint8 (H, W, 4), right outside the hole.
        hole: uint8 (H, W), 255 = hole.
        origin: int16 (H, W, 2), where each pixel of the hole is copied from; -1 for nowhere.
    """
    result = np.dstack((np.minimum(color, alpha[..., None]), alpha))
    rows, columns = np.nonzero((hole != 0) & (origin[..., 0] >= 0))
    copied = voted[origin[rows, columns, 0], origin[rows, columns, 1]]
    is_clear, is_solid = copied[:, 3] == 0, copied[:, 3] == 255
    result[rows[is_clear], columns[is_clear]] = 0
    solid = rows[is_solid], columns[is_solid]
    solved = result[solid]
    straight = np.where(
        solved[:, 3:] < FAINT, copied[is_solid, :3], divide_by_alpha(solved[None])[0]
    )
    result[solid] = np.concatenate((straight, np.full_like(solved[:, 3:], 255)), axis=1)
    return result
