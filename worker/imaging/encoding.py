"""Pictures to bytes."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

from PIL import Image, features

from service.contract.errors import InvalidField
from service.contract.formats import (
    DEFAULT_QUALITY,
    LONGEST_SIDES,
    MAX_JPEG_EXIF_BYTES,
)
from service.contract.params import OutputFormat
from service.pictures.headers import Resolution
from worker.imaging.picture import Picture
from worker.imaging.png_writing import encode_png
from worker.imaging.transparency import lay_on_white

_AVIF_SPEED: Final = 9
"""Of 0..10. Measured: 8 takes four times as long for photos 8 % smaller, 10 saves nothing more."""

_WEBP_LOSSLESS: Final = {"lossless": True, "quality": 20, "method": 1}
"""Measured: method 4, the default, takes five times as long for photos 6 % smaller."""

_JFIF: Final = b"\xff\xd8\xff\xe0\x00\x10JFIF\0"
_DENSITY_AT: Final = 13
"""Offset of unit and density in a JFIF header."""


def encode_picture(
    picture: Picture,
    output_format: OutputFormat,
    quality: int = DEFAULT_QUALITY,
    lossless: bool = False,
    texts: Mapping[str, str] | None = None,
) -> bytes:
    """Encode a picture in its own mode, with its colors, resolution, EXIF and XMP.

    JPEG has no alpha: a transparent picture is laid on white. WebP and AVIF store gray as color.
    They have no resolution except in EXIF. A profile that does not fit the channels is replaced by
    an equal one, or left out.

    Args:
        picture: what to encode.
        output_format: `png` (lossless), `jpeg`, `webp` (either) or `avif`.
        quality: 1..100, of what is lossy.
        lossless: whether `webp` keeps every pixel; transparent pixels keep their color too.
        texts: texts of a `png`, by keyword; other formats ignore them.

    Raises:
        InvalidField: the format cannot hold a side or the EXIF, or is not there.
    """
    _check_limits(picture, output_format)
    if output_format == "png":
        return encode_png(picture, texts)
    if output_format == "jpeg":
        return _encode_jpeg(picture, quality)
    if output_format == "webp":
        # `exact` keeps the color under transparent pixels, which WebP otherwise throws away.
        options = _WEBP_LOSSLESS if lossless else {"quality": quality}
        return _encode_with_pillow(picture, "webp", exact=True, **options)
    return _encode_avif(picture, quality)


def _check_limits(picture: Picture, output_format: OutputFormat) -> None:
    limit = LONGEST_SIDES[output_format]
    if max(picture.width, picture.height) > limit:
        raise InvalidField(f"{output_format} holds at most {limit} pixels a side; ask for png")
    if output_format == "jpeg" and len(picture.exif or b"") > MAX_JPEG_EXIF_BYTES:
        raise InvalidField("the EXIF is too large for jpeg; ask for png, or do not keep metadata")
    if output_format == "avif" and not features.check("avif"):
        raise InvalidField("this worker cannot write avif; ask for png, jpeg or webp")


def _encode_jpeg(picture: Picture, quality: int) -> bytes:
    # Chroma at full resolution: halving it would smear color over the edge of the mask.
    encoded = _encode_with_pillow(lay_on_white(picture), "jpeg", quality=quality, subsampling=0)
    return _set_density(encoded, picture.resolution)


def _encode_avif(picture: Picture, quality: int) -> bytes:
    return _encode_with_pillow(
        picture, "avif", quality=quality, subsampling="4:4:4", speed=_AVIF_SPEED
    )


def _encode_with_pillow(picture: Picture, output_format: OutputFormat, **options: Any) -> bytes:
    buffer, profile = BytesIO(), picture.carry_colors(output_format).profile
    image = Image.fromarray(picture.channels())
    if picture.exif is not None:
        options["exif"] = b"Exif\0\0" + picture.exif
    if picture.xmp is not None:
        options["xmp"] = picture.xmp
    try:
        image.save(buffer, output_format.upper(), icc_profile=profile, **options)
    except (ValueError, OSError, RuntimeError):
        # WebP gives up on some large pictures full of detail: its first partition has 512 kB.
        raise InvalidField(f"{output_format} cannot hold this picture; ask for png") from None
    return buffer.getvalue()


def _set_density(jpeg: bytes, resolution: Resolution | None) -> bytes:
    """Return the JPEG with a resolution; one too large for the format is left out.

    By hand, because Pillow knows inches only. Source: ITU-T T.871 (JFIF), 10.1.
    """
    if resolution is None or not jpeg.startswith(_JFIF):
        return jpeg
    x, y, unit = resolution.x, resolution.y, {"none": 0, "inch": 1, "centimeter": 2}
    if resolution.per == "meter":
        x, y = (round(side * 0.0254) for side in (x, y))
    if not 0 < min(x, y) <= max(x, y) <= 0xFFFF:
        return jpeg
    density = struct.pack(">BHH", unit.get(resolution.per, 1), x, y)
    return jpeg[:_DENSITY_AT] + density + jpeg[_DENSITY_AT + len(density) :]
