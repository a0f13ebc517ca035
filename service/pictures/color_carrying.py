"""The colors of a picture in a file of another kind: the same profile, an equal one, or none.

A color profile fits its picture's channels, gray or color, or viewers ignore it. What a PNG says of
its colors in chunks is written as a profile where there are no such chunks.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from service.contract.formats import STORES_GRAY
from service.contract.params import OutputFormat
from service.pictures.profiles import (
    SRGB,
    Chromaticities,
    make_curve,
    make_gray_profile,
    make_rgb_profile,
    read_kind,
    to_gray_profile,
    to_rgb_profile,
)

ColorSpace = tuple[tuple[bytes, bytes], ...]
"""Kind and data of the PNG chunks cICP, gAMA, cHRM and sRGB."""

_SRGB_CURVE: Final = make_curve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_VIDEO_CURVE: Final = make_curve(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)

_CURVES: Final = {
    1: _VIDEO_CURVE,
    4: make_curve(2.2),
    5: make_curve(2.8),
    6: _VIDEO_CURVE,
    8: make_curve(1.0),
    13: _SRGB_CURVE,
    14: _VIDEO_CURVE,
    15: _VIDEO_CURVE,
}
"""Curves by transfer characteristics. PQ and HLG are none: they say how bright a screen is."""

_PRIMARIES: Final[dict[int, Chromaticities]] = {
    1: SRGB,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (0.3127, 0.3290, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (0.3127, 0.3290, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
"""White, red, green and blue by color primaries. Source: ITU-T H.273, tables 2 and 3."""

_IS_SRGB: Final = b"\1\x0d\0\1"
"""The cICP chunk of sRGB."""


@dataclass(frozen=True)
class Carried:
    """The colors of a picture as a file will have them.

    Attributes:
        profile: color profile to be written.
        color_space: chunks to be written into a PNG.
        lost: what could not be written; `None` if all is said.
    """

    profile: bytes | None = None
    color_space: ColorSpace = ()
    lost: str | None = None


def carry_colors(
    profile: bytes | None, color_space: ColorSpace, *, is_gray: bool, output_format: OutputFormat
) -> Carried:
    """Return the colors of a picture as a format says them.

    Args:
        profile: color profile of the picture.
        color_space: chunks of the picture, if it was a PNG.
        is_gray: whether the picture is gray; WebP and AVIF store it as color.
        output_format: of the file.
    """
    stays_gray = is_gray and output_format in STORES_GRAY
    fitted, lost = _fit(profile, is_gray=is_gray, stays_gray=stays_gray)
    if output_format == "png":
        # A profile and sRGB exclude each other; the profile counts.
        kept = tuple(each for each in color_space if fitted is None or each[0] != b"sRGB")
        return Carried(fitted, kept, lost)
    chunks = dict(color_space)
    if (code := chunks.get(b"cICP")) is not None:
        found = _from_code(code, stays_gray=stays_gray)
        if found is not None or code == _IS_SRGB:
            return Carried(None if code == _IS_SRGB else found)
        if fitted is None:
            return Carried(lost=f"the color space that its cICP chunk names ({list(code)})")
    if fitted is not None or lost is not None or b"sRGB" in chunks:
        return Carried(fitted, lost=lost)
    return _from_gamma(chunks, stays_gray=stays_gray)


def _fit(
    profile: bytes | None, *, is_gray: bool, stays_gray: bool
) -> tuple[bytes | None, str | None]:
    """Return the profile, or an equal one, for the channels of a file; and what is lost."""
    if profile is None:
        return None, None
    kind, wanted = read_kind(profile), "GRAY" if stays_gray else "RGB"
    if kind == wanted:
        return profile, None
    found = None
    if kind == "RGB" and stays_gray:
        found = to_gray_profile(profile)
    elif kind == "GRAY" and is_gray:
        found = to_rgb_profile(profile)
    name = "gray" if stays_gray else "RGB"
    lost = f"its color profile, which is for {kind or 'no'} channels: the result is {name}"
    return found, None if found else lost


def _from_code(code: bytes, *, stays_gray: bool) -> bytes | None:
    """Return the profile of a cICP chunk; `None` if there is none, as for HDR.

    Source: PNG specification, third edition, 11.3.2.6.
    """
    primaries, transfer, matrix, is_full = code
    curve, colors = _CURVES.get(transfer), _PRIMARIES.get(primaries)
    if curve is None or colors is None or matrix or not is_full:
        return None
    return make_gray_profile(curve) if stays_gray else make_rgb_profile(curve, colors)


def _from_gamma(chunks: dict[bytes, bytes], *, stays_gray: bool) -> Carried:
    """Return the profile of gAMA and cHRM. Source: PNG specification, third edition, 11.3.2."""
    gamma, places = chunks.get(b"gAMA"), chunks.get(b"cHRM")
    if gamma is None and places is None:
        return Carried()
    exponent = struct.unpack(">I", gamma)[0] / 100_000 if gamma else 0
    colors = [value / 100_000 for value in struct.unpack(">8I", places)] if places else SRGB
    found = None
    # Without gAMA, what cHRM says has no meaning; powers beyond these are no picture's.
    if 0.1 <= exponent <= 10:
        curve = make_curve(1 / exponent)
        found = make_gray_profile(curve) if stays_gray else make_rgb_profile(curve, colors)
    lost = None if found else "what its chunks gAMA and cHRM say of its colors"
    return Carried(found, lost=lost)
