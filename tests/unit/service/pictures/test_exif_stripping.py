from __future__ import annotations

import struct
import time

import pytest
from PIL import Image

from service.pictures.exif_stripping import strip_exif
from tests.support.files import make_exif

ORIENTATION = (0x0112, 3, 1, struct.pack(">H", 6))
EXIF_DIRECTORY = 0x8769


def _point(*offsets: int) -> bytes:
    """Return a directory whose fields all lead to others, with one field that stays."""
    fields = [struct.pack(">HHII", EXIF_DIRECTORY, 4, 1, offset) for offset in offsets]
    fields.append(struct.pack(">HHI", 0x010F, 2, 4) + b"abc\0")
    return struct.pack(">H", len(fields)) + b"".join(fields) + bytes(4)


def test_strip_exif_keeps_nested_directories() -> None:
    source = Image.Exif()
    source[0x010F] = "Maker"
    source[0x0112] = 6
    source.get_ifd(0x8769).update({0x9003: "2026:01:02 03:04:05", 0xA002: 70, 0x9286: b"note" * 9})
    source.get_ifd(0x8825).update({1: "N", 2: (1.0, 2.0, 3.0)})
    stripped = strip_exif(source.tobytes().removeprefix(b"Exif\0\0"))
    assert stripped is not None
    back = Image.Exif()
    back.load(b"Exif\0\0" + stripped)
    assert back[0x010F] == "Maker"
    assert 0x0112 not in back
    assert back.get_ifd(0x8769) == {0x9003: "2026:01:02 03:04:05", 0x9286: b"note" * 9}
    assert back.get_ifd(0x8825) == {1: "N", 2: (1.0, 2.0, 3.0)}


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"garbage" * 9,
        b"MM\0*\xff\xff\xff\xff",
        make_exif(ORIENTATION),
        # A directory that leads to itself.
        b"MM\0*" + struct.pack(">IHHHIII", 8, 1, 0x8769, 4, 1, 8, 0),
        # Fields that share one value would make the copy a hundred times as large.
        b"MM\0*" + struct.pack(">IH", 8, 90) + struct.pack(">HHII", 0x010F, 2, 900, 8) * 90,
    ],
    ids=["empty", "garbage", "points behind itself", "orientation alone", "a ring", "a bomb"],
)
def test_strip_exif_gives_nothing_when_nothing_is_left(exif: bytes) -> None:
    assert strip_exif(exif) is None


def test_strip_exif_swaps_the_resolution_of_a_turned_picture() -> None:
    across = (0x011A, 5, 1, struct.pack(">II", 300, 1))
    down = (0x011B, 5, 1, struct.pack(">II", 200, 1))
    stripped = strip_exif(make_exif(across, down), is_turned=True)
    assert stripped is not None
    back = Image.Exif()
    back.load(b"Exif\0\0" + stripped)
    assert (back[0x011A], back[0x011B]) == (200, 300)


def test_strip_exif_survives_a_long_chain_of_directories() -> None:
    step = len(_point(0))
    chain = b"".join(_point(8 + step * (index + 1)) for index in range(5000))
    assert strip_exif(b"MM\0*" + struct.pack(">I", 8) + chain + _point()) is not None


def test_strip_exif_takes_no_longer_for_each_of_many_directories_that_overlap() -> None:
    def cost(count: int) -> float:
        exif = b"MM\0*" + struct.pack(">I", 8) + _point(*range(20, 20 + 12 * count, 12))
        started = time.process_time()
        strip_exif(exif)
        return time.process_time() - started

    few, many = (min(cost(count) for _ in range(3)) for count in (1000, 8000))
    assert many < 32 * few, "8 times as many; each by all others would be 64 times as long"
