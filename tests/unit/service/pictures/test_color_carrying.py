from __future__ import annotations

import struct
from io import BytesIO
from typing import get_args

import pytest
from PIL import Image, ImageChops, ImageCms

from service.contract.params import OutputFormat
from service.pictures.color_carrying import ColorSpace, carry_colors
from service.pictures.profiles import (
    SRGB,
    make_curve,
    make_gray_profile,
    make_rgb_profile,
    read_kind,
)
from tests.support.pictures import make_image, make_profile

FORMATS: tuple[OutputFormat, ...] = get_args(OutputFormat)
P3 = (b"cICP", bytes((12, 13, 0, 1)))
PQ = (b"cICP", bytes((9, 16, 0, 1)))
LINEAR = (b"gAMA", struct.pack(">I", 100_000))
PLACES = (b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in SRGB)))
SRGB_CHUNK = (b"sRGB", b"\0")
GRAY, COLOR = make_profile("L"), make_profile()


def show(image: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture in sRGB, as a program shows it that honors profiles."""
    shown = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )
    assert shown is not None
    return shown


def difference(one: Image.Image, other: Image.Image) -> int:
    return max(int(high) for _, high in ImageChops.difference(one, other).getextrema())  # type: ignore[misc]


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("is_gray", [True, False])
@pytest.mark.parametrize(
    ("profile", "space"),
    [
        (None, ()),
        (None, (LINEAR,)),
        (None, (LINEAR, PLACES)),
        (None, (PLACES,)),
        (None, (P3,)),
        (None, (PQ,)),
        (None, (SRGB_CHUNK, LINEAR)),
        (GRAY, ()),
        (COLOR, ()),
        (COLOR, (P3, SRGB_CHUNK)),
        (COLOR, (PQ,)),
        (b"no profile", (SRGB_CHUNK,)),
    ],
)
def test_profile_fits_the_channels_and_nothing_is_lost_in_silence(
    profile: bytes | None, space: ColorSpace, is_gray: bool, output_format: OutputFormat
) -> None:
    carried = carry_colors(profile, space, is_gray=is_gray, output_format=output_format)
    stays_gray = is_gray and output_format in ("png", "jpeg")
    kinds = {kind for kind, _ in carried.color_space}
    if carried.profile is not None:
        assert read_kind(carried.profile) == ("GRAY" if stays_gray else "RGB")
        assert b"sRGB" not in kinds
    said_nothing = profile is None and (not space or SRGB_CHUNK in space)
    is_told = carried.profile is not None or carried.lost is not None or kinds
    assert is_told or said_nothing
    assert output_format == "png" or not kinds


@pytest.mark.parametrize(
    ("profile", "equal"),
    [
        (GRAY, carry_colors(GRAY, (), is_gray=True, output_format="webp").profile),
        (COLOR, carry_colors(COLOR, (), is_gray=True, output_format="png").profile),
    ],
)
def test_gray_looks_the_same_by_the_equal_profile(profile: bytes, equal: bytes | None) -> None:
    assert equal is not None
    gray = make_image("L", 70, 50)
    modes = {"GRAY": "L", "RGB": "RGB"}
    shown = [show(gray.convert(modes[read_kind(each) or ""]), each) for each in (profile, equal)]
    assert difference(*shown) <= 1


def test_srgb_built_from_its_numbers_changes_no_color() -> None:
    curve = make_curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    built, image = make_rgb_profile(curve), make_image("RGB", 70, 50)
    assert built is not None
    assert difference(show(image, built), image) <= 1
    assert (
        difference(
            show(image.convert("L"), make_gray_profile(curve)), image.convert("L").convert("RGB")
        )
        <= 1
    )


def test_colors_of_display_p3_are_more_vivid_and_linear_light_is_brighter() -> None:
    for space, value, least in ((P3, (200, 30, 30), 210), (LINEAR, (60, 60, 60), 130)):
        carried = carry_colors(None, (space,), is_gray=False, output_format="webp")
        assert carried.profile is not None
        pixel = show(Image.new("RGB", (1, 1), value), carried.profile).getpixel((0, 0))
        assert isinstance(pixel, tuple)
        assert pixel[0] >= least


@pytest.mark.parametrize("gamma", [0, 1, 45_455, 2**32 - 1])
def test_gamma_and_places_that_are_none_are_told(gamma: int) -> None:
    space = ((b"gAMA", struct.pack(">I", gamma)), (b"cHRM", bytes(32)))
    assert carry_colors(None, space, is_gray=False, output_format="jpeg").lost


@pytest.mark.parametrize("length", [0, 100, 127, 128, 131, 132, 140, 200])
def test_profiles_cut_short_are_none(length: int) -> None:
    carried = carry_colors(COLOR[:length], (), is_gray=True, output_format="png")
    assert carried.profile is None
    assert carried.lost
