"""Weights of painted pixels: rising inward from a mask's edge, or over a band of the original."""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Geometry
from worker.imaging import MaskArray
from worker.imaging.masks import measure_depth

WeightArray: TypeAlias = NDArray[np.uint8]
"""uint8 (H, W): share of what was painted, in 255ths; 0 where the mask keeps."""

FULL: Final = 255


def weigh_inward(mask: MaskArray, feather: int) -> WeightArray:
    """Return weights that rise from 0 on the edge of the mask to all, `feather` pixels inside.

    By the exact distance to the nearest kept pixel; the picture's border is no edge. Where a hole
    is narrower than twice `feather`, its middle gets no more than its depth gives.

    Args:
        mask: uint8 (H, W), 255 repaint; somewhere 255 and somewhere 0.
        feather: pixels, >= 1.
    """
    window, depth = measure_depth(mask)
    weight = np.zeros_like(mask)
    # The edge lies half a pixel before the center of the first pixel inside.
    weight[window] = _to_weight((depth - np.float32(0.5)) / np.float32(feather))
    return weight


def weigh_outward(geometry: Geometry, overlap: int) -> WeightArray:
    """Return weights that rise over the band inside the original, and are all beyond it.

    Where two bands meet in a corner, the larger weight counts.

    Args:
        geometry: where the original lies, its band included.
        overlap: width of the band in pixels, >= 1.
    """
    box, margins = geometry.original, geometry.margins
    across = _ramp(geometry.width, box.left, box.right, margins.left, margins.right, overlap)
    down = _ramp(geometry.height, box.top, box.bottom, margins.top, margins.bottom, overlap)
    return np.maximum(down[:, None], across[None, :])


def _ramp(
    length: int, first: int, last: int, before: int, after: int, overlap: int
) -> NDArray[np.uint8]:
    """Return the weights along one axis, whose original lies from `first` to `last`."""
    centers = np.arange(length, dtype=np.float32) + np.float32(0.5)
    weight = np.zeros(length, np.float32)
    if before:
        weight = np.maximum(weight, (first + overlap - centers) / overlap)
    if after:
        weight = np.maximum(weight, (centers - last + overlap) / overlap)
    return _to_weight(weight)


def _to_weight(share: NDArray[np.float32]) -> WeightArray:
    return np.rint(share.clip(0, 1) * np.float32(FULL)).astype(np.uint8)
