"""Things that exist once in a picture: patches with nothing like them far away."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.ground.figures import HALO, enlarge
from worker.engines.ground.sides import Side, seen_from
from worker.imaging import ImageArray, MaskArray

SMALL: Final = 128
"""Pixels a side at most at which patches are compared."""

PATCH: Final = 7
STRIDE: Final = 3
"""Pixels a side of the patches, and between them."""

FAR: Final = 0.22
"""Part of the longer side from which another place counts as another: within it, a large thing is
like itself."""

RARE: Final = 4.0
"""Multiple of the usual unlikeness that a patch must have, besides `LEAST`."""

LEAST: Final = 24.0
"""Levels (root mean square) that a patch differs from all others by at least."""

LARGEST: Final = 0.2
"""Part of the picture that is unique at most: where more is, nothing stands out."""

CHUNK: Final = 512

TOUCHING: Final = 0.08
"""Share of the rim beside a thing that has its color where the thing touches the hole."""

MIN_PATCHES: Final = 64
"""Fewer do not tell what is usual."""


def find_unique(image: ImageArray, sides: tuple[Side, ...]) -> NDArray[np.uint8] | None:
    """Return where things stand that exist once and meet none of the sides; `None` for nowhere.

    Args:
        image: uint8 (H, W, C), the original.
        sides: that are extended.

    Returns:
        uint8 (H, W), non-zero on such things and a halo around them.
    """
    height, width = image.shape[:2]
    factor = max(max(height, width) / SMALL, 1.0)
    size = max(round(width / factor), 1), max(round(height / factor), 1)
    if min(size) < 4 * PATCH:
        return None
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
    rare = _find_rare(small.reshape(size[1], size[0], -1))
    rare = _keep_inner(rare, sides)
    if not rare.any() or rare.mean() > LARGEST:
        return None
    reach = int(np.ceil(HALO / factor))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return enlarge(np.asarray(cv2.dilate(rare, kernel), np.uint8), height, width)


def find_unique_beside(image: ImageArray, mask: MaskArray) -> NDArray[np.uint8] | None:
    """Return where things stand that exist once and touch no hole; `None` for nowhere.

    Args:
        image: uint8 (H, W, C); what lies under the mask is not read.
        mask: uint8 (H, W), 255 = hole.

    Returns:
        uint8 (H, W), non-zero on such things and a halo around them.
    """
    height, width = mask.shape
    factor = max(max(height, width) / SMALL, 1.0)
    size = max(round(width / factor), 1), max(round(height / factor), 1)
    if min(size) < 4 * PATCH:
        return None
    known = (mask == 0).astype(np.float32)
    share = np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_AREA))
    sums = cv2.resize(image * known[..., None], size, interpolation=cv2.INTER_AREA)
    small = np.asarray(sums / np.maximum(share, 1e-3)[..., None], np.float32)
    hole = (share < 0.5).astype(np.uint8)
    rare = _find_rare(small, hole)
    count, labels = cv2.connectedComponents(rare, connectivity=8)
    kept = [not _touches(np.asarray(labels) == number, small, hole) for number in range(1, count)]
    rare = np.asarray(np.array([False, *kept])[labels], np.uint8)
    if not rare.any() or rare.mean() > LARGEST:
        return None
    reach = int(np.ceil(HALO / factor))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return enlarge(np.asarray(cv2.dilate(rare, kernel), np.uint8), height, width)


def _touches(thing: NDArray[np.bool_], small: NDArray[np.float32], hole: NDArray[np.uint8]) -> bool:
    """Return whether a thing touches a hole: its color is seen on the hole's rim beside it.

    Patches on the hole do not count, so that a thing ends some pixels before it in any case.
    """
    near = _widen(thing, PATCH + 4)
    rim = near & _widen(hole != 0, 5) & (hole == 0)
    around = _widen(thing, 3 * PATCH) & ~near & (hole == 0)
    if not rim.any() or not around.any():
        return False
    own, ground = small[thing].mean(axis=0), np.median(small[around], axis=0)
    gaps = [np.linalg.norm(small[rim] - color, axis=1) for color in (own, ground)]
    return bool(np.mean(gaps[0] < gaps[1]) > TOUCHING)


def _widen(plane: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.dilate(plane.astype(np.uint8), np.ones((side, side), np.uint8)) != 0)


def _find_rare(
    small: NDArray[np.float32], hole: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Return where patches have nothing like them far away, uint8 (h, w), 1 or 0.

    Args:
        small: float32 (h, w, C).
        hole: uint8 (h, w), non-zero where nothing is known; patches on it do not count.
    """
    height, width = small.shape[:2]
    rows = np.arange(0, height - PATCH + 1, STRIDE)
    columns = np.arange(0, width - PATCH + 1, STRIDE)
    windows = np.lib.stride_tricks.sliding_window_view(small, (PATCH, PATCH), axis=(0, 1))
    patches = windows[rows[:, None], columns[None]].reshape(len(rows) * len(columns), -1)
    is_whole = np.ones(len(patches), np.bool_)
    if hole is not None:
        covers = np.lib.stride_tricks.sliding_window_view(hole, (PATCH, PATCH))
        is_whole = ~covers[rows[:, None], columns[None]].any(axis=(2, 3)).reshape(-1)
    if np.count_nonzero(is_whole) < MIN_PATCHES:
        return np.zeros((height, width), np.uint8)
    points = _project(patches, is_whole)
    unlikeness = _nearest_far(points, is_whole, rows, columns, FAR * max(height, width))
    usual = float(np.median(unlikeness[is_whole]))
    found = unlikeness > max(RARE * usual, LEAST)
    rare = np.zeros((height, width), np.uint8)
    # A patch is rare by its middle: its corners may hold what is everywhere.
    middle = slice(PATCH // 2 - 1, PATCH // 2 + 2)
    for index in np.flatnonzero(found):
        top, left = rows[index // len(columns)], columns[index % len(columns)]
        rare[top + middle.start : top + middle.stop, left + middle.start : left + middle.stop] = 1
    closed = cv2.morphologyEx(rare, cv2.MORPH_CLOSE, np.ones((PATCH, PATCH), np.uint8))
    return _fill_holes(np.asarray(closed, np.uint8))


def _project(patches: NDArray[np.float32], is_whole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the patches in fewer dimensions, distances as root mean squares of levels.

    Source: the principal components keep the nearest neighbors of natural patches in some 16
        dimensions; see K. He, J. Sun, "Computing nearest-neighbor fields via
        propagation-assisted KD-trees", CVPR 2012.
    """
    centered = patches - patches[is_whole].mean(axis=0)
    whole = centered[is_whole]
    values, vectors = np.linalg.eigh(whole.T @ whole)
    best = vectors[:, np.argsort(values)[-16:]]
    return np.asarray(centered @ best / np.sqrt(patches.shape[1]), np.float32)


def _nearest_far(
    points: NDArray[np.float32],
    is_whole: NDArray[np.bool_],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    far: float,
) -> NDArray[np.float32]:
    """Return how unlike each patch is to the most alike one that lies far from it.

    0 where a patch is not whole, or none lies far from it.
    """
    near_y, near_x = (np.abs(at[:, None] - at[None]) < far for at in (rows, columns))
    squares = np.square(points).sum(axis=1)
    # Nothing is alike to a patch that is not whole.
    offered = np.where(is_whole, squares, np.float32(np.inf))
    nearest = np.empty(len(points), np.float32)
    for first in range(0, len(points), CHUNK):
        part = slice(first, first + CHUNK)
        distance = 2 * points[part] @ points.T
        np.subtract(offered, distance, out=distance)
        nearest[part] = _smallest_far(distance, first, near_y, near_x) + squares[part]
    nearest[~is_whole | ~np.isfinite(nearest)] = 0
    return np.asarray(np.sqrt(np.maximum(nearest, 0)), np.float32)


def _smallest_far(
    distance: NDArray[np.float32],
    first: int,
    near_y: NDArray[np.bool_],
    near_x: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Return the smallest of each row of a table but for what is near in both directions.

    Args:
        distance: float32 (N, R * C), from the patches numbered from `first` on to all of the grid.
        first: number of the first.
        near_y: bool (R, R), which rows of the grid are near each other.
        near_x: bool (C, C), which columns are.
    """
    count = len(near_x)
    row, column = np.divmod(np.arange(first, first + len(distance)), count)
    smallest = np.empty(len(distance), np.float32)
    for one in np.unique(row):
        own = row == one
        table = distance[own].reshape(-1, len(near_y), count)
        # Rows that are near are a run of neighbors, and so are the others on both sides.
        begin = int(np.argmax(near_y[one]))
        end = begin + int(np.count_nonzero(near_y[one]))
        beside = table[:, begin:end].min(axis=1)
        beside[near_x[column[own]]] = np.inf
        above = table[:, :begin].min(axis=1, initial=np.inf)
        below = table[:, end:].min(axis=1, initial=np.inf)
        smallest[own] = np.minimum(np.minimum(above, below), beside).min(axis=1)
    return smallest


def _fill_holes(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, contours, -1, (1,), cv2.FILLED)
    return filled


def _keep_inner(rare: NDArray[np.uint8], sides: tuple[Side, ...]) -> NDArray[np.uint8]:
    """Return the things that meet none of the sides."""
    count, labels = cv2.connectedComponents(rare, connectivity=8)
    kept = np.ones(count, np.bool_)
    kept[0] = False
    for side in sides:
        kept[np.unique(seen_from(np.asarray(labels), side)[: PATCH // 2 + 1])] = False
    return np.asarray(kept[labels], np.uint8)
