"""The contact sheet: what was sent, the truth, and every result, one picture a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from benchmarks.pictures.sets import Item
from benchmarks.weightfree.sheets import draw_captions, fit_into
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

QUALITY: Final = 72
OUTLINE: Final = (255, 0, 200)


def add_row(rows: list[ImageArray], item: Item, results: Mapping[str, ImageArray]) -> None:
    """Add an item to a sheet; the first one brings the captions."""
    if not rows:
        rows.append(draw_captions(["sent, hole marked", "truth", *results]))
    truth = np.zeros_like(item.sent) if item.truth is None else item.truth
    cells = [fit_into(one) for one in (_mark(item), truth, *results.values())]
    rows.append(to_uint8(np.hstack(cells)))


def write_sheet(rows: Sequence[ImageArray], path: Path) -> None:
    """Write a JPEG."""
    sheet = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def _mark(item: Item) -> ImageArray:
    marked = item.sent.copy()
    contours, _ = cv2.findContours(item.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(marked, contours, -1, OUTLINE, 2)
    return marked
