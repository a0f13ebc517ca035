from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest

from service.contract.errors import ImageUndecodable
from service.pictures.png import check_data, check_sums
from tests.support.files import make_chunk, make_png, pack_rows
from worker.imaging import ImageArray

COLOR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def _samples(width: int, height: int, channels: int, depth: int) -> ImageArray:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(0).integers(0, 2**depth, shape, np.uint8)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 1), (1, 5), (9, 8), (70, 64)])
@pytest.mark.parametrize(
    ("channels", "depth"), [(1, 1), (1, 2), (1, 4), (1, 8), (2, 8), (3, 8), (4, 8)]
)
def test_check_data_knows_how_long_the_data_must_be(
    channels: int, depth: int, size: tuple[int, int], interlaced: bool
) -> None:
    samples, color = _samples(*size, channels, depth), COLOR_TYPES[channels]
    check_data(BytesIO(make_png(samples, color, depth=depth, interlaced=interlaced)))
    rows = pack_rows(samples, depth, interlaced=interlaced)
    data = zlib.compress(rows[:-1])
    short = make_png(samples, color, depth=depth, interlaced=interlaced, data=data)
    with pytest.raises(ImageUndecodable, match="early"):
        check_data(BytesIO(short))


@pytest.mark.parametrize("cut", [0, 1, 5, 100])
def test_check_data_finds_broken_data(cut: int) -> None:
    samples = _samples(70, 64, 3, 8)
    packed = zlib.compress(pack_rows(samples))
    for data in (packed[:cut], b"\xff" * 99, packed[:200] + b"\xff" * 200 + packed[400:]):
        with pytest.raises(ImageUndecodable):
            check_data(BytesIO(make_png(samples, 2, data=data)))


def test_check_sums_finds_a_changed_byte_anywhere() -> None:
    png = make_png(_samples(9, 8, 3, 8), 2, head=[make_chunk(b"tEXt", b"key\0text")])
    check_sums(BytesIO(png))
    for position in range(16, len(png) - 12):
        changed = bytearray(png)
        changed[position] ^= 1
        with pytest.raises((ImageUndecodable, struct.error)):
            check_sums(BytesIO(changed))
