"""Small files of which every part is allowed, and that would take a decoder very long."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from service.contract.errors import ImageUndecodable
from service.pictures.boxes import Items
from service.pictures.cmyk import make_converter
from service.pictures.headers import read_header
from service.pictures.hevc import MAX_UNITS, check_hevc
from service.pictures.tiff_fields import Field, write_file
from tests.support.cmyk import make_cmyk_profile, make_steps
from tests.support.heif import PLAIN, find_box, make_box, repeat_data, replace_places

SIZE = (96, 64)


def _make_tiled(width: int, tile: tuple[int, int]) -> bytes:
    """Return a gray TIFF of 16 rows whose tiles all lie at one place."""
    packed = zlib.compress(bytes(tile[0] * tile[1]), 9)
    count = -(-width // tile[0])
    values = {256: [width], 257: [16], 258: [8], 259: [8], 262: [1], 322: [tile[0]], 323: [tile[1]]}
    values |= {324: [0] * count, 325: [len(packed)] * count}

    def write(place: int) -> bytes:
        numbers = values | {324: [place] * count}
        return write_file("<", {tag: _make_field(each) for tag, each in numbers.items()})

    return write(len(write(0))) + packed


def _make_field(numbers: list[int]) -> Field:
    return Field(4, len(numbers), struct.pack(f"<{len(numbers)}I", *numbers))


def test_tiles_of_a_tiff_may_overhang_but_not_without_bound() -> None:
    assert read_header(io.BytesIO(_make_tiled(1000, (256, 256)))).width == 1000
    with pytest.raises(ImageUndecodable, match="tiles are too large"):
        read_header(io.BytesIO(_make_tiled(1000, (16, 65_536 * 8))))


def test_units_of_an_hevc_configuration_are_bounded() -> None:
    start, length = find_box(PLAIN, b"hvcC")
    config, place = PLAIN[start + 8 : start + length], PLAIN.index(b"mdat") + 4
    data = io.BytesIO(PLAIN[place:])
    units = check_hevc(data, len(PLAIN) - place, config, SIZE)
    assert units == 1 + config[22]
    # One more array of units without meaning.
    more = struct.pack(">BH", 39, MAX_UNITS) + struct.pack(">HB", 1, 78) * MAX_UNITS
    config = config[:22] + bytes((config[22] + 1,)) + config[23:] + more
    with pytest.raises(ImageUndecodable, match="too many units"):
        check_hevc(data, len(PLAIN) - place, config, SIZE)


def test_an_item_may_not_name_the_same_data_over_and_over() -> None:
    with pytest.raises(ImageUndecodable, match="longer than the file"):
        read_header(io.BytesIO(repeat_data(PLAIN, 8192)))


def test_pieces_of_data_that_take_no_byte_are_counted() -> None:
    # In another item: each has 65,535 pieces, whose place and length have no bytes.
    items = struct.pack(">4H", 9, 2, 0, 65_535) * 16
    places = make_box(b"iloc", struct.pack(">IHH", 1 << 24, 0, 16) + items)
    with pytest.raises(ImageUndecodable, match="too long a list"):
        read_header(io.BytesIO(replace_places(PLAIN, places)))


def test_what_describes_an_item_is_collected_once() -> None:
    items = Items(1, properties={1: [(b"ispe", b"first"), (b"ispe", b"second")]})
    assert items.describe(1) == {b"ispe": b"first"}
    assert items.describe(1) is items.describe(1)


def test_tables_of_floating_point_are_not_used() -> None:
    plain, image = make_cmyk_profile(), Image.new("CMYK", (1, 1), (30, 60, 90, 20))
    # Shorter tables would change the color.
    for count in (2, 100_000):
        chained = make_cmyk_profile({b"D2B0": make_steps(count), b"D2B1": make_steps(count)})
        converted = make_converter(chained)(image)
        assert converted.tobytes() == make_converter(plain)(image).tobytes()
