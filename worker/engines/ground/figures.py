"""Figures on a ground: found at a small scale, widened by what JPEG leaves beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.channels import largest_channel
from worker.engines.ground.sides import Side, seen_from
from worker.engines.ground.surface import Surface
from worker.imaging import ImageArray

SMALL: Final = 200
"""Pixels a side at most at which a ground is looked for."""

HALO: Final = 8
"""Pixels around a figure that are no ground: JPEG rings reach so far."""


@dataclass(frozen=True, eq=False)
class Small:
    """A picture at the scale at which its ground is looked for.

    Attributes:
        values: float32 (h, w, C).
        step_x: pixels of the picture that one of these is wide.
        step_y: pixels of the picture that one of these is high.
    """

    values: NDArray[np.float32]
    step_x: float
    step_y: float

    @property
    def columns(self) -> NDArray[np.float64]:
        """Return the picture's columns of the middles of all pixels, (w,)."""
        return np.asarray((np.arange(self.values.shape[1]) + 0.5) * self.step_x - 0.5, np.float64)

    @property
    def rows(self) -> NDArray[np.float64]:
        """Return the picture's rows of the middles of all pixels, (h,)."""
        return np.asarray((np.arange(self.values.shape[0]) + 0.5) * self.step_y - 0.5, np.float64)

    def rest(self, surface: Surface) -> NDArray[np.float32]:
        """Return what the surface leaves, float32 (h, w, C)."""
        columns, rows = np.meshgrid(self.columns, self.rows)
        return self.values - surface.at(columns, rows)


def make_small(image: ImageArray) -> Small:
    """Return a picture at the scale at which its ground is looked for.

    Args:
        image: uint8 (H, W, C).
    """
    height, width = image.shape[:2]
    factor = max(max(height, width) / SMALL, 1.0)
    size = max(round(width / factor), 1), max(round(height / factor), 1)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if factor > 1 else image
    values = np.asarray(small, np.float32).reshape(size[1], size[0], image.shape[2])
    return Small(values, width / size[0], height / size[1])


def find_figures(rest: NDArray[np.float32], tolerance: float) -> NDArray[np.uint8]:
    """Return where something stands on the ground, uint8 (h, w), 1 or 0, not widened.

    Args:
        rest: float32 (h, w, C), what the surface leaves.
        tolerance: levels up to which a pixel is ground.
    """
    out = (largest_channel(np.abs(rest)) > tolerance).astype(np.uint8)
    # A lone pixel of noise is no figure; of a thin line every pixel has two neighbors.
    near = cv2.boxFilter(out, cv2.CV_32F, (3, 3), normalize=False, borderType=cv2.BORDER_REFLECT)
    found = out * (np.asarray(near) > 2.5)
    mean = np.asarray(cv2.blur(rest, (3, 3), borderType=cv2.BORDER_REFLECT)).reshape(rest.shape)
    high = largest_channel(np.abs(mean)) > 0.7 * tolerance
    return np.asarray(np.maximum(found, high), np.uint8)


def find_inside(figures: NDArray[np.uint8], sides: tuple[Side, ...]) -> NDArray[np.uint8]:
    """Return the figures that meet none of the sides, uint8 (h, w), 1 or 0."""
    count, labels = cv2.connectedComponents(figures, connectivity=8)
    is_inside = np.ones(count, np.uint8)
    is_inside[0] = 0
    for side in sides:
        is_inside[seen_from(np.asarray(labels), side)[0]] = 0
    return np.asarray(is_inside[labels], np.uint8)


def widen_figures(figures: NDArray[np.uint8], step: float) -> NDArray[np.uint8]:
    """Return the figures with the halo around them.

    Args:
        figures: uint8 (h, w), 1 or 0, at the small scale.
        step: pixels of the picture that one of these is.
    """
    reach = int(np.ceil(HALO / step))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(figures, kernel), np.uint8)


def enlarge(plane: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return a plane of the small scale at full size."""
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def count_parts(figures: NDArray[np.uint8]) -> int:
    """Return the number of separate figures."""
    return int(cv2.connectedComponents(figures, connectivity=8)[0]) - 1
