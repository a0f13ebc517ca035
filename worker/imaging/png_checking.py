"""Read a PNG that was written here, to prove what is in it.

Strictly, and by other means than `png_writing` and `png_reading`: check sums and unpacking are
zlib's, and rows are put together by numpy. A file that passes has nothing that a reader may take in
another way: one frame, upright, without palette or transparent color, not interlaced, every check
sum right, and no byte too many.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Final

import numpy as np

from service.contract.errors import ImageUndecodable, KeptPixelsChanged
from service.pictures.headers import PictureHeader, read_header
from service.pictures.png import check_sums
from worker.imaging import ImageArray
from worker.imaging.bands import row_bands
from worker.imaging.png_data import DataReader, band_rows, read_layout

_NONE: Final = 0
_UP: Final = 2


def read_written_rows(
    encoded: bytes, size: tuple[int, int], mode: str
) -> Iterator[tuple[slice, ImageArray]]:
    """Yield the rows of a PNG in bands: uint8 (N, W) for `L`, else (N, W, 2..4).

    Args:
        encoded: the file.
        size: width and height that it must have.
        mode: `L`, `LA`, `RGB` or `RGBA`, likewise.

    Raises:
        KeptPixelsChanged: it is a picture of another kind.
        ImageUndecodable, InvalidField, zlib.error, struct.error: it is broken.
    """
    file = BytesIO(encoded)
    header = read_header(file)
    check_sums(file)
    _check_kind(header, size, mode, interlaced=bool(read_layout(encoded).interlaced))
    (width, height), length = size, size[0] * len(mode)
    reader = DataReader(encoded, header, zlib.decompressobj())
    above = np.zeros(length, np.uint8)
    for rows in row_bands(height, band_rows(length)):
        count = rows.stop - rows.start
        stored = np.frombuffer(reader.read(count * (1 + length)), np.uint8).reshape(count, -1)
        band = _undo_filters(stored, above)
        above = band[-1]
        yield rows, band if mode == "L" else band.reshape(count, width, len(mode))
    if reader.count_surplus(1) or not reader.has_ended or not reader.is_exhausted():
        raise ImageUndecodable("the PNG's data does not end with its last row")


def _check_kind(
    header: PictureHeader, size: tuple[int, int], mode: str, *, interlaced: bool
) -> None:
    """Check that a PNG is of the kind that is written here.

    Raises:
        KeptPixelsChanged: it is not.
    """
    is_plain = header.depth == 8 and header.transparency is None and header.orientation == 1
    is_same = (header.width, header.height) == size and header.mode == mode
    if not is_same or not is_plain or header.animated or interlaced:
        raise KeptPixelsChanged("the output came back in another size, position or color mode")


def _undo_filters(stored: ImageArray, above: ImageArray) -> ImageArray:
    """Return rows from what is stored: each as it is, or as the difference to the one above.

    Raises:
        KeptPixelsChanged: one is filtered in another way.
    """
    if not np.isin(stored[:, 0], (_NONE, _UP)).all():
        raise KeptPixelsChanged("the output came back with rows that were not written so")
    rows = np.ascontiguousarray(stored[:, 1:])
    for index in np.flatnonzero(stored[:, 0]):
        row = rows[index]
        np.add(row, rows[index - 1] if index else above, out=row)
    return rows
