"""Filling a hole in a graphic: edges go on sharp, areas flat, and no color is new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.graphics.palette import NONE, Labels, Palette
from worker.imaging import ImageArray, MaskArray

AREA: Final = 0.08
MIN_AREA: Final = 12
"""Share of the rim, and pixels, from which a piece of one color is cut from an area: letters and
icons are cut into shorter pieces."""

GROUND: Final = 0.65
"""Share of a part's rim that its areas hold at least."""

REACH: Final = 2.5
"""Radii from a color of a JPEG at which a painted pixel still takes it: thin lines have colors of
their own, which no flat area shows."""

SMOOTH: Final = 0.05
"""Share of the pixels along edges that lie between two colors where edges are anti-aliased."""


@dataclass(frozen=True, eq=False)
class Flat:
    """A picture whose flat parts are filled.

    Attributes:
        image: uint8 (H, W, C).
        rest: uint8 (H, W), 255 where it was not clear what is right.
    """

    image: ImageArray
    rest: MaskArray


def fill_flat(image: ImageArray, mask: MaskArray, palette: Palette) -> Flat:
    """Fill every part of a hole that lies on one ground with that ground.

    Args:
        image: uint8 (H, W, C).
        mask: uint8 (H, W), 255 = hole.
        palette: the picture's colors.
    """
    result, rest = image.copy(), mask.copy()
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    height, width = mask.shape
    for number in range(1, count):
        left, top, wide, high, _ = (int(value) for value in stats[number])
        box = np.s_[
            max(top - 2, 0) : min(top + high + 2, height),
            max(left - 2, 0) : min(left + wide + 2, width),
        ]
        part = np.asarray(parts)[box] == number
        labels = _find_labels(image[box], mask[box], part, palette)
        if labels is not None:
            result[box][part] = palette.colors[labels]
            rest[box][part] = 0
    return Flat(result, rest)


def _find_labels(
    image: ImageArray, mask: MaskArray, part: NDArray[np.bool_], palette: Palette
) -> NDArray[np.int16] | None:
    """Return the color for each pixel of a part: that of the nearest area that it lies beside.

    `None` where areas are not what it lies beside.
    """
    wide = cv2.dilate(part.astype(np.uint8), np.ones((5, 5), np.uint8)) != 0
    labels = np.where(wide & (mask == 0), palette.label(image), NONE).astype(np.int16)
    total = np.count_nonzero(labels != NONE)
    areas = _keep_areas(labels, max(AREA * total, MIN_AREA))
    held = np.count_nonzero(areas != NONE)
    if not held or held < GROUND * total:
        return None
    free = np.where(areas == NONE, 255, 0).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        free, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    nearest = np.asarray(nearest)
    by_pixel = np.zeros(int(nearest.max()) + 1, np.int16)
    by_pixel[nearest[areas != NONE]] = areas[areas != NONE]
    return np.asarray(by_pixel[nearest[part]])


def _keep_areas(labels: Labels, least: float) -> Labels:
    """Return the labels of pieces of at least so many pixels; others become `NONE`."""
    kept = np.full_like(labels, NONE)
    for label in np.unique(labels[labels != NONE]):
        count, pieces, stats, _ = cv2.connectedComponentsWithStats(
            (labels == label).astype(np.uint8), connectivity=8
        )
        large = np.flatnonzero(stats[1:count, cv2.CC_STAT_AREA] >= least) + 1
        kept[np.isin(pieces, large)] = label
    return kept


def is_smooth(image: ImageArray, mask: MaskArray, palette: Palette) -> bool:
    """Return whether edges between flat areas are anti-aliased: pixels lie between two colors.

    Only areas count: letters may be anti-aliased on a page whose lines are not.
    """
    best, gap = palette.nearest(image)
    labels = np.where((gap <= palette.radius) & (mask == 0), best, NONE).astype(np.float32)
    small, large = np.ones((3, 3), np.uint8), np.ones((5, 5), np.uint8)
    is_core = (cv2.dilate(labels, small) == cv2.erode(labels, small)) & (labels != NONE)
    most = cv2.dilate(np.where(is_core, labels, NONE).astype(np.float32), large)
    least = cv2.erode(np.where(is_core, labels, np.inf).astype(np.float32), large)
    edges = (most > least) & (mask == 0)
    return bool(edges.any()) and float(np.mean(gap[edges] > max(palette.radius, 8))) > SMOOTH


def _is_edge(labels: Labels, known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where a pixel's known neighbors have more than one color."""
    kernel = np.ones((3, 3), np.uint8)
    most = cv2.dilate(np.where(known, labels, NONE).astype(np.float32), kernel)
    least = cv2.erode(np.where(known, labels, np.inf).astype(np.float32), kernel)
    return np.asarray(most > least)


def snap(
    image: ImageArray,
    painted: MaskArray,
    rest: MaskArray,
    palette: Palette,
    *,
    keeps_edges: bool,
) -> ImageArray:
    """Return the picture with painted pixels in the palette's colors.

    Args:
        image: uint8 (H, W, C).
        painted: uint8 (H, W), 255 where it was painted.
        rest: uint8 (H, W), 255 where nothing is known yet.
        palette: the picture's colors.
        keeps_edges: whether pixels along edges stay between two colors, as they are.
    """
    best, gap = palette.nearest(image)
    chosen = painted != 0
    if palette.radius:
        chosen &= gap <= REACH * palette.radius
    if keeps_edges:
        chosen &= ~_is_edge(best, rest == 0)
    return np.where(chosen[..., None], palette.colors[best], image).astype(np.uint8)
