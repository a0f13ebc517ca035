"""Pictures to bytes."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import cv2
import numpy as np
from PIL import Image

from service.contract.errors import InvalidField, PaintingFailed
from service.contract.params import OutputFormat
from worker.imaging import ImageArray
from worker.imaging.picture import Picture, to_uint8
from worker.imaging.png_profile import insert_profile

LOSSLESS: Final = frozenset({"png"})
"""Formats in which every kept pixel must come back equal."""

MAX_SIDE: Final = {"png": 2**31 - 1, "jpeg": 65_500, "webp": 16_383}
"""Longest side in pixels that each format can hold."""

EXTENSIONS: Final = {"png": "png", "jpeg": "jpg", "webp": "webp"}

# Measured by benchmarks/png_encode.py: the fastest setting on photos, and smaller than the default.
_PNG_OPTIONS: Final = (
    cv2.IMWRITE_PNG_COMPRESSION,
    1,
    cv2.IMWRITE_PNG_STRATEGY,
    cv2.IMWRITE_PNG_STRATEGY_RLE,
)


def encode_picture(picture: Picture, output_format: OutputFormat, quality: int = 95) -> bytes:
    """Encode a picture in its own mode, with its color profile.

    JPEG has no alpha: a transparent picture is laid on white. WebP stores gray as RGB.

    Args:
        picture: what to encode.
        output_format: `png` (lossless), `jpeg` or `webp` (both lossy).
        quality: 1..100, of the lossy formats.

    Raises:
        InvalidField: the format cannot hold a side this long.
    """
    if max(picture.width, picture.height) > MAX_SIDE[output_format]:
        raise InvalidField(
            f"{output_format} holds at most {MAX_SIDE[output_format]} pixels a side; ask for png"
        )
    if output_format == "png":
        return encode_png(picture)
    if output_format == "jpeg":
        return _encode_jpeg(picture, quality)
    return _encode_webp(picture, quality)


def encode_png(picture: Picture) -> bytes:
    """Encode losslessly, the cheapest way measured."""
    if picture.mode == "LA":
        # OpenCV has no gray with alpha and would make it RGBA.
        return _encode_with_pillow(picture, "PNG", compress_level=1)
    encoded = _encode_with_opencv(_to_opencv_order(picture))
    return insert_profile(encoded, picture.icc_profile) if picture.icc_profile else encoded


def lay_on_white(picture: Picture) -> Picture:
    """Give the picture without alpha, as it looks on white."""
    if picture.alpha is None:
        return picture
    weight = picture.alpha.astype(np.uint16)
    if not picture.is_gray:
        weight = weight[..., None]
    blended = (picture.color * weight + 255 * (255 - weight) + 127) // 255
    return Picture(blended.astype(np.uint8), None, picture.icc_profile)


def _to_opencv_order(picture: Picture) -> ImageArray:
    if picture.is_gray:
        return picture.color
    code = cv2.COLOR_RGB2BGR if picture.alpha is None else cv2.COLOR_RGBA2BGRA
    return to_uint8(cv2.cvtColor(picture.channels(), code))


def _encode_with_opencv(pixels: ImageArray) -> bytes:
    succeeded, encoded = cv2.imencode(".png", pixels, _PNG_OPTIONS)
    if not succeeded:
        raise PaintingFailed("the picture could not be encoded")
    return encoded.tobytes()


def _encode_jpeg(picture: Picture, quality: int) -> bytes:
    # Chroma at full resolution: halving it would smear color over the edge of the mask.
    return _encode_with_pillow(lay_on_white(picture), "JPEG", quality=quality, subsampling=0)


def _encode_webp(picture: Picture, quality: int) -> bytes:
    # `exact` keeps the color under transparent pixels, which WebP otherwise throws away.
    return _encode_with_pillow(picture, "WEBP", quality=quality, exact=True)


def _encode_with_pillow(picture: Picture, name: str, **options: int | bool) -> bytes:
    buffer = BytesIO()
    image = Image.fromarray(picture.channels())
    image.save(buffer, name, icc_profile=picture.icc_profile, **options)
    return buffer.getvalue()
