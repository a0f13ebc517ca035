"""Pictures a few rows at a time, where a whole one in wider numbers would take too much memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

BAND_ROWS: Final = 256
"""Of a picture 4,000 pixels wide a megapixel: 12 MB of RGB in floats."""


def row_bands(height: int, rows: int = BAND_ROWS) -> Iterator[slice]:
    """Return the rows of a picture in bands, from the top; the last one ends with the picture.

    Args:
        height: rows of the picture.
        rows: rows of a band, >= 1.
    """
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))
