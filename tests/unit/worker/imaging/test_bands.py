from __future__ import annotations

import pytest

from worker.imaging.bands import BAND_ROWS, row_bands


@pytest.mark.parametrize("height", [0, 1, BAND_ROWS - 1, BAND_ROWS, BAND_ROWS + 1, 1000])
@pytest.mark.parametrize("rows", [1, 7, BAND_ROWS])
def test_row_bands_gives_every_row_once(height: int, rows: int) -> None:
    bands = list(row_bands(height, rows))
    assert [row for band in bands for row in range(band.start, band.stop)] == list(range(height))
    assert all(band.stop - band.start == rows for band in bands[:-1])
