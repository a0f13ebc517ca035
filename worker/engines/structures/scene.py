"""A picture around one hole, laid out for measuring what runs into it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.channels import sum_channels
from worker.imaging import ImageArray, MaskArray

Floats = NDArray[np.float32]

ALPHA_SCALE: Final = 100 / 255
"""Alpha weighs as much as lightness."""

FINE: Final = 1.2
COARSE: Final = 3.0
FINE_IN_GRAPHIC: Final = 0.8
COARSE_IN_GRAPHIC: Final = 1.5
"""Standard deviations, in pixels, of the gradients and of what they are averaged over; less where
there is no grain to average."""

NEAR_HOLE: Final = 2
"""Pixels beside the hole whose gradients would see it."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A part of a picture.

    Attributes:
        image: uint8, RGB (H, W, 3) or premultiplied RGBA (H, W, 4); what lies under `unknown` is
            not read.
        unknown: uint8 (H, W), 255 where nothing is known: this hole and all others.
        hole: uint8 (H, W), 255 where this hole lies.
        is_graphic: whether it is a drawing or a page.
    """

    image: ImageArray
    unknown: MaskArray
    hole: MaskArray
    is_graphic: bool = False

    @cached_property
    def color(self) -> Floats:
        """Lab, and alpha as a fourth channel: float32 (H, W, C), with holes filled from beside."""
        filled = _fill_from_beside(self.image, self.unknown)
        planes = cv2.cvtColor(filled[..., :3].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        if filled.shape[2] == 3:
            return np.asarray(planes, np.float32)
        return np.dstack((planes, filled[..., 3].astype(np.float32) * np.float32(ALPHA_SCALE)))

    @cached_property
    def tensor(self) -> Floats:
        """Structure tensor xx, xy, yy over known pixels: float32 (H, W, 3).

        Source: J. Bigun, G. Granlund, "Optimal orientation detection of linear symmetry", ICCV
            1987.
        """
        fine, reach = (FINE_IN_GRAPHIC, COARSE_IN_GRAPHIC) if self.is_graphic else (FINE, COARSE)
        smooth = np.asarray(cv2.GaussianBlur(self.color, (0, 0), fine))
        dx = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8))
        dy = np.asarray(cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8))
        side = 2 * NEAR_HOLE + 1
        known = cv2.dilate(self.unknown, np.ones((side, side), np.uint8)) == 0
        products = [sum_channels(one * other) for one, other in ((dx, dx), (dx, dy), (dy, dy))]
        stacked = np.dstack(products).astype(np.float32) * known[..., None]
        weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), reach)
        averaged = np.asarray(cv2.GaussianBlur(stacked, (0, 0), reach))
        return np.asarray(averaged / np.maximum(weight, 1e-4)[..., None], np.float32)


def _fill_from_beside(image: ImageArray, unknown: MaskArray) -> ImageArray:
    """Return the picture with every unknown pixel taking the color of the nearest known one."""
    if not unknown.any():
        return image
    _, labels = cv2.distanceTransformWithLabels(
        unknown, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = np.asarray(labels)
    known = unknown == 0
    colors = np.zeros((int(labels.max()) + 1, image.shape[2]), np.uint8)
    colors[labels[known]] = image[known]
    return np.asarray(colors[labels], np.uint8)


def sample(planes: Floats, x: Floats, y: Floats) -> Floats:
    """Return planes at fractional positions, float32 (N, M, C); outside the border's value counts.

    Args:
        planes: float32 (H, W, C).
        x: float32 (N, M), columns.
        y: float32 (N, M), rows.
    """
    if not x.size:
        return np.zeros((*x.shape, planes.shape[2]), np.float32)
    return np.asarray(
        _remap(planes, np.asarray(x, np.float32), np.asarray(y, np.float32)), np.float32
    )


def _remap(planes: Floats, x: Floats, y: Floats) -> Floats:
    # OpenCV maps at most 32,767 rows or columns at once.
    shape = x.shape
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    width = 16_384
    rest = -len(flat_x) % width if len(flat_x) > width else 0
    flat_x, flat_y = np.pad(flat_x, (0, rest)), np.pad(flat_y, (0, rest))
    rows = max(len(flat_x) // width, 1)
    mapped = cv2.remap(
        planes,
        flat_x.reshape(rows, -1),
        flat_y.reshape(rows, -1),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    flat = np.asarray(mapped).reshape(len(flat_x), -1)[: x.size]
    return np.asarray(flat.reshape(*shape, -1), np.float32)
