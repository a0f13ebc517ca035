"""Contact sheets: the truth, what was sent, and what each method made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.everyday.run import Painted
from benchmarks.weightfree.sheets import QUALITY, draw_captions, fit_into
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

SQUARES = 8
"""Side of the squares that stand for transparency, in pixels."""

RIGHT, WRONG = (40, 160, 60), (220, 40, 30)


def write_sheets(painted: Sequence[Painted], out: Path) -> list[Path]:
    """Write a JPEG for each kind, one row a case.

    Args:
        painted: the cases to show.
        out: a folder that exists.
    """
    files = []
    for kind in dict.fromkeys(one.case.kind for one in painted):
        sheet = draw_sheet([one for one in painted if one.case.kind == kind])
        file = out / f"everyday-{kind}.jpg"
        colors = cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(file), colors, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        files.append(file)
    return files


def draw_sheet(painted: Sequence[Painted]) -> ImageArray:
    """Return a sheet: truth, file and each method in a column; a bar says whether it is right."""
    names = dict.fromkeys(name for one in painted for name in one.paintings)
    rows = [draw_captions(["right answer", "sent", *names])]
    for one in painted:
        pictures = [one.sample.truth, one.sample.known]
        cells = [fit_into(show(pixels)) for pixels in pictures]
        empty = np.zeros_like(cells[0])
        for name in names:
            painting = one.paintings.get(name)
            cell = empty if painting is None else fit_into(show(painting.pixels))
            if painting is not None:
                cell[:3] = RIGHT if one.outcomes[name].is_right else WRONG
            cells.append(cell)
        rows.append(np.hstack(cells))
    return to_uint8(np.vstack(rows))


def show(pixels: ImageArray) -> ImageArray:
    """Return a picture as RGB, on a board of squares where it is transparent."""
    if pixels.shape[2] == 3:
        return pixels
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]] // SQUARES
    board = 120 + 60 * ((rows + columns) % 2)[..., None]
    share = pixels[..., 3:] / 255
    return to_uint8(np.rint(pixels[..., :3] * share + board * (1 - share)).astype(np.uint8))
