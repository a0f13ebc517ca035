from __future__ import annotations

from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, features

from service.contract.errors import (
    ImageUndecodable,
    InvalidField,
    MaskSizeMismatch,
    UnsupportedMediaType,
)
from service.verify.comparison import (
    BoxTuple,
    Comparison,
    Placement,
    compare_inpainted,
    compare_outpainted,
)
from tests.support.files import insert_in_png, make_chunk, make_png
from tests.support.pictures import encode, make_box_mask, make_image, make_profile
from worker.imaging.decoding import decode_picture

MASK = encode(make_box_mask(70, 50, (20, 10, 40, 30)))
KEPT = 70 * 50 - 400
HOLE = (20, 10, 40, 30)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><tiff:Orientation>3</tiff:Orientation></x:xmpmeta>'


def inpainting(changed: int, by: int = 0, box: BoxTuple | None = None) -> Comparison:
    """Return what is found of a result that lacks nothing but some kept pixels."""
    return Comparison(KEPT, changed, by, box, 70, 50, HOLE)


def change(image: Image.Image, x: int, y: int, channel: int = 0, by: int = 1) -> Image.Image:
    """Return the picture as RGBA with one channel of one pixel changed."""
    changed = image.convert("RGBA")
    pixel = list(changed.getpixel((x, y)))  # type: ignore[arg-type]
    pixel[channel] ^= by
    changed.putpixel((x, y), tuple(pixel))
    return changed


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_compare_inpainted_finds_nothing_when_only_the_hole_changed(mode: str) -> None:
    image = make_image(mode, 70, 50)
    result = encode(change(image, 25, 15, by=255))
    assert compare_inpainted(encode(image), result, MASK) == inpainting(0)


@pytest.mark.parametrize(("channel", "by"), [(0, 1), (1, 128), (2, 4), (3, 1)])
def test_compare_inpainted_finds_one_bit(channel: int, by: int) -> None:
    image = make_image("RGBA", 70, 50)
    found = compare_inpainted(encode(image), encode(change(image, 69, 49, channel, by)), MASK)
    assert found == inpainting(1, by, (69, 49, 70, 50))


def test_compare_inpainted_sees_color_under_transparent_pixels() -> None:
    image = Image.new("RGBA", (70, 50), (1, 2, 3, 0))
    found = compare_inpainted(encode(image), encode(change(image, 0, 0)), MASK)
    assert found.kept_pixels_changed == 1


def test_compare_inpainted_reads_the_mask_as_told() -> None:
    image = make_image("RGB", 70, 50)
    gray = Image.open(BytesIO(MASK)).point(lambda value: 90 if value else 200)
    result = encode(change(image, 25, 15))
    found = compare_inpainted(encode(image), result, encode(gray), "black_repaints", 100)
    assert found == inpainting(0)
    assert compare_inpainted(encode(image), result, encode(gray)).kept_pixels_changed == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_compare_inpainted_turns_the_original(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    size = (70, 50) if orientation < 5 else (50, 70)
    data = encode(make_image("RGB", *size), exif=exif)
    upright = make_image("RGB", *size)
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_270],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }
    for turn in turns.get(orientation, []):
        upright = upright.transpose(turn)
    assert compare_inpainted(data, encode(upright), MASK) == inpainting(0)


def test_compare_outpainted_looks_where_the_original_lies() -> None:
    image = make_image("RGB", 70, 50)
    canvas = Image.new("RGB", (100, 80))
    canvas.paste(image, (20, 10))
    placement = Placement(20, 10)
    found = compare_outpainted(encode(image), encode(canvas), placement)
    assert found == Comparison(3500, 0, 0, None, 100, 80, (0, 0, 100, 80))
    found = compare_outpainted(encode(image), encode(change(canvas, 20, 59)), placement)
    assert found == Comparison(3500, 1, 1, (20, 59, 21, 60), 100, 80, (0, 0, 100, 80))


def test_compare_outpainted_leaves_the_band_out() -> None:
    image = make_image("RGB", 70, 50)
    canvas = Image.new("RGB", (100, 50))
    canvas.paste(image, (30, 0))
    placement = Placement(30, 0, overlap=5)
    found = compare_outpainted(encode(image), encode(change(canvas, 34, 7)), placement)
    touched = (0, 0, 35, 50)
    assert found == Comparison(65 * 50, 0, 0, None, 100, 50, touched, band_pixels=250)
    found = compare_outpainted(encode(image), encode(change(canvas, 35, 7)), placement)
    assert found.kept_pixels_changed == 1


def test_compare_refuses_what_cannot_be_compared() -> None:
    image, other = encode(make_image("RGB", 70, 50)), encode(make_image("RGB", 71, 50))
    with pytest.raises(InvalidField, match="71x50"):
        compare_inpainted(image, other, MASK)
    with pytest.raises(MaskSizeMismatch):
        compare_inpainted(other, other, MASK)
    with pytest.raises(InvalidField, match="only equal sizes"):
        compare_outpainted(image, other, Placement(left=2))
    with pytest.raises(ImageUndecodable):
        compare_inpainted(image, image[:200], MASK)
    with pytest.raises(ImageUndecodable):
        compare_inpainted(image, b"no picture", MASK)
    with pytest.raises(UnsupportedMediaType):
        compare_inpainted(encode(make_image("RGB", 70, 50), "GIF"), image, MASK)


def test_compare_refuses_to_prove_what_kept_nothing() -> None:
    image = encode(make_image("RGB", 70, 50))
    with pytest.raises(InvalidField, match="nothing was kept"):
        compare_inpainted(image, image, encode(Image.new("L", (70, 50), 255)))
    canvas = Image.new("RGB", (100, 80))
    canvas.paste(make_image("RGB", 70, 50), (20, 10))
    assert compare_outpainted(image, encode(canvas), Placement(20, 10, 24)).kept_pixels == 22 * 2
    with pytest.raises(InvalidField, match="nothing was kept"):
        compare_outpainted(image, encode(canvas), Placement(20, 10, 25))


def make_deep(color_type: int, *, changed: int = 0, interlaced: bool = False) -> bytes:
    """Return a PNG of 16 bits whose low bytes count; one kept number may be changed."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[color_type]
    deep = np.random.default_rng(0).integers(0, 2**16, (50, 70, channels)).astype(np.uint16)
    deep[30, 50, -1] ^= changed
    return make_png(deep, color_type, depth=16, interlaced=interlaced)


@pytest.mark.parametrize("color_type", [0, 2, 4, 6])
@pytest.mark.parametrize(("changed", "largest"), [(0, 0), (1, 1), (0x4000, 0x4000)])
def test_compare_reads_16_bits(color_type: int, changed: int, largest: int) -> None:
    original = make_deep(color_type, interlaced=True)
    found = compare_inpainted(original, make_deep(color_type, changed=changed), MASK)
    assert (found.kept_pixels_changed, found.max_difference) == (int(changed > 0), largest)
    assert found.changed_box == ((50, 30, 51, 31) if changed else None)
    assert not found.notes


@pytest.mark.parametrize("color_type", [0, 2, 4, 6])
def test_compare_takes_a_result_of_8_bits_for_an_original_of_16(color_type: int) -> None:
    original = make_deep(color_type)
    picture = decode_picture(original, 100_000)
    found = compare_inpainted(original, encode(picture.channels()), MASK)
    assert found.kept_pixels_changed == 0
    assert "16 bits" in found.notes[0]


def test_compare_sees_a_transparent_value_of_16_bits() -> None:
    deep = np.full((50, 70), 0x1234, np.uint16)
    deep[40:] = 0x1235
    chunk = make_chunk(b"tRNS", b"\x12\x34")
    with_alpha = np.dstack((deep, np.where(deep == 0x1234, 0, 0xFFFF).astype(np.uint16)))
    original = make_png(deep, 0, depth=16, head=[chunk])
    result = make_png(with_alpha, 4, depth=16)
    assert compare_inpainted(original, result, MASK).kept_pixels_changed == 0


def test_compare_refuses_a_result_of_16_bits_for_an_original_of_8() -> None:
    with pytest.raises(InvalidField, match="16 bits"):
        compare_inpainted(encode(Image.new("RGB", (70, 50))), make_deep(2), MASK)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow is built without AVIF")
@pytest.mark.parametrize("bits", [8, 10, 12])
def test_compare_refuses_an_avif_of_more_than_8_bits(bits: int) -> None:
    image = encode(make_image("RGB", 70, 50))
    pixels = np.zeros((50, 70, 3), np.uint8 if bits == 8 else np.uint16)
    _, encoded = cv2.imencode(".avif", pixels, [cv2.IMWRITE_AVIF_DEPTH, bits])
    if bits == 8:
        assert compare_inpainted(image, encoded.tobytes(), MASK).kept_pixels_changed
        return
    with pytest.raises(UnsupportedMediaType, match="more than 8 bits"):
        compare_inpainted(image, encoded.tobytes(), MASK)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_compare_refuses_a_result_of_several_frames(kind: str) -> None:
    image = make_image("RGB", 70, 50)
    frames = encode(image, kind, save_all=True, append_images=[image.rotate(180)])
    with pytest.raises(UnsupportedMediaType, match="frames"):
        compare_inpainted(encode(image), frames, MASK)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF"])
def test_compare_refuses_a_result_in_another_format(kind: str) -> None:
    image = make_image("RGB", 70, 50)
    with pytest.raises(ImageUndecodable, match="PNG, JPEG, WEBP, AVIF"):
        compare_inpainted(encode(image), encode(image, kind), MASK)


def test_compare_refuses_a_result_in_cmyk() -> None:
    image = make_image("RGB", 70, 50)
    with pytest.raises(UnsupportedMediaType, match="CMYK"):
        compare_inpainted(encode(image), encode(image.convert("CMYK"), "JPEG"), MASK)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_compare_lets_exif_alone_say_how_a_picture_lies(kind: str) -> None:
    image = make_image("RGB", 70, 50)
    if kind == "PNG":
        chunk = make_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + XMP)
        marked = insert_in_png(encode(image), chunk)
    else:
        marked = encode(image, kind, lossless=True, xmp=XMP)
    assert Image.open(BytesIO(marked)).getexif()[0x0112] == 3
    assert compare_inpainted(encode(image), marked, MASK) == inpainting(0)
    assert compare_inpainted(marked, encode(image), MASK) == inpainting(0)


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        ({}, {"icc_profile": make_profile()}, "has another color profile than the original"),
        ({"icc_profile": make_profile()}, {}, "lacks the original's color profile"),
    ],
)
def test_compare_notes_another_color_profile(
    before: dict[str, Any], after: dict[str, Any], note: str
) -> None:
    image = make_image("RGB", 70, 50)
    found = compare_inpainted(encode(image, **before), encode(image, **after), MASK)
    assert found.kept_pixels_changed == 0
    assert [told.removeprefix("the result ") for told in found.notes] == [note]


def test_compare_notes_what_a_png_says_of_its_colors() -> None:
    plain = encode(make_image("RGB", 70, 50))
    gamma = insert_in_png(plain, make_chunk(b"gAMA", (45455).to_bytes(4, "big")))
    other = insert_in_png(plain, make_chunk(b"gAMA", (100_000).to_bytes(4, "big")))
    assert not compare_inpainted(gamma, gamma, MASK).notes
    for before, after in ((gamma, other), (plain, gamma), (gamma, plain)):
        found = compare_inpainted(before, after, MASK)
        assert found.kept_pixels_changed == 0
        assert len(found.notes) == 1
        assert found.notes[0].endswith(": gAMA")
