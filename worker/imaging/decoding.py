"""Decode bytes to pictures. `docs/pictures.md` has the rule for every mode and format."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.errors import ImageUndecodable
from service.pictures.checks import check_kind, check_pixels
from service.pictures.exif_stripping import strip_exif
from service.pictures.headers import PictureHeader, decoding, read_header
from worker.imaging import AlphaArray, ImageArray
from worker.imaging.picture import DeepPixels, Number, Picture, Pixels, round_to_8_bits
from worker.imaging.pixels import decode_webp, decode_with_pillow
from worker.imaging.png_reading import decode_png

_DECODERS: Final[dict[str, Callable[[bytes, PictureHeader], Pixels | DeepPixels]]] = {
    "png": decode_png,
    "webp": decode_webp,
    "jpeg": decode_with_pillow,
    "avif": decode_with_pillow,
    "heic": decode_with_pillow,
    "tiff": decode_with_pillow,
}

TURNING: Final = frozenset({5, 6, 7, 8})
"""EXIF orientations by which width and height change places."""


def decode_picture(
    data: bytes, max_pixels: int, *, keep_metadata: bool = False, takes_cmyk: bool = False
) -> Picture:
    """Decode a file of any format that is taken, upright, with its color profile.

    A picture in CMYK is converted to sRGB, which needs no profile.

    Args:
        data: the file.
        max_pixels: width x height that the header may declare.
        keep_metadata: whether EXIF is kept, less orientation and thumbnail.
        takes_cmyk: whether a picture in CMYK is converted; else it is refused.

    Raises:
        ImageTooLarge: the header declares more; nothing was decoded.
        UnsupportedMediaType: another format, animated, a JPEG of 12 bits, or CMYK.
        InvalidField: the color profile or the EXIF is too large.
        ImageUndecodable: the file is broken.
    """
    header = read_header(BytesIO(data))
    check_kind(header, takes_cmyk=takes_cmyk)
    check_pixels(header, max_pixels)
    with decoding(ImageUndecodable("the picture's data is broken or ends too early")):
        decoded = _DECODERS[header.format](data, header)
    if decoded[0].shape[:2] != (header.height, header.width):
        raise ImageUndecodable("the picture's data has another size than its header declares")
    color, alpha, deep = _turn_upright(decoded, header.orientation)
    is_turned = header.orientation in TURNING
    resolution = header.resolution
    return Picture(
        color,
        alpha,
        None if header.mode == "CMYK" else header.profile,
        resolution.turned() if resolution and is_turned else resolution,
        strip_exif(header.exif, is_turned=is_turned) if keep_metadata and header.exif else None,
        header.color_space,
        deep=deep,
    )


def _turn_upright(
    decoded: Pixels | DeepPixels, orientation: int
) -> tuple[ImageArray, AlphaArray | None, DeepPixels | None]:
    """Return color and alpha in 8 bits, and both in 16 if they were."""
    if not isinstance(decoded, DeepPixels):
        color, alpha = decoded
        return turn(color, orientation), None if alpha is None else turn(alpha, orientation), None
    values, cover = decoded
    deep = DeepPixels(
        turn(values, orientation), None if cover is None else turn(cover, orientation)
    )
    shallow = None if deep.alpha is None else round_to_8_bits(deep.alpha)
    return round_to_8_bits(deep.color), shallow, deep


def turn(pixels: NDArray[Number], orientation: int) -> NDArray[Number]:
    """Turn pixels upright; every one comes back as it was.

    Args:
        pixels: (H, W) or (H, W, C).
        orientation: EXIF's, 1..8.

    Source: EXIF 2.32, 4.6.4 A, Orientation.
    """
    return np.asarray(_turn(pixels, orientation), pixels.dtype)


def _turn(pixels: NDArray[Any], orientation: int) -> object:
    match orientation:
        case 2:
            return cv2.flip(pixels, 1)
        case 3:
            return cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            return cv2.flip(pixels, 0)
        case 5:
            return cv2.transpose(pixels)
        case 6:
            return cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            return cv2.transpose(np.ascontiguousarray(pixels[::-1, ::-1]))
        case 8:
            return cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            return pixels
