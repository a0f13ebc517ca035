from __future__ import annotations

import io
import struct
import zlib
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    InvalidField,
    MaskSizeMismatch,
    MaskUndecodable,
    UnsupportedMediaType,
)
from service.pictures.mask_decoding import read_mask, read_transparency
from tests.support.costs.files import jpeg_of_channels
from tests.support.files import make_chunk, make_png
from tests.support.pictures import encode

SIZE = (96, 64)
LIMIT = 16_000_000
BOX = (16, 16, 48, 40)


def _ramp() -> Image.Image:
    return Image.linear_gradient("L").resize(SIZE)


def _png(depth: int, kind: int, rows: bytes, transparency: bytes = b"") -> bytes:
    """Write a PNG without filters by hand: Pillow writes no 16 bits of color."""
    width, height = SIZE
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))]
    chunks += [(b"tRNS", transparency)] if transparency else []
    step = len(rows) // height
    body = b"".join(b"\0" + rows[start : start + step] for start in range(0, len(rows), step))
    chunks += [(b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _luminance(data: bytes) -> Image.Image:
    info, luminance = read_mask(io.BytesIO(data), LIMIT, SIZE)
    assert info.upright_size == luminance.size == SIZE
    assert luminance.mode == "L"
    return luminance


def _deep(channels: int, high: bytes, low: int) -> bytes:
    """Return big-endian 16-bit samples with these high bytes in each channel."""
    return b"".join(bytes((value, low)) * channels for value in high)


@pytest.mark.parametrize(
    "image",
    [_ramp(), _ramp().convert("LA"), _ramp().convert("RGB"), _ramp().convert("RGBA")],
    ids=lambda image: image.mode,
)
def test_read_mask_gives_gray_as_it_is(image: Image.Image) -> None:
    assert _luminance(encode(image)).tobytes() == _ramp().tobytes()


def test_read_mask_weighs_colors_as_pillow_does() -> None:
    colors = Image.merge("RGB", (_ramp(), _ramp().rotate(180), Image.new("L", SIZE, 90)))
    assert _luminance(encode(colors)).tobytes() == colors.convert("L").tobytes()
    palette = colors.quantize(32)
    assert _luminance(encode(palette)).tobytes() == palette.convert("L").tobytes()


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3)], ids=["gray", "RGB"])
@pytest.mark.parametrize("low", [0, 255])
def test_read_mask_takes_the_high_byte_of_sixteen_bits(kind: int, channels: int, low: int) -> None:
    high = _ramp().tobytes()
    assert _luminance(_png(16, kind, _deep(channels, high, low))).tobytes() == high


@pytest.mark.parametrize(
    ("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)], ids=["L", "RGB", "LA", "RGBA"]
)
def test_read_mask_refuses_a_png_that_lacks_rows(kind: int, channels: int) -> None:
    """Pillow would leave them as they are, and what they should mark would be kept in silence."""
    rows = bytes(SIZE[0] * channels * SIZE[1])
    whole = _png(8, kind, rows)
    for missing in (1, SIZE[1] // 2):
        with pytest.raises(MaskUndecodable):
            read_mask(io.BytesIO(_shorten(whole, channels, missing)), LIMIT, SIZE)


def _shorten(whole: bytes, channels: int, missing: int) -> bytes:
    """Replace the data of a PNG by valid data of fewer rows, all black."""
    row = b"\0" + bytes(SIZE[0] * channels)
    packed = zlib.compress(row * (SIZE[1] - missing))
    start, end = whole.index(b"IDAT") - 4, whole.index(b"IEND") - 4
    chunk = struct.pack(">I", len(packed)) + b"IDAT" + packed
    chunk += struct.pack(">I", zlib.crc32(b"IDAT" + packed))
    return whole[:start] + chunk + whole[end:]


@pytest.mark.parametrize("value", [0, 76, 77, 78, 255])
def test_read_mask_takes_a_last_row_of_any_value(value: int) -> None:
    image = _ramp()
    image.paste(value, (0, SIZE[1] - 1, *SIZE))
    assert _luminance(encode(image)).tobytes() == image.tobytes()
    assert _luminance(encode(image.convert("RGB"))).tobytes() == image.tobytes()


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_read_mask_spreads_few_bits_over_all_shades(depth: int) -> None:
    rows = bytes(SIZE[0] * depth // 8) * 32 + b"\xff" * (SIZE[0] * depth // 8 * 32)
    found = _luminance(_png(depth, 0, rows))
    assert found.getextrema() == (0, 255)
    assert found.getbbox() == (0, 32, 96, 64)


def test_read_mask_converts_cmyk() -> None:
    image = Image.new("CMYK", SIZE, (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), BOX)
    found = _luminance(encode(image, "JPEG", quality=100))
    assert found.point(lambda value: 255 * (value > 127)).getbbox() == BOX


@pytest.mark.parametrize(
    ("kind", "channels", "transparency"),
    [(0, 1, b"\0\0"), (2, 3, bytes(6))],
    ids=["gray", "RGB"],
)
@pytest.mark.parametrize("depth", [8, 16])
def test_read_mask_takes_a_transparent_color_only_in_plain_black_and_white(
    kind: int, channels: int, transparency: bytes, depth: int
) -> None:
    plain = Image.new("L", SIZE)
    plain.paste(255, BOX)
    shaded = _ramp()
    shaded.paste(0, BOX)
    for image, is_plain in ((plain, True), (shaded, False)):
        data = image.tobytes()
        data = bytes(value for value in data for _ in range(channels * (1 if depth == 8 else 2)))
        file = _png(depth, kind, data, transparency)
        if is_plain:
            assert _luminance(file).tobytes() == plain.tobytes()
        else:
            with pytest.raises(InvalidField, match="mask_source: alpha"):
                _luminance(file)


def test_read_mask_does_not_mind_transparency_that_no_pixel_has() -> None:
    assert _luminance(encode(_ramp().point(lambda value: max(value, 3)), transparency=2))


def test_read_mask_calls_a_mask_a_mask() -> None:
    with pytest.raises(UnsupportedMediaType, match="the mask must be a PNG"):
        _luminance(encode(_ramp(), "GIF"))
    with pytest.raises(ImageTooLarge, match="the mask has more than 100 pixels"):
        read_mask(io.BytesIO(encode(_ramp())), 100)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_read_mask_refuses_what_is_animated(kind: str) -> None:
    frames = [Image.new("L", SIZE, value) for value in (0, 255)]
    with pytest.raises(UnsupportedMediaType, match="animated"):
        _luminance(encode(frames[0], kind, save_all=True, append_images=frames[1:]))


def test_read_mask_looks_at_the_size_before_it_decodes() -> None:
    broken = bytearray(encode(_ramp()))
    start = broken.index(b"IDAT") + 4
    broken[start + 10 : start + 30] = bytes(20)
    data = bytes(broken)
    with pytest.raises(MaskSizeMismatch, match="96x64, the picture 96x65"):
        read_mask(io.BytesIO(data), LIMIT, (96, 65))
    with pytest.raises(MaskUndecodable):
        read_mask(io.BytesIO(data), LIMIT)
    with pytest.raises(ImageTooLarge):
        read_mask(io.BytesIO(data), 6143)


def _cut_out(mode: str, alpha: Any = None) -> Image.Image:
    image = Image.new("RGBA", SIZE, (200, 10, 60, 255))
    image.putalpha(alpha or _ramp())
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_read_transparency_gives_what_alpha_lacks(mode: str, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    found = read_transparency(io.BytesIO(encode(_cut_out(mode), kind, **options)))
    assert (found.mode, found.size) == ("L", SIZE)
    assert found.tobytes() == bytes(255 - value for value in _ramp().tobytes())


def test_read_transparency_knows_single_colors_and_palettes() -> None:
    gray = Image.new("L", SIZE, 7)
    gray.paste(3, BOX)
    assert read_transparency(io.BytesIO(encode(gray, transparency=3))).getbbox() == BOX
    palette = gray.convert("P")
    assert read_transparency(io.BytesIO(encode(palette, transparency=3))).getbbox() == BOX


@pytest.mark.parametrize("kind", [0, 2])
def test_read_transparency_compares_all_of_16_bits(kind: int) -> None:
    numbers = np.full((SIZE[1], SIZE[0], 1 if kind == 0 else 3), 0x1235, np.uint16)
    numbers[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 0x1234
    clear = make_chunk(b"tRNS", b"\x12\x34" * numbers.shape[2])
    data = make_png(numbers, kind, depth=16, head=[clear])
    assert read_transparency(io.BytesIO(data)).getbbox() == BOX
    with pytest.raises(InvalidField, match="no transparency"):
        read_transparency(io.BytesIO(make_png(numbers, kind, depth=16)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_read_transparency_turns_it_upright(orientation: int) -> None:
    alpha = Image.new("L", SIZE, 255)
    alpha.paste(0, (0, 0, 30, 10))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(_cut_out("RGBA", alpha), exif=exif)
    expected = [
        *((0, 0, 30, 10), (66, 0, 96, 10), (66, 54, 96, 64), (0, 54, 30, 64)),
        *((0, 0, 10, 30), (54, 0, 64, 30), (54, 66, 64, 96), (0, 66, 10, 96)),
    ]
    assert read_transparency(io.BytesIO(data)).getbbox() == expected[orientation - 1]


def test_read_transparency_refuses_pictures_without() -> None:
    for data in (encode(_ramp()), encode(_ramp().convert("RGB"), "JPEG")):
        with pytest.raises(InvalidField, match="no transparency"):
            read_transparency(io.BytesIO(data))


def test_read_transparency_finds_what_only_a_full_decode_shows() -> None:
    data = bytearray(encode(_cut_out("RGBA")))
    start = data.index(b"IDAT") + 4
    data[start + 60 : start + 90] = bytes(30)
    with pytest.raises(ImageUndecodable):
        read_transparency(io.BytesIO(bytes(data)))


@pytest.mark.parametrize("channels", [3, 4])
def test_read_mask_counts_the_memory_of_a_jpeg_in_several_scans(channels: int) -> None:
    held: list[int] = []

    def hold(weight: int) -> AbstractContextManager[None]:
        held.append(weight)
        return nullcontext()

    data = jpeg_of_channels(64, channels)
    read_mask(io.BytesIO(data), 3 * 64 * 64, hold=hold)
    assert held[0] >= (7 + 2 * channels) * 64 * 64
    with pytest.raises(ImageTooLarge, match="several scans"):
        read_mask(io.BytesIO(data), 64 * 64)
