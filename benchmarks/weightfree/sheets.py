"""Contact sheets: the picture with its hole and what each method made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.weightfree.run import Painted
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

CELL = 176
CAPTION = 18
QUALITY = 76
HOLE_COLOR = (255, 0, 255)


def write_sheets(painted: Sequence[Painted], out: Path) -> list[Path]:
    """Write a JPEG for each section, one row a case.

    Args:
        painted: the cases to show.
        out: a folder that exists.
    """
    sections = dict.fromkeys(one.case.section for one in painted)
    files = []
    for section in sections:
        cases = [one for one in painted if one.case.section == section]
        file = out / f"weightfree-{section}.jpg"
        sheet = cv2.cvtColor(draw_sheet(cases), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(file), sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        files.append(file)
    return files


def draw_sheet(cases: Sequence[Painted]) -> ImageArray:
    """Return a sheet: truth, hole and each method in a column of its own, RGB uint8."""
    methods = list(dict.fromkeys(name for one in cases for name in one.images))
    rows = [draw_captions(["original", "hole", *methods])]
    for one in cases:
        holed = one.truth.copy()
        holed[one.mask > 0] = HOLE_COLOR
        pictures = [one.truth, holed]
        pictures += [one.images.get(name, np.zeros_like(one.truth)) for name in methods]
        rows.append(np.hstack([fit_into(_around(picture, one.mask)) for picture in pictures]))
    return to_uint8(np.vstack(rows))


def draw_captions(texts: Sequence[str]) -> ImageArray:
    """Return the head of a sheet: one caption a column."""
    return to_uint8(np.hstack([_caption(text) for text in texts]))


def _caption(text: str) -> ImageArray:
    strip = np.zeros((CAPTION, CELL, 3), np.uint8)
    cv2.putText(strip, text, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1)
    return strip


def _around(image: ImageArray, mask: MaskArray) -> ImageArray:
    """Return the part of the picture round the hole."""
    left, top, wide, high = cv2.boundingRect(mask)
    rows = slice(max(0, top - high // 6), top + high + high // 6)
    columns = slice(max(0, left - wide // 6), left + wide + wide // 6)
    return image[rows, columns]


def fit_into(image: ImageArray) -> ImageArray:
    """Return a picture scaled into a cell; the cell is as high as the picture."""
    height, width = image.shape[:2]
    factor = CELL / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    # The row is as high as its pictures, all of one shape.
    cell = np.zeros((size[1], CELL, 3), np.uint8)
    cell[:, : size[0]] = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cell
