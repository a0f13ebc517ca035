"""Strips: one scene a file, what was sent and what each method made of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.everyday.painting import Painting
from benchmarks.everyday.sample import Sample
from benchmarks.everyday.sheets import show
from worker.imaging import ImageArray

CELL: Final = 240
LABEL: Final = 20
GAP: Final = 6
COLUMNS: Final = 4
QUALITY: Final = 78
PAPER, INK, HOLE = (255, 255, 255), (40, 40, 40), (255, 0, 200)


def draw_strip(
    sample: Sample, paintings: Mapping[str, Painting], path: Path, *, shows_truth: bool
) -> None:
    """Write a JPEG of what was sent, with the hole, every painting, and perhaps what was there."""
    cells = [("sent, to be painted", mark_hole(sample))]
    for name, painting in paintings.items():
        told = "" if painting.estimate is None else f", estimate {painting.estimate:.2f}"
        cells.append((name + told, show(painting.pixels)))
    if shows_truth:
        cells.append(("what was there", show(sample.truth)))
    small = [(label, _shrink(pixels)) for label, pixels in cells]
    columns = 5 if len(small) == 5 else min(COLUMNS, len(small))
    rows = -(-len(small) // columns)
    high = max(picture.height for _, picture in small) + LABEL + GAP
    sheet = Image.new("RGB", (columns * (CELL + GAP) - GAP, rows * high - GAP), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for number, (label, picture) in enumerate(small):
        left, top = number % columns * (CELL + GAP), number // columns * high
        pen.text((left, top + 1), label, fill=INK, font=font)
        sheet.paste(picture, (left, top + LABEL))
    sheet.save(path, quality=QUALITY, optimize=True)


def mark_hole(sample: Sample) -> ImageArray:
    """Return what was sent, with the part to be painted in a color that no picture has."""
    marked = show(sample.known).copy()
    marked[sample.mask != 0] = HOLE
    return marked


def _shrink(pixels: ImageArray) -> Image.Image:
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    factor = CELL / picture.width
    size = CELL, max(1, round(picture.height * factor))
    return picture.resize(size, Image.Resampling.LANCZOS)
