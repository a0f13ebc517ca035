"""Decode bytes to pictures. `docs/pictures.md` has the rule for every mode and format."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Final

import cv2
import numpy as np

from service.contract.errors import ImageUndecodable
from service.pictures.checks import check_kind, check_pixels
from service.pictures.exif_stripping import strip_exif
from service.pictures.headers import PictureHeader, decoding, read_header
from worker.imaging import ImageArray
from worker.imaging.picture import Picture, Pixels, to_uint8
from worker.imaging.pixels import decode_jpeg, decode_webp
from worker.imaging.png_reading import decode_png

_DECODERS: Final[dict[str, Callable[[bytes, PictureHeader], Pixels]]] = {
    "png": decode_png,
    "jpeg": decode_jpeg,
    "webp": decode_webp,
}

TURNING: Final = frozenset({5, 6, 7, 8})
"""EXIF orientations by which width and height change places."""


def decode_picture(data: bytes, max_pixels: int, *, keep_metadata: bool = False) -> Picture:
    """Decode a PNG, JPEG or WebP file; EXIF orientation is applied, the color profile kept.

    Args:
        data: the file.
        max_pixels: width x height that the header may declare.
        keep_metadata: whether EXIF is kept, less orientation and thumbnail.

    Raises:
        ImageTooLarge: the header declares more; nothing was decoded.
        UnsupportedMediaType: another format, animated, 16 bits a channel, or CMYK.
        InvalidField: the color profile or the EXIF is too large.
        ImageUndecodable: the file is broken.
    """
    header = read_header(BytesIO(data))
    check_kind(header)
    check_pixels(header, max_pixels)
    with decoding(ImageUndecodable("the picture's data is broken or ends too early")):
        color, alpha = _DECODERS[header.format](data, header)
    if color.shape[:2] != (header.height, header.width):
        raise ImageUndecodable("the picture's data has another size than its header declares")
    is_turned = header.orientation in TURNING
    resolution = header.resolution
    return Picture(
        turn(color, header.orientation),
        None if alpha is None else turn(alpha, header.orientation),
        header.profile,
        resolution.turned() if resolution and is_turned else resolution,
        strip_exif(header.exif, is_turned=is_turned) if keep_metadata and header.exif else None,
        header.color_space,
    )


def turn(pixels: ImageArray, orientation: int) -> ImageArray:
    """Turn pixels upright; every one comes back as it was.

    Args:
        pixels: uint8 (H, W) or (H, W, C).
        orientation: EXIF's, 1..8.

    Source: EXIF 2.32, 4.6.4 A, Orientation.
    """
    match orientation:
        case 2:
            return to_uint8(cv2.flip(pixels, 1))
        case 3:
            return to_uint8(cv2.rotate(pixels, cv2.ROTATE_180))
        case 4:
            return to_uint8(cv2.flip(pixels, 0))
        case 5:
            return to_uint8(cv2.transpose(pixels))
        case 6:
            return to_uint8(cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE))
        case 7:
            return to_uint8(cv2.transpose(np.ascontiguousarray(pixels[::-1, ::-1])))
        case 8:
            return to_uint8(cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE))
        case _:
            return pixels
