"""Draws inputs and results side by side on one sheet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

CELL_WIDTH, CELL_HEIGHT = 420, 300
MARGIN, LABEL_HEIGHT = 16, 30
INK, PAPER, MARK = (30, 30, 30), (246, 246, 244), (255, 0, 200)


@dataclass(frozen=True)
class Row:
    """One job on the sheet.

    Attributes:
        title: operation and method.
        before: the input, RGB.
        mask: what was repainted, L; None for outpainting.
        after: the result, RGB.
        seconds: that the painting took.
        changed: kept pixels that differ.
        corner: left and top of the original on the result.
    """

    title: str
    before: Image.Image
    mask: Image.Image | None
    after: Image.Image
    seconds: float
    changed: int
    corner: tuple[int, int] = (0, 0)


def draw_contact_sheet(rows: list[Row], path: Path) -> None:
    """Draw a line for each job (input, what is to be painted, result) and save it as PNG."""
    row_height = CELL_HEIGHT + LABEL_HEIGHT + MARGIN
    width = 3 * (CELL_WIDTH + MARGIN) + MARGIN
    sheet = Image.new("RGB", (width, len(rows) * row_height + MARGIN), PAPER)
    for number, row in enumerate(rows):
        _draw_row(sheet, row, MARGIN + number * row_height)
    sheet.save(path)


def _draw_row(sheet: Image.Image, row: Row, top: int) -> None:
    cells = (
        ("input", row.before),
        ("to be painted", _marked(row)),
        (f"{row.title}, {row.seconds:.2f} s, kept pixels changed: {row.changed}", row.after),
    )
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    scale = min(
        CELL_WIDTH / max(picture.width for _, picture in cells),
        CELL_HEIGHT / max(picture.height for _, picture in cells),
    )
    for column, (label, picture) in enumerate(cells):
        left = MARGIN + column * (CELL_WIDTH + MARGIN)
        pen.text((left, top), label, fill=INK, font=font)
        # One scale a line, so that what outpainting adds can be seen.
        size = (round(picture.width * scale), round(picture.height * scale))
        small = picture.resize(size, Image.Resampling.LANCZOS)
        corner = (left + (CELL_WIDTH - size[0]) // 2, (CELL_HEIGHT - size[1]) // 2)
        sheet.paste(small, (corner[0], top + LABEL_HEIGHT + corner[1]))


def _marked(row: Row) -> Image.Image:
    """Show what is to be painted: the mask laid over the input, or the empty canvas around it."""
    if row.mask is not None:
        marked = row.before.copy()
        marked.paste(MARK, (0, 0), row.mask)
        return marked
    canvas = Image.new("RGB", row.after.size, MARK)
    canvas.paste(row.before, row.corner)
    return canvas
