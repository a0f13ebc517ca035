"""Decode files to arrays, one decoder for each format, as stored: no rotation, no conversion.

PNG has `png_reading`. WebP is decoded by OpenCV: it needs half of Pillow's memory, which holds RGB
as four bytes a pixel. JPEG goes to Pillow: OpenCV decodes a damaged one without an error, and may
bring another libjpeg than the one that most programs use. The tests compare every decoder with
Pillow.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from service.contract.errors import ImageUndecodable
from service.pictures.checks import open_picture
from service.pictures.cmyk import make_converter
from service.pictures.headers import PictureHeader
from worker.imaging import ImageArray
from worker.imaging.bands import row_bands
from worker.imaging.picture import Pixels, to_uint8

_AS_IT_IS: Final = cv2.IMREAD_UNCHANGED

_PLAIN: Final = {"1": "L", "P": "RGB", "CMYK": "RGB"}
"""Modes of decoded pixels, by those that are none."""


def decode_webp(data: bytes, header: PictureHeader) -> Pixels:
    """Decode a still WebP.

    Raises:
        ImageUndecodable: the data is broken.
    """
    pixels = _decode(_join(data, header), _AS_IT_IS)
    if pixels.shape[2] == 4:
        alpha = to_uint8(cv2.extractChannel(pixels, 3))
        return to_uint8(cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGB)), alpha
    return to_uint8(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB, dst=pixels)), None


def decode_with_pillow(data: bytes, header: PictureHeader) -> Pixels:
    """Decode a JPEG, an AVIF, a HEIC or the page of a TIFF.

    Raises:
        Exception: nearly any; the data is broken.
    """
    image = open_picture(BytesIO(data), header)
    with _without_stderr() if header.format == "tiff" else nullcontext():
        image.load()
    mode = _PLAIN.get(image.mode, image.mode)
    convert = make_converter(header.profile) if image.mode == "CMYK" else None
    height, width, channels = header.height, header.width, len(mode)
    pixels = np.empty((height, width, channels), np.uint8)
    # By bands, so that Pillow's four bytes a pixel are not copied as a whole as well.
    for rows in row_bands(height):
        band = image.crop((0, rows.start, width, rows.stop))
        band = band.convert(mode) if convert is None else convert(band)
        pixels[rows] = np.asarray(band).reshape(-1, width, channels)
    color, alpha = pixels, None
    if mode.endswith("A"):
        color, alpha = pixels[..., :-1], np.ascontiguousarray(pixels[..., -1])
    return np.ascontiguousarray(color[..., 0] if len(mode) < 3 else color), alpha


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Drop what native code writes to standard error: libtiff complains of every damaged row."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _join(data: bytes, header: PictureHeader) -> bytes:
    """Return the part of the file that decoders need; the file itself if that is all."""
    if header.pixels == ((0, len(data)),):
        return data
    view = memoryview(data)
    return b"".join((header.prefix, *(view[start:stop] for start, stop in header.pixels)))


def _decode(file: bytes, how: int) -> ImageArray:
    try:
        pixels = cv2.imdecode(np.frombuffer(file, np.uint8), how)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError from None
        raise
    if pixels is None:
        raise ImageUndecodable("the picture's data is broken or ends too early")
    return to_uint8(pixels)
