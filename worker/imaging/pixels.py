"""Decode files to arrays, one decoder for each format, as stored: no rotation, no conversion.

PNG and WebP are decoded by OpenCV: it needs half of Pillow's memory, which holds RGB as four bytes
a pixel, and it refuses a PNG whose data ends early, where Pillow returns black rows. JPEG goes to
Pillow: OpenCV decodes a damaged one without an error, and may bring another libjpeg than the one
that most programs use. The tests compare every decoder with Pillow.
"""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Final

import cv2
import numpy as np

from service.contract.errors import ImageUndecodable
from service.pictures.checks import open_picture
from service.pictures.headers import PictureHeader
from service.pictures.opening import transparent_value
from service.pictures.png import check_data
from worker.imaging import AlphaArray, ImageArray
from worker.imaging.bands import row_bands
from worker.imaging.picture import to_uint8

Pixels = tuple[ImageArray, AlphaArray | None]

HARMLESS_BYTES: Final = 64 * 1024
"""A PNG of this size unpacks to at most 64 MiB, which takes a tenth of a second. In a larger one,
data behind the last row would be unpacked for minutes."""

_AS_IT_IS: Final = cv2.IMREAD_UNCHANGED
_GRAY: Final = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
_RGB: Final = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION

_COLOR_TYPE: Final = 25
"""Where a PNG's color type lies; its header's check sum follows 4 bytes later."""


def decode_png(data: bytes, header: PictureHeader) -> Pixels:
    """Decode a PNG of at most 8 bits a channel.

    A transparent value, or transparent entries of the palette, become alpha.

    Raises:
        ImageUndecodable: the data is broken, ends early or goes on behind the last row, or names
            colors that the palette lacks.
    """
    if len(data) > HARMLESS_BYTES:
        check_data(BytesIO(data))
    file = _join(data, header)
    if header.palette is not None:
        return _look_up(_decode_indices(file, header), header)
    if header.mode in ("LA", "RGBA"):
        return _part(_decode(file, _AS_IT_IS), is_gray=header.mode == "LA")
    color = _decode(file, _RGB if header.mode == "RGB" else _GRAY)
    value = transparent_value(header)
    if value is None:
        return color, None
    is_transparent = cv2.inRange(color, *_bounds(value))
    return color, to_uint8(cv2.bitwise_not(is_transparent))


def decode_webp(data: bytes, header: PictureHeader) -> Pixels:
    """Decode a still WebP.

    Raises:
        ImageUndecodable: the data is broken.
    """
    pixels = _decode(_join(data, header), _AS_IT_IS)
    if pixels.shape[2] == 4:
        return _part(pixels, is_gray=False)
    return to_uint8(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)), None


def decode_jpeg(data: bytes, header: PictureHeader) -> Pixels:
    """Decode a JPEG of gray or YCbCr.

    Raises:
        Exception: nearly any; the data is broken.
    """
    image = open_picture(BytesIO(data), header)
    image.load()
    shape = (header.height, header.width) if image.mode == "L" else (header.height, header.width, 3)
    color = np.empty(shape, np.uint8)
    # By bands, so that Pillow's four bytes a pixel are not copied as a whole as well.
    for rows in row_bands(header.height):
        color[rows] = np.asarray(image.crop((0, rows.start, header.width, rows.stop)))
    return color, None


def _join(data: bytes, header: PictureHeader) -> bytes:
    """Return the part of the file that decoders need; the file itself if that is all."""
    if header.pixels == ((0, len(data)),):
        return data
    view = memoryview(data)
    return b"".join((header.prefix, *(view[start:stop] for start, stop in header.pixels)))


def _decode(file: bytes | bytearray, how: int) -> ImageArray:
    try:
        pixels = cv2.imdecode(np.frombuffer(file, np.uint8), how)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        raise
    if pixels is None:
        raise ImageUndecodable("the picture's data is broken or ends too early")
    return to_uint8(pixels)


def _decode_indices(file: bytes, header: PictureHeader) -> ImageArray:
    """Decode a palette PNG to its indices: as a gray one, which is stored alike."""
    gray = bytearray(file)
    gray[_COLOR_TYPE] = 0
    gray[_COLOR_TYPE + 4 : _COLOR_TYPE + 8] = struct.pack(">I", zlib.crc32(gray[12:29]))
    # Gray of few bits is stretched to 255.
    return _decode(gray, _GRAY) // np.uint8(255 // (2**header.depth - 1))


def _look_up(indices: ImageArray, header: PictureHeader) -> Pixels:
    palette = np.frombuffer(header.palette or b"", np.uint8).reshape(-1, 3)
    if int(indices.max()) >= len(palette):
        raise ImageUndecodable("the picture names colors that its palette lacks")
    color = to_uint8(palette[indices])
    if header.transparency is None:
        return color, None
    alpha = np.full(256, 255, np.uint8)
    alpha[: len(header.transparency)] = np.frombuffer(header.transparency, np.uint8)
    return color, to_uint8(alpha[indices])


def _part(pixels: ImageArray, *, is_gray: bool) -> Pixels:
    """Split BGRA into color and alpha."""
    alpha = to_uint8(cv2.extractChannel(pixels, 3))
    if is_gray:
        return to_uint8(cv2.extractChannel(pixels, 0)), alpha
    return to_uint8(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB)), alpha


def _bounds(value: int | tuple[int, ...]) -> tuple[ImageArray, ImageArray]:
    """Return lower and upper bound for `inRange`; they are the same."""
    bound = np.atleast_1d(np.array(value, np.uint8))
    return bound, bound
