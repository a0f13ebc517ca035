"""Narrows a line's quadrilateral to the strokes of its text, with all that surrounds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np

from service.contract.geometry import Box
from worker.engines.finders.text.band import FEW, Band, Bools, cut_band, widen
from worker.engines.finders.text.detecting import Floats, TextLine
from worker.engines.finders.text.halo import find_glow, find_shadow, list_outlines, widen_once
from worker.engines.finders.text.layers import guess_ground, smooth_ground
from worker.engines.finders.text.letters import Strokes, add_faint, average, list_strokes
from worker.engines.finders.text.modes import Space, list_spaces
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

Shape = Literal["strokes", "quadrilateral"]

_LEAST_RANK: Final = 0.03
"""Strokes with a lower rank are not told from the ground: the quadrilateral is taken."""
_LEAST_RANK_OF_PART: Final = 0.05
_ROUNDS: Final = 3
"""Each finds what surrounds the letters an eighth of the line's height farther out."""

_PLAIN: Final = 5.0
"""A ground with less noise than this, in levels, hides no part of a letter."""
_COARSE: Final = 12.0
"""A ground with more noise than this hides the rim of a letter: one pixel is taken."""
_SHOWS: Final = 3.0
"""Levels by which a rim differs from the ground at least."""
_STRAYS: Final = 12.0
"""Levels by which a part of the text that was not found otherwise differs from the ground."""


@dataclass(frozen=True, eq=False)
class LineMask:
    """The mask of one line.

    Attributes:
        box: where it lies in the picture.
        mask: uint8 (box.height, box.width), 255 of the text.
        shape: whether it has the text's strokes or all of the line's quadrilateral.
    """

    box: Box
    mask: MaskArray
    shape: Shape


def count_lines(shape: tuple[int, int], lines: Sequence[TextLine]) -> ImageArray:
    """Return how many lines lie on each pixel, uint8 (H, W)."""
    count = np.zeros(shape, np.uint8)
    for line in lines:
        corners = np.rint(line.corners).astype(np.int32)
        left, top, width, height = cv2.boundingRect(corners)
        left, top, right, bottom = max(left, 0), max(top, 0), left + width, top + height
        part = count[top:bottom, left:right]
        own = np.zeros(part.shape, np.uint8)
        cv2.fillConvexPoly(own, corners - np.array([left, top], np.int32), 1)
        cv2.add(part, own, dst=part)
    return to_uint8(count)


def mark_line(image: ImageArray, line: TextLine, lines: ImageArray) -> LineMask:
    """Return the mask of a line's text.

    Args:
        image: RGB (H, W, 3).
        line: the line.
        lines: how many lines lie on each pixel, this one included.
    """
    band = cut_band(image, line.corners, lines)
    marked = _find_text(band)
    shape: Shape = "quadrilateral" if marked is None else "strokes"
    mask = _enlarge(band.near if marked is None else marked, band)
    left, top, width, height = cv2.boundingRect(mask)
    box = Box(
        left=band.place[2] + left,
        top=band.place[0] + top,
        right=band.place[2] + left + width,
        bottom=band.place[0] + top + height,
    )
    return LineMask(box, mask[top : top + height, left : left + width], shape)


def _find_text(band: Band) -> Bools | None:
    """Return the text of a band, or nothing where it cannot be told from the ground."""
    spaces = list_spaces(band.colors, guess_ground(band.colors, band.height))
    found = list(list_strokes(band, spaces, band.line, 10))
    best = max(found, key=lambda strokes: strokes.rank, default=None)
    if best is None or best.rank < _LEAST_RANK:
        return None
    letters = _complete(band, best, best.mask | _look_again(band, spaces, best.mask))
    for _ in range(_ROUNDS):
        ground, far = _carry_ground(band, letters), _far_from(band, letters)
        outlines = list_outlines(band, list_spaces(band.colors, ground), letters, far)
        wider = np.logical_or.reduce([letters, find_glow(band, ground, letters, far), *outlines])
        if (wider == letters).all():
            break
        letters = wider
    return _add_rim(band, letters)


def _complete(band: Band, best: Strokes, letters: Bools) -> Bools:
    """Return letters with thin strokes, with those of other colors, and with their shadow."""
    ground, far = _carry_ground(band, letters), _far_from(band, letters)
    faint = add_faint(band, ground, best, letters, far)
    shadow = find_shadow(band, ground, letters)
    found = [letters, faint, shadow, *_more_letters(band, letters)]
    return np.asarray(np.logical_or.reduce(found))


def _look_again(band: Band, spaces: list[Space], letters: Bools) -> Bools:
    """Return letters where few were found: a veil changes a ground of two colors in two ways."""
    share = average(band, letters.astype(np.float32), band.line)
    few = (share < 0.4 * np.median(share))[band.segment]
    part = replace(band, line=band.line & few, near=band.near & few, around=band.around & few)
    if not part.line.any() or part.around.sum() < FEW:
        return np.zeros_like(letters)
    found = list_strokes(part, spaces, part.line, 8, least=4)
    best = max(found, key=lambda strokes: strokes.rank, default=None)
    return best.mask if best and best.rank >= _LEAST_RANK_OF_PART else np.zeros_like(letters)


def _more_letters(band: Band, letters: Bools) -> list[Bools]:
    """Return letters of other colors: of a gradient, or of a line in two colors."""
    plain = list_spaces(band.colors, band.colors)[:1]
    found = list_strokes(band, plain, band.line & ~letters, 8, least=8)
    return [one.mask for one in found if _is_letters(one)]


def _is_letters(strokes: Strokes) -> bool:
    return strokes.ratio >= 8 and strokes.thinness >= 0.8 and strokes.spread >= 0.5


def _add_rim(band: Band, letters: Bools) -> Bools:
    """Return letters with their rims where these show, and strays where the ground is plain."""
    ground, far = _carry_ground(band, letters), _far_from(band, letters)
    differs = np.asarray(np.abs(band.colors - ground).max(axis=2), np.float32)
    noise = (1.25 * average(band, differs, far))[band.segment]
    stray = band.near & (differs > np.maximum(_STRAYS, 4 * noise)) & (noise < _PLAIN)
    whole = letters | stray
    once = whole | (widen_once(whole) & ((differs > np.maximum(_SHOWS, noise)) | (noise > _COARSE)))
    return np.asarray(once | (widen_once(once) & (differs > np.maximum(_SHOWS + 1, 2 * noise))))


def _carry_ground(band: Band, letters: Bools) -> Floats:
    return smooth_ground(band.colors, ~band.widen(letters, 0.16) & ~band.others, band.height)


def _far_from(band: Band, letters: Bools) -> Bools:
    """Return the ground beside the letters, but not right beside them."""
    far = band.widen(letters, 0.5, 6) & ~band.widen(letters, 0.15, 4) & ~band.others
    return far if far.sum() >= 50 else band.around


def _enlarge(mask: Bools, band: Band) -> MaskArray:
    """Return a band's mask in pixels of the picture."""
    size = (band.place[3] - band.place[2], band.place[1] - band.place[0])
    if band.scale == 1:
        return to_uint8(mask.astype(np.uint8) * 255)
    large = cv2.resize(mask.astype(np.uint8) * 255, size, interpolation=cv2.INTER_LINEAR)
    wider = widen(np.asarray(large > 80), 0.4 / band.scale)
    return to_uint8(wider.astype(np.uint8) * 255)
