from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.pictures.exif import read_placement
from service.pictures.picture_header import Resolution
from tests.support.files import make_exif, make_orientation


@pytest.mark.parametrize("value", range(10))
def test_read_placement_counts_unknown_orientations_as_upright(value: int) -> None:
    orientation, _ = read_placement(make_orientation(value))
    assert orientation == (value if 1 <= value <= 8 else 1)


@pytest.mark.parametrize("endian", ["<", ">"])
def test_read_placement_reads_what_pillow_writes(endian: str) -> None:
    exif = Image.Exif()
    exif.endian = endian
    exif[0x0112], exif[0x011A], exif[0x011B], exif[0x0128] = 6, 118.0, 118.0, 3
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    assert read_placement(block) == (6, Resolution(11800, 11800, "meter"))


@pytest.mark.parametrize("part", [(0, 1), (1, 0), (0, 0), (2**32 - 1, 1)])
def test_read_placement_knows_no_resolution_without_length(part: tuple[int, int]) -> None:
    value = struct.pack(">II", *part)
    assert read_placement(make_exif((0x011A, 5, 1, value), (0x011B, 5, 1, value))) == (1, None)


@given(st.binary(max_size=300))
def test_read_placement_raises_nothing(tail: bytes) -> None:
    for head in (b"", b"MM\0*", b"II*\0", b"MM\0*\0\0\0\x08", b"II*\0\x08\0\0\0\xff\xff"):
        orientation, _ = read_placement(head + tail)
        assert 1 <= orientation <= 8


def test_read_placement_knows_nothing_without_exif() -> None:
    assert read_placement(None) == (1, None)
