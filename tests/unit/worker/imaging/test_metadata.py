"""What comes back beside the pixels, and what must not."""

from __future__ import annotations

import struct
from io import BytesIO

import pytest
from PIL import Image

from service.contract.errors import InvalidField
from service.contract.params import OutputFormat
from service.pictures.headers import Resolution, read_header
from service.pictures.profiles import to_rgb_profile
from tests.support.files import (
    append_to_png,
    extend_webp,
    insert_in_jpeg,
    insert_in_png,
    make_chunk,
    make_exif,
    make_segment,
)
from tests.support.pictures import encode, make_image, make_profile
from worker.imaging.decoding import decode_picture
from worker.imaging.encoding import encode_picture

LIMIT = 1_000_000
FORMATS: tuple[OutputFormat, ...] = ("png", "jpeg", "webp", "avif")
MARK = b"MARKSECRET"
KEPT = b"Camera by KEPTWORD"
TEXT = MARK * 4

ORIENTATION = (0x0112, 3, 1, struct.pack(">H", 6))
MODEL = (0x0110, 2, len(KEPT), KEPT)
MAKER_NOTE = (0x927C, 7, len(TEXT), TEXT)
XMP = (0x02BC, 1, len(TEXT), TEXT)


def _sources() -> dict[str, bytes]:
    """Return a file a format that has the mark wherever metadata can stand."""
    exif = make_exif(MODEL, ORIENTATION, MAKER_NOTE, XMP, thumbnail=TEXT)
    image = make_image("RGB", 70, 50)
    png, jpeg, webp = (encode(image, name) for name in ("PNG", "JPEG", "WEBP"))
    texts = [
        make_chunk(b"tEXt", b"Comment\0" + TEXT),
        make_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + TEXT),
        make_chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 8\n" + TEXT),
        make_chunk(b"prVt", TEXT),
        make_chunk(b"eXIf", exif),
    ]
    segments = [
        make_segment(0xE1, b"Exif\0\0" + exif),
        make_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + TEXT),
        make_segment(0xED, b"Photoshop 3.0\0" + TEXT),
        make_segment(0xFE, TEXT),
        make_segment(0xE5, TEXT),
    ]
    extended = extend_webp(webp, 70, 50, 0x0C, (b"EXIF", exif), (b"XMP ", TEXT), (b"mark", TEXT))
    return {
        "png": insert_in_png(png, *texts),
        "png, behind": append_to_png(png, *texts) + TEXT,
        "jpeg": insert_in_jpeg(jpeg, *segments) + TEXT,
        "webp": extended + TEXT,
    }


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("source", list(_sources()))
def test_metadata_is_dropped(source: str, output_format: OutputFormat) -> None:
    data = _sources()[source]
    assert MARK in data
    picture = decode_picture(data, LIMIT)
    assert (picture.width, picture.height, picture.exif) == (50, 70, None)
    encoded = encode_picture(picture, output_format)
    assert MARK not in encoded
    assert b"KEPTWORD" not in encoded


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("source", list(_sources()))
def test_exif_comes_back_without_thumbnail_when_asked(
    source: str, output_format: OutputFormat
) -> None:
    picture = decode_picture(_sources()[source], LIMIT, keep_metadata=True)
    encoded = encode_picture(picture, output_format)
    assert MARK not in encoded
    with Image.open(BytesIO(encoded)) as image:
        assert image.size == (50, 70)
        exif = image.getexif()
        assert dict(exif) == {0x0110: KEPT.decode()}
        assert not exif.get_ifd(1)


def test_exif_that_jpeg_cannot_hold_is_refused() -> None:
    text = b"x" * 70_000
    data = insert_in_png(
        encode(make_image("L", 70, 50)), make_chunk(b"eXIf", make_exif((0x0110, 2, 70_000, text)))
    )
    picture = decode_picture(data, LIMIT, keep_metadata=True)
    with pytest.raises(InvalidField, match="EXIF"):
        encode_picture(picture, "jpeg")
    back = decode_picture(encode_picture(picture, "png"), LIMIT, keep_metadata=True)
    assert back.exif == picture.exif


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA"])
def test_profile_comes_back(mode: str, output_format: OutputFormat) -> None:
    profile = make_profile(mode)
    picture = decode_picture(encode(make_image(mode, 70, 50), icc_profile=profile), LIMIT)
    with Image.open(BytesIO(encode_picture(picture, output_format))) as image:
        is_same = not picture.is_gray or output_format in ("png", "jpeg")
        assert image.info["icc_profile"] == (profile if is_same else to_rgb_profile(profile))


def test_color_space_of_a_png_comes_back_in_png() -> None:
    chunks = [
        make_chunk(b"cICP", bytes((1, 13, 0, 1))),
        make_chunk(b"gAMA", struct.pack(">I", 100_000)),
        make_chunk(b"cHRM", struct.pack(">8I", *range(8))),
    ]
    wrong = make_chunk(b"sRGB", b"not one byte")
    data = insert_in_png(encode(make_image("L", 70, 50)), *chunks, wrong)
    encoded = encode_picture(decode_picture(data, LIMIT), "png")
    assert b"".join(chunks) in encoded
    assert b"sRGB" not in encoded
    with Image.open(BytesIO(encoded)) as image:
        assert image.info["gamma"] == 1.0


@pytest.mark.parametrize("pixels", [(1, 1), (11811, 11811), (2835, 5669), (2**31 - 1, 1)])
@pytest.mark.parametrize("unit", [0, 1])
def test_resolution_of_a_png_comes_back_exactly(pixels: tuple[int, int], unit: int) -> None:
    chunk = make_chunk(b"pHYs", struct.pack(">IIB", *pixels, unit))
    picture = decode_picture(insert_in_png(encode(make_image("L", 70, 50)), chunk), LIMIT)
    says_nothing = unit == 0 and pixels[0] == pixels[1]
    assert (chunk in encode_picture(picture, "png")) != says_nothing


@pytest.mark.parametrize("density", [(1, 300, 300), (1, 72, 96), (2, 118, 118), (0, 2, 1)])
def test_resolution_of_a_jpeg_comes_back_exactly(density: tuple[int, int, int]) -> None:
    data = bytearray(encode(make_image("RGB", 70, 50), "JPEG"))
    data[13:18] = struct.pack(">BHH", *density)
    picture = decode_picture(bytes(data), LIMIT)
    assert encode_picture(picture, "jpeg")[13:18] == bytes(data[13:18])


@pytest.mark.parametrize("dpi", [1, 72, 96, 150, 300, 600, 1200])
def test_resolution_survives_the_way_between_png_and_jpeg(dpi: int) -> None:
    picture = decode_picture(encode(make_image("RGB", 70, 50), "JPEG", dpi=(dpi, dpi)), LIMIT)
    there = decode_picture(encode_picture(picture, "png"), LIMIT)
    back = decode_picture(encode_picture(there, "jpeg"), LIMIT)
    assert back.resolution == picture.resolution == Resolution(dpi, dpi, "inch")


def test_resolution_is_read_from_exif_when_nothing_else_tells_it() -> None:
    fields = [(tag, 5, 1, struct.pack(">II", 600, 2)) for tag in (0x011A, 0x011B)]
    exif = make_exif(*fields, (0x0128, 3, 1, struct.pack(">H", 2)))
    webp = extend_webp(encode(make_image("RGB", 70, 50), "WEBP"), 70, 50, 0x08, (b"EXIF", exif))
    picture = decode_picture(webp, LIMIT)
    assert picture.resolution == Resolution(11811, 11811, "meter")
    assert encode_picture(picture, "jpeg")[13:18] == struct.pack(">BHH", 1, 300, 300)


def test_resolution_turns_with_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    data = encode(make_image("RGB", 70, 50), "JPEG", dpi=(300, 100), exif=exif)
    assert decode_picture(data, LIMIT).resolution == Resolution(100, 300, "inch")


def test_resolution_that_jpeg_cannot_hold_is_left_out() -> None:
    picture = decode_picture(encode(make_image("L", 70, 50)), LIMIT)
    vast = type(picture)(picture.color, resolution=Resolution(2**31, 2**31, "meter"))
    assert read_header(BytesIO(encode_picture(vast, "jpeg"))).resolution is None


@pytest.mark.parametrize("output_format", FORMATS)
def test_exif_of_a_tiff_comes_back_when_asked(output_format: OutputFormat) -> None:
    exif = Image.Exif()
    exif[0x0110], exif[0x0112] = "Camera", 6
    exif.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    data = encode(make_image("RGB", 50, 70), "TIFF", exif=exif.tobytes(), dpi=(300, 300))
    picture = decode_picture(data, LIMIT, keep_metadata=True)
    assert picture.resolution == Resolution(11811, 11811, "meter")
    with Image.open(BytesIO(encode_picture(picture, output_format))) as image:
        found = image.getexif()
        assert found[0x0110] == "Camera"
        assert 0x0112 not in found
        assert dict(found.get_ifd(0x8769)) == {0x9003: "2026:01:01 00:00:00"}
        assert dict(found.get_ifd(0x8825)) == {1: "N"}
    assert decode_picture(data, LIMIT).exif is None
