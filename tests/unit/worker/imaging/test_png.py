"""PNGs as they are written, read, and read again for the proof."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from service.contract.errors import KeptPixelsChanged
from service.pictures.deep import read_planes
from service.pictures.headers import read_header
from tests.support.corpus import see_deep, see_with_pillow
from tests.support.files import insert_in_png, make_chunk, make_png, pack_rows
from tests.support.pictures import encode, make_box_mask, make_image, make_rgb
from worker.imaging import ImageArray
from worker.imaging.decoding import decode_picture
from worker.imaging.picture import Picture
from worker.imaging.png_checking import read_written_rows
from worker.imaging.png_data import BAND_BYTES
from worker.imaging.png_writing import STRIP_PIXELS, WHOLE_PIXELS, encode_png
from worker.imaging.proving import compare

LIMIT = 10_000_000
COLOR_TYPES = {"L": 0, "LA": 4, "RGB": 2, "RGBA": 6}


def make_picture(mode: str, width: int, height: int) -> Picture:
    return decode_picture(encode(make_image(mode, width, height)), LIMIT)


def make_rows(height: int, length: int, seed: int) -> ImageArray:
    """Return rows as a PNG stores them: any bytes, of filters that change after some rows."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 256, (height, 1 + length), np.uint8)
    kinds = rng.choice((0, 1, 2, 3, 4, 4, 4), height)
    rows[:, 0] = np.repeat(kinds, rng.choice((1, 2, 5, 20, 90), height))[:height]
    return rows


def read_back(encoded: bytes, picture: Picture) -> ImageArray:
    size = (picture.width, picture.height)
    return np.concatenate([band for _, band in read_written_rows(encoded, size, picture.mode)])


@given(
    mode=st.sampled_from(list(COLOR_TYPES)),
    width=st.integers(1, 40),
    height=st.integers(1, 200),
    seed=st.integers(0, 2**32 - 1),
)
def test_decode_picture_undoes_every_filter_as_pillow_does(
    mode: str, width: int, height: int, seed: int
) -> None:
    rows = make_rows(height, width * len(mode), seed)
    blank = np.zeros((height, width, len(mode)), np.uint8)
    data = make_png(blank, COLOR_TYPES[mode], data=zlib.compress(rows.tobytes()))
    assert np.array_equal(decode_picture(data, LIMIT).channels(), see_with_pillow(data))


@given(
    mode=st.sampled_from(list(COLOR_TYPES)),
    width=st.integers(1, 40),
    height=st.integers(1, 200),
    seed=st.integers(0, 2**32 - 1),
)
def test_decode_picture_undoes_every_filter_of_16_bits_as_libpng_and_pillow_do(
    mode: str, width: int, height: int, seed: int
) -> None:
    rows = make_rows(height, 2 * width * len(mode), seed)
    blank = np.zeros((height, width, len(mode)), np.uint16)
    data = make_png(blank, COLOR_TYPES[mode], depth=16, data=zlib.compress(rows.tobytes()))
    found = decode_picture(data, LIMIT).stored_channels()
    assert np.array_equal(found, see_deep(data).reshape(found.shape))
    planes = read_planes(BytesIO(data), read_header(BytesIO(data)))
    high, low = (np.asarray(plane).astype(np.uint16) for plane in planes)
    by_pillow = (high << 8 | low)[..., [0, 3] if len(mode) == 2 else range(len(mode))]
    assert np.array_equal(found, by_pillow.reshape(found.shape))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 5), (9, 8), (33, 17)])
def test_decode_picture_reads_every_depth_and_pass_as_pillow_does(
    size: tuple[int, int], depth: int, interlaced: bool
) -> None:
    samples = np.random.default_rng(depth).integers(0, 2**depth, size, np.uint8)
    palette = make_chunk(b"PLTE", np.random.default_rng(0).bytes(3 << depth))
    for color_type, mode, head in ((0, "L", []), (3, "RGB", [palette])):
        data = make_png(samples, color_type, depth=depth, interlaced=interlaced, head=head)
        with Image.open(BytesIO(data)) as image:
            expected = np.asarray(image.convert(mode))
        assert np.array_equal(decode_picture(data, LIMIT).color, expected)


@pytest.mark.parametrize("mode", COLOR_TYPES)
def test_a_large_picture_in_strips_is_one_picture_for_every_reader(mode: str) -> None:
    height = WHOLE_PIXELS // 600 + 1
    picture = make_picture(mode, 600, height)
    assert 600 * height > WHOLE_PIXELS > STRIP_PIXELS
    assert 600 * height * len(mode) > BAND_BYTES
    encoded = encode_png(picture)
    assert encoded.count(b"IDAT") > 1
    for back in (
        see_with_pillow(encoded),
        read_back(encoded, picture),
        decode_picture(encoded, LIMIT).channels(),
    ):
        assert np.array_equal(back, picture.channels())
    by_opencv = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert by_opencv is not None and np.array_equal(by_opencv, picture.rgb())


def test_encode_png_writes_the_same_bytes_on_any_number_of_threads() -> None:
    picture = make_picture("RGB", 1100, 1100)
    with one_processor():
        alone = encode_png(picture)
    assert alone == encode_png(picture)


@contextmanager
def one_processor() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def packed_with(rows: bytes, samples: ImageArray) -> bytes:
    return make_png(samples, 2, data=zlib.compress(rows))


def list_odd_files() -> dict[str, bytes]:
    """Files that decoders take, each perhaps in its own way, or refuse."""
    samples = make_rgb("texture", 9, 8)
    rows, plain = pack_rows(samples), make_png(samples, 2)
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "filtered by the left": packed_with(b"\1" + rows[1:], samples),
        "a row more": packed_with(rows + rows[:28], samples),
        "a row less": packed_with(rows[:-28], samples),
        "another check sum": make_png(samples, 2, data=zlib.compress(rows)[:-4] + b"abcd"),
        "bytes behind the data": make_png(samples, 2, data=zlib.compress(rows) + b"abcd"),
        "interlaced": make_png(samples, 2, interlaced=True),
        "a transparent color": insert_in_png(plain, make_chunk(b"tRNS", bytes(6))),
        "animated": insert_in_png(plain, make_chunk(b"acTL", bytes(8))),
        "turned": insert_in_png(plain, make_chunk(b"eXIf", turned.tobytes()[6:])),
        "cut": plain[:-30],
        "a changed byte": plain[:-20] + bytes([plain[-20] ^ 1]) + plain[-19:],
        "no PNG": encode(samples, "BMP"),
    }


@pytest.mark.parametrize("name", list_odd_files())
def test_the_proof_takes_no_file_that_could_be_read_in_another_way(name: str) -> None:
    picture = Picture(make_rgb("texture", 9, 8))
    mask = make_box_mask(9, 8, (2, 2, 4, 4))
    for plain in (encode_png(picture), make_png(picture.color, 2)):
        assert compare(picture, mask, plain, "png").kept_pixels_changed == 0
    with pytest.raises(KeptPixelsChanged):
        compare(picture, mask, list_odd_files()[name], "png")


@pytest.mark.parametrize("mode", COLOR_TYPES)
def test_encode_png_writes_what_pillow_verifies(mode: str) -> None:
    with Image.open(BytesIO(encode_png(make_picture(mode, 70, 50)))) as image:
        image.verify()
