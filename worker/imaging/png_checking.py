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
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.contract.errors import ImageUndecodable, KeptPixelsChanged
from service.pictures.headers import PictureHeader, read_header
from service.pictures.png import check_sums
from worker.imaging import ImageArray
from worker.imaging.bands import row_bands
from worker.imaging.png_data import DataReader, band_rows, read_layout

_NONE: Final = 0
_UP: Final = 2
_COLOR_TYPES: Final = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}


def read_written_rows(
    encoded: bytes, size: tuple[int, int], mode: str, depth: int = 8
) -> Iterator[tuple[slice, NDArray[Any]]]:
    """Yield the rows of a PNG in bands: (N, W) for `L`, else (N, W, 2..4), uint8 or uint16.

    Args:
        encoded: the file.
        size: width and height that it must have.
        mode: `L`, `LA`, `RGB` or `RGBA`, likewise.
        depth: 8 or 16, likewise.

    Raises:
        KeptPixelsChanged: it is a picture of another kind.
        ImageUndecodable, InvalidField, zlib.error, struct.error: it is broken.
    """
    file = BytesIO(encoded)
    header = read_header(file)
    check_sums(file)
    layout = read_layout(encoded)
    if layout != (*size, depth, _COLOR_TYPES[mode], 0, 0, 0) or not _is_plain(header):
        raise KeptPixelsChanged("the output came back in another size, position or color mode")
    (width, height), length = size, size[0] * len(mode) * depth // 8
    reader = DataReader(encoded, header, zlib.decompressobj())
    above = np.zeros(length, np.uint8)
    for rows in row_bands(height, band_rows(length)):
        count = rows.stop - rows.start
        stored = np.frombuffer(reader.read(count * (1 + length)), np.uint8).reshape(count, -1)
        band = _undo_filters(stored, above)
        above = band[-1]
        values = band if depth == 8 else band.view(">u2").astype(np.uint16)
        yield rows, values if mode == "L" else values.reshape(count, width, len(mode))
    if reader.count_surplus(1) or not reader.has_ended or not reader.is_exhausted():
        raise ImageUndecodable("the PNG's data does not end with its last row")


def _is_plain(header: PictureHeader) -> bool:
    """Return whether nothing but the rows decides on the picture."""
    return header.transparency is None and header.orientation == 1 and not header.animated


def _undo_filters(stored: ImageArray, above: ImageArray) -> ImageArray:
    """Return rows from what is stored: each as it is, or as the difference to the one above.

    Raises:
        KeptPixelsChanged: one is filtered in another way.
    """
    kinds, values = stored[:, 0].tolist(), stored[:, 1:]
    rows = np.empty(values.shape, np.uint8)
    for kind, line, row in zip(kinds, values, rows, strict=True):
        if kind == _UP:
            np.add(line, above, out=row)
        elif kind == _NONE:
            row[...] = line
        else:
            raise KeptPixelsChanged("the output came back with rows that were not written so")
        above = row
    return rows
