from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from service.contract.errors import ImageTooLarge, ImageUndecodable, UnsupportedMediaType
from tests.support.corpus import see_with_pillow
from tests.support.files import make_chunk, make_png
from tests.support.pictures import encode, make_image, make_profile, make_rgb
from worker.imaging.decoding import decode_picture, turn

LIMIT = 100_000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_decode_picture_gives_every_channel_exactly(mode: str) -> None:
    image = make_image(mode, 70, 50)
    picture = decode_picture(encode(image), LIMIT)
    expected = np.asarray(image.convert("L") if mode == "1" else image)
    assert picture.mode == ("L" if mode == "1" else mode)
    assert np.array_equal(picture.channels(), expected)


def test_decode_picture_turns_palette_into_rgb() -> None:
    image = make_image("P", 70, 50)
    picture = decode_picture(encode(image), LIMIT)
    assert picture.mode == "RGB"
    assert np.array_equal(picture.color, np.asarray(image.convert("RGB")))


def test_decode_picture_turns_palette_into_rgba_when_an_entry_is_transparent() -> None:
    data = encode(make_image("P", 70, 50), transparency=bytes([0, 128]))
    picture = decode_picture(data, LIMIT)
    index = np.asarray(make_image("P", 70, 50))
    assert picture.mode == "RGBA"
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, np.where(index == 0, 0, np.where(index == 1, 128, 255)))


@pytest.mark.parametrize(("mode", "transparent"), [("L", 7), ("RGB", (9, 8, 7))])
def test_decode_picture_adds_alpha_when_one_value_is_transparent(
    mode: str, transparent: int | tuple[int, ...]
) -> None:
    image = make_image(mode, 70, 50)
    image.putpixel((3, 4), transparent)
    picture = decode_picture(encode(image, transparency=transparent), LIMIT)
    assert picture.mode == mode + "A"
    assert picture.alpha is not None
    assert picture.alpha[4, 3] == 0
    assert np.array_equal(picture.color, np.asarray(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_picture_applies_orientation(orientation: int) -> None:
    image = make_image("RGB", 70, 50)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode_picture(encode(image, exif=exif), LIMIT)
    image.getexif()[0x0112] = orientation
    assert np.array_equal(picture.color, np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_picture_turns_alpha_as_it_turns_color(mode: str, orientation: int) -> None:
    image = make_image(mode, 70, 50)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.info["exif"] = exif.tobytes()
    picture = decode_picture(encode(image, exif=exif), LIMIT)
    assert np.array_equal(picture.channels(), np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turn_gives_back_every_pixel(orientation: int) -> None:
    pixels = make_rgb("texture", 7, 5)
    turned = turn(pixels, orientation)
    assert sorted(map(tuple, turned.reshape(-1, 3))) == sorted(map(tuple, pixels.reshape(-1, 3)))
    assert turned.flags.c_contiguous


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_decode_picture_keeps_the_profile(name: str) -> None:
    profile = make_profile()
    data = encode(make_image("RGB", 70, 50), name, icc_profile=profile)
    assert decode_picture(data, LIMIT).icc_profile == profile


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA"])
def test_decode_picture_keeps_the_profile_of_every_mode(mode: str) -> None:
    profile = make_profile()
    data = encode(make_image(mode, 70, 50), icc_profile=profile)
    assert decode_picture(data, LIMIT).icc_profile == profile


def test_decode_picture_joins_a_profile_in_many_segments() -> None:
    profile = np.random.default_rng(0).bytes(300_000)
    data = encode(make_image("RGB", 70, 50), "JPEG", icc_profile=profile)
    assert decode_picture(data, LIMIT).icc_profile == profile


def test_decode_picture_gives_arrays_that_cannot_be_written() -> None:
    picture = decode_picture(encode(make_image("RGBA", 70, 50)), LIMIT)
    with pytest.raises(ValueError, match="read-only"):
        picture.color[0, 0] = 0


def test_decode_picture_refuses_what_rgb_cannot_hold() -> None:
    with pytest.raises(UnsupportedMediaType):
        decode_picture(encode(make_image("CMYK", 70, 50), "JPEG"), LIMIT)


def test_decode_picture_rounds_every_number_of_16_bits_for_painting() -> None:
    numbers = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    picture = decode_picture(make_png(numbers, 0, depth=16), LIMIT)
    assert picture.deep is not None
    assert np.array_equal(picture.deep.color, numbers)
    assert np.array_equal(picture.color, np.rint(numbers / 257).astype(np.uint8))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_decode_picture_turns_16_bits_as_it_turns_8(orientation: int) -> None:
    numbers = np.random.default_rng(0).integers(0, 2**16, (50, 70, 4)).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112] = orientation
    head = [make_chunk(b"eXIf", exif.tobytes()[6:])]
    picture = decode_picture(make_png(numbers, 6, depth=16, head=head), LIMIT)
    rounded = np.rint(picture.stored_channels() / 257).astype(np.uint8)
    assert np.array_equal(picture.channels(), rounded)
    assert np.array_equal(picture.stored_channels(), turn(numbers, orientation))


def test_decode_picture_refuses_animation() -> None:
    frames = [make_image("RGB", 70, 50, seed) for seed in (1, 2)]
    data = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    with pytest.raises(UnsupportedMediaType):
        decode_picture(data, LIMIT)


def test_decode_picture_refuses_by_header_when_too_large() -> None:
    with pytest.raises(ImageTooLarge):
        decode_picture(encode(make_image("L", 70, 50)), 70 * 50 - 1)


def test_decode_picture_refuses_a_file_of_another_format() -> None:
    with pytest.raises(UnsupportedMediaType):
        decode_picture(encode(make_image("RGB", 70, 50), "BMP"), LIMIT)


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
@given(share=st.floats(0.05, 0.9))
def test_decode_picture_refuses_a_cut_file(name: str, share: float) -> None:
    data = encode(make_rgb("texture", 70, 50), name)
    with pytest.raises((ImageUndecodable, UnsupportedMediaType)):
        decode_picture(data[: int(len(data) * share)], LIMIT)


@given(
    width=st.integers(1, 70),
    height=st.integers(1, 600),
    seed=st.integers(0, 9),
    mode=st.sampled_from(["L", "LA", "RGB", "RGBA"]),
    way=st.sampled_from(["png", "jpeg", "progressive", "4:2:0", "webp", "lossless"]),
)
def test_decode_picture_sees_what_pillow_sees(
    width: int, height: int, seed: int, mode: str, way: str
) -> None:
    image = make_image(mode, width, height, seed)
    ways: dict[str, tuple[str, dict[str, int]]] = {
        "png": ("PNG", {}),
        "jpeg": ("JPEG", {"subsampling": 0}),
        "progressive": ("JPEG", {"progressive": True}),
        "4:2:0": ("JPEG", {"subsampling": 2, "quality": 60}),
        "webp": ("WEBP", {"quality": 60, "exact": True}),
        "lossless": ("WEBP", {"lossless": True, "exact": True}),
    }
    name, options = ways[way]
    opaque = image.convert(mode.removesuffix("A"))
    data = encode(opaque if name == "JPEG" else image, name, **options)
    assert np.array_equal(decode_picture(data, LIMIT).channels(), see_with_pillow(data))


@pytest.mark.parametrize(
    ("code", "chunk"),
    [
        (b"\0\x0c\0\x0d", bytes((12, 13, 0, 1))),
        (b"\0\x01\0\x0d", None),
        (b"\0\x02\0\x02", None),
    ],
)
def test_decode_picture_keeps_the_colors_that_an_avif_names(
    code: bytes, chunk: bytes | None
) -> None:
    data = encode(make_image("RGB", 70, 50), "AVIF")
    place = data.index(b"nclx") + 4
    picture = decode_picture(data[:place] + code + data[place + 4 :], LIMIT)
    assert picture.color_space == (() if chunk is None else ((b"cICP", chunk),))
    assert picture.icc_profile is None


def test_decode_picture_lets_libtiff_write_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    data = bytearray(encode(make_image("1", 70, 50), "TIFF", compression="group4"))
    data[10:18] = b"\x55" * 8
    picture = decode_picture(bytes(data), LIMIT)
    assert (picture.width, picture.height) == (70, 50)
    assert capfd.readouterr().err == ""
