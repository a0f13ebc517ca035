"""Telling drawings, logos and screenshots from photos: few colors, in flat areas."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.channels import largest_channel
from worker.imaging import ImageArray, MaskArray

Labels = NDArray[np.int16]
"""int16 (H, W): which color of the palette a pixel has; `NONE` where it has none of them."""

NONE: Final = -1

EVEN: Final = 0.3
"""Share of neighbors that are equal: with the least grain, far fewer are."""

FLAT: Final = 0.6
NEAR_FLAT: Final = 4
"""Share of the known pixels that lie in flat areas or so many pixels beside them: letters do."""

EXACT: Final = 0.6
"""Share of the flat pixels whose surroundings are equal; a JPEG has rings around its edges."""

SMOOTH: Final = 0.1
"""The same share at least: what is soft in a photo is not equal to the last level."""

RINGS: Final = 8
"""Levels by which a flat area of a JPEG differs within three pixels."""

RADIUS: Final = 12.0
"""Levels around a color of a JPEG that count as that color."""

SCATTER: Final = 3.5
"""Levels that pixels differ from their color, root mean square, at most: a gradient is cut into
colors by force, and fills each of them to its rim."""

MIN_SHARE: Final = 0.001
"""Of the flat pixels that a color of the palette holds."""

MIN_PIXELS: Final = 12

MAX_COLORS: Final = 48
COVERED: Final = 0.95
"""Colors of a palette at most, and the share of the flat pixels that they cover."""

STEP: Final = 12
GENTLE: Final = 0.03
"""Levels between two flat areas from which their border is an edge, and the share of neighbors that
may differ by less: those of a gradient do."""


@dataclass(frozen=True, eq=False)
class Palette:
    """The colors of a graphic.

    Attributes:
        colors: uint8 (K, C).
        radius: levels from one of them at which a pixel still has that color.
    """

    colors: ImageArray
    radius: float

    @cached_property
    def _floats(self) -> NDArray[np.float32]:
        return self.colors.astype(np.float32)

    def nearest(self, image: ImageArray) -> tuple[Labels, NDArray[np.float32]]:
        """Return the nearest color of each pixel, and how many levels off it is.

        Args:
            image: uint8 (..., C).
        """
        flat = image.reshape(-1, image.shape[-1]).astype(np.float32)
        best = np.zeros(len(flat), np.int16)
        least = np.full(len(flat), np.inf, np.float32)
        for index, color in enumerate(self._floats):
            gap = largest_channel(np.abs(flat - color))
            nearer = gap < least
            best[nearer], least[nearer] = index, gap[nearer]
        shape = image.shape[:-1]
        return best.reshape(shape), least.reshape(shape)

    def label(self, image: ImageArray) -> Labels:
        """Return which color each pixel has; `NONE` between two of them."""
        best, gap = self.nearest(image)
        return np.where(gap <= self.radius, best, NONE).astype(np.int16)


def find_palette(image: ImageArray, mask: MaskArray) -> Palette | None:
    """Return the colors of a graphic; `None` if the picture is none.

    Transparency is one of the colors, and says nothing about the others: it is flat around photos
    too.

    Args:
        image: uint8, RGB (H, W, 3) or premultiplied RGBA (H, W, 4).
        mask: uint8 (H, W), 255 where the picture is not known.
    """
    clear = np.zeros_like(mask)
    if image.shape[2] == 4:
        clear = np.where((image[..., 3] == 0) & (mask == 0), 255, 0).astype(np.uint8)
    palette = _find_visible(image, mask | clear)
    if palette is None or not clear.any():
        return palette
    return Palette(np.concatenate((palette.colors, np.zeros((1, 4), np.uint8))), palette.radius)


def _find_visible(image: ImageArray, mask: MaskArray) -> Palette | None:
    known = mask == 0
    steps = _measure_steps(image, known)
    if not len(steps) or np.mean(steps == 0) < EVEN:
        return None
    spread = _measure_spread(image, mask)
    flat = known & (spread <= RINGS)
    side = 2 * NEAR_FLAT + 1
    near = cv2.dilate(flat.astype(np.uint8), np.ones((side, side), np.uint8)) != 0
    if (near & known).sum() < FLAT * known.sum():
        return None
    exact = known & (spread == 0)
    if exact.sum() < SMOOTH * flat.sum():
        return None
    is_exact = exact.sum() >= EXACT * flat.sum()
    palette = _find_exact(image[exact]) if is_exact else _find_gathered(image[flat])
    if palette is None or _is_gradient(image, known, palette):
        return None
    return _add_lines(palette, image[_is_in_line(image, mask)]) if is_exact else palette


def _measure_steps(image: ImageArray, known: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Return by how many levels known neighbors differ, in the channel where they do most."""
    signed = image.astype(np.int16)
    across = largest_channel(np.abs(np.diff(signed, axis=1)))[known[:, 1:] & known[:, :-1]]
    down = largest_channel(np.abs(np.diff(signed, axis=0)))[known[1:] & known[:-1]]
    return np.concatenate((across, down)).astype(np.int16)


def _measure_spread(image: ImageArray, mask: MaskArray) -> NDArray[np.uint8]:
    """Return by how many levels a pixel and its neighbors differ; much beside what is unknown."""
    kernel = np.ones((3, 3), np.uint8)
    spread = largest_channel(cv2.subtract(cv2.dilate(image, kernel), cv2.erode(image, kernel)))
    return np.asarray(np.maximum(spread, cv2.dilate(mask, kernel)), np.uint8)


def _is_gradient(image: ImageArray, known: NDArray[np.bool_], palette: Palette) -> bool:
    """Return whether the colors of the palette pass into each other step by step."""
    labels = palette.label(image)
    known = known & (labels != NONE)
    gentle = total = 0
    for one, other in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        both = known[one] & known[other]
        differ = both & (labels[one] != labels[other])
        steps = palette.colors[labels[one][differ]].astype(np.int16)
        steps = largest_channel(np.abs(steps - palette.colors[labels[other][differ]]))
        gentle += int((steps < STEP).sum())
        total += int(both.sum())
    return gentle > GENTLE * total


def _is_in_line(image: ImageArray, mask: MaskArray) -> NDArray[np.bool_]:
    """Return where a pixel equals its two neighbors on a line: thin lines have no flat areas."""
    found = np.zeros(image.shape[:2], np.bool_)
    middle = image[1:-1, 1:-1]
    height, width = image.shape[:2]
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        ends = [
            image[1 + sign * dy : height - 1 + sign * dy, 1 + sign * dx : width - 1 + sign * dx]
            for sign in (1, -1)
        ]
        found[1:-1, 1:-1] |= np.logical_and(*[(end == middle).all(axis=2) for end in ends])
    known = cv2.dilate(mask, np.ones((3, 3), np.uint8)) == 0
    return np.asarray(found & known)


def _find_exact(pixels: ImageArray) -> Palette | None:
    """Return the colors of flat areas."""
    colors, counts = _count_colors(pixels)
    frequent = counts >= MIN_SHARE * len(pixels)
    if frequent.sum() > MAX_COLORS or counts[frequent].sum() < COVERED * len(pixels):
        return None
    order = np.argsort(-counts[frequent], kind="stable")
    return Palette(colors[frequent][order], 0.0)


def _add_lines(palette: Palette, pixels: ImageArray) -> Palette:
    """Return a palette that has the colors of thin lines too."""
    colors, counts = _count_colors(pixels)
    order = np.argsort(-counts, kind="stable")
    frequent = order[counts[order] >= max(MIN_SHARE * len(pixels), MIN_PIXELS)]
    _, gaps = palette.nearest(colors[frequent])
    added = colors[frequent][gaps > 0][:MAX_COLORS]
    return Palette(np.concatenate((palette.colors, added)), palette.radius)


def _count_colors(pixels: ImageArray) -> tuple[ImageArray, NDArray[np.int64]]:
    """Return the different colors, uint8 (K, C), and how many pixels have each."""
    padded = np.zeros((len(pixels), 4), np.uint8)
    padded[:, : pixels.shape[1]] = pixels
    packed, counts = np.unique(padded.view(np.uint32)[:, 0], return_counts=True)
    colors = packed[:, None].view(np.uint8)[:, : pixels.shape[1]]
    return np.ascontiguousarray(colors), counts


def _find_gathered(pixels: ImageArray) -> Palette | None:
    """Return the colors around which those of a JPEG gather."""
    colors, counts = _count_colors(pixels)
    wide, left = colors.astype(np.float32), counts.astype(np.float64)
    found: list[int] = []
    total, taken, scatter = float(counts.sum()), 0.0, 0.0
    while len(found) < MAX_COLORS:
        center = int(np.argmax(left))
        gap = largest_channel(np.abs(wide - wide[center]))
        near = (gap <= RADIUS) & (left > 0)
        if not near.any() or left[near].sum() < MIN_SHARE * total:
            break
        found.append(center)
        taken += float(left[near].sum())
        scatter += float(left[near] @ (gap[near].astype(np.float64) ** 2))
        left[near] = 0
    if taken < COVERED * total or scatter > SCATTER**2 * taken:
        return None
    return Palette(np.ascontiguousarray(colors[found]), RADIUS)
