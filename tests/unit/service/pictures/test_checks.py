from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    PaintjobError,
    UnsupportedMediaType,
)
from service.pictures.checks import check_picture
from service.pictures.headers import read_header
from tests.support.pictures import encode, picture

LIMIT = 16_000_000
WHOLE = {
    "png": picture(120, 80),
    "png palette": picture(120, 80, mode="P"),
    "png alpha": picture(120, 80, mode="RGBA"),
    "jpeg": picture(120, 80, kind="JPEG"),
    "jpeg progressive": picture(120, 80, kind="JPEG", progressive=True),
    "webp": picture(120, 80, kind="WEBP"),
    "webp lossless": picture(120, 80, kind="WEBP", lossless=True),
    "webp alpha": picture(120, 80, mode="RGBA", kind="WEBP", exact=True),
}


@pytest.mark.parametrize("name", WHOLE)
def test_check_picture_tells_format_and_size(name: str) -> None:
    info = check_picture(io.BytesIO(WHOLE[name]), LIMIT)
    assert info.format == name.split()[0]
    assert (info.width, info.height, info.orientation) == (120, 80, 1)
    assert info.upright_size == (120, 80)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.8, 0.95])
def test_check_picture_finds_truncation(name: str, share: float) -> None:
    data = WHOLE[name]
    with pytest.raises((ImageUndecodable, UnsupportedMediaType)):
        check_picture(io.BytesIO(data[: int(len(data) * share)]), LIMIT)


def test_check_picture_finds_a_flipped_byte_in_a_png() -> None:
    data = bytearray(picture(120, 80))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ImageUndecodable):
        check_picture(io.BytesIO(data), LIMIT)


@given(st.binary(max_size=200), st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF"]))
@settings(max_examples=200)
def test_check_picture_raises_its_own_errors_only(tail: bytes, head: bytes) -> None:
    with pytest.raises(PaintjobError):
        check_picture(io.BytesIO(head + tail), LIMIT)


@pytest.mark.parametrize("name", WHOLE)
def test_check_picture_survives_damage(name: str) -> None:
    generator = random.Random(name)
    for _ in range(60):
        data = bytearray(WHOLE[name])
        for _ in range(generator.randint(1, 6)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        try:
            check_picture(io.BytesIO(data), LIMIT)
        except PaintjobError:
            continue


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_check_picture_reads_the_orientation(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    info = check_picture(io.BytesIO(picture(120, 80, kind=kind, exif=exif)), LIMIT)
    assert info.orientation == orientation
    assert info.upright_size == ((80, 120) if orientation > 4 else (120, 80))


def test_check_picture_reads_exif_behind_the_pixels_of_a_png() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture(120, 80, exif=exif)
    start = data.index(b"eXIf") - 4
    length = int.from_bytes(data[start : start + 4], "big") + 12
    moved = data[:start] + data[start + length : -12] + data[start : start + length] + data[-12:]
    assert moved.index(b"eXIf") > moved.index(b"IDAT")
    assert check_picture(io.BytesIO(moved), LIMIT).orientation == 6


def test_check_picture_takes_the_first_picture_of_a_phone_jpeg() -> None:
    frames = [Image.new("RGB", (120, 80), color) for color in ("red", "blue")]
    data = encode(frames[0], "MPO", save_all=True, append_images=frames[1:])
    info = check_picture(io.BytesIO(data), LIMIT)
    assert (info.format, info.width) == ("jpeg", 120)


def test_check_picture_refuses_a_jpeg_with_endless_scans() -> None:
    data = WHOLE["jpeg progressive"]
    start = data.rindex(b"\xff\xda")
    bomb = data[:start] + data[start:-2] * 100 + data[-2:]
    with pytest.raises(ImageUndecodable, match="scans"):
        check_picture(io.BytesIO(bomb), LIMIT)
    hidden = data[:start] + (b"\xff\xfe\x00\x04\xff\xd9" + data[start:-2]) * 100 + data[-2:]
    with pytest.raises(ImageUndecodable, match="scans"):
        check_picture(io.BytesIO(hidden), LIMIT)


@pytest.mark.parametrize("filler", [b"\xff", b"\xff\xd0", b"\xff\xfe\x00\x02"])
def test_check_picture_refuses_a_jpeg_with_endless_segments(filler: bytes) -> None:
    data = WHOLE["jpeg"]
    for place in (2, data.index(b"\xff\xda")):
        with pytest.raises(ImageUndecodable, match="segments"):
            check_picture(io.BytesIO(data[:place] + filler * 5000 + data[place:]), LIMIT)


def test_check_picture_takes_a_jpeg_with_other_data_behind_its_end() -> None:
    data = WHOLE["jpeg"] + b"\xff\xda\x00\x02" * 5000
    assert check_picture(io.BytesIO(data), LIMIT).width == 120


@pytest.mark.parametrize("name", WHOLE)
def test_check_picture_refuses_by_declared_pixels(name: str) -> None:
    with pytest.raises(ImageTooLarge):
        check_picture(io.BytesIO(WHOLE[name]), 120 * 80 - 1)
    check_picture(io.BytesIO(WHOLE[name]), 120 * 80)


@pytest.mark.parametrize("size", [(1, 1), (1, 1024), (1024, 1)])
def test_check_picture_takes_the_extremes(size: tuple[int, int]) -> None:
    assert check_picture(io.BytesIO(picture(*size)), LIMIT).upright_size == size


def test_read_header_tells_16_bits() -> None:
    header = read_header(io.BytesIO(encode(Image.new("I;16", (64, 64)))))
    assert header.depth == 16


@pytest.mark.parametrize("kind", ["GIF", "BMP", "ICO"])
def test_read_header_refuses_other_formats(kind: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        read_header(io.BytesIO(encode(Image.new("RGB", (64, 64)), kind)))


@pytest.mark.parametrize("size", [(1, 1), (200, 1), (1, 7), (9, 200)])
@pytest.mark.parametrize("progressive", [False, True])
def test_check_picture_takes_small_jpegs(size: tuple[int, int], progressive: bool) -> None:
    data = encode(Image.new("RGB", size), "JPEG", progressive=progressive)
    assert check_picture(io.BytesIO(data), LIMIT).upright_size == size
