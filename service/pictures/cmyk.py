"""Converts pictures for print, in CMYK, to sRGB."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

from service.contract.errors import InvalidField
from service.pictures.profiles import hide_float_tables, read_kind

Converter = Callable[[Image.Image], Image.Image]

BY_PROFILE: Final = "by its color profile"
BY_COMPLEMENT: Final = "without a color profile, each ink as the complement of its color"


def has_cmyk_profile(profile: bytes | None) -> bool:
    """Return whether a profile says what the inks look like."""
    return profile is not None and read_kind(profile) == "CMYK"


def make_converter(profile: bytes | None) -> Converter:
    """Return what converts a CMYK picture to sRGB, by its profile if it has one.

    By relative colorimetry with the black point adapted, as print programs do by default.

    Raises:
        InvalidField: the profile cannot be used.
    """
    if profile is None or not has_cmyk_profile(profile):
        return lambda image: image.convert("RGB")
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(hide_float_tables(profile))),
            ImageCms.createProfile("sRGB"),
            "CMYK",
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError):
        detail = "the color profile of the CMYK picture cannot be used; convert it to RGB yourself"
        raise InvalidField(detail) from None

    def convert(image: Image.Image) -> Image.Image:
        converted = Image.new("RGB", image.size)
        transform.apply(image, converted)
        return converted

    return convert
