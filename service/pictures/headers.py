"""Reads the header of a picture of any format, before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image

from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    InvalidInput,
    PaintjobError,
    UnsupportedMediaType,
)
from service.pictures import heif, jpeg, png, tiff_fields
from service.pictures.heif import read_heif
from service.pictures.jpeg import read_jpeg
from service.pictures.picture_header import PictureHeader, Resolution
from service.pictures.png import read_png
from service.pictures.tiff import read_tiff
from service.pictures.webp import read_webp

__all__ = [
    "MAGIC_BYTES",
    "PictureHeader",
    "Resolution",
    "decoding",
    "is_picture",
    "read_header",
]

MAGIC_BYTES = 12
"""Number of bytes by which a file's format is found."""


@contextmanager
def decoding(error: InvalidInput) -> Iterator[None]:
    """Turn whatever a decoder raises into one error, except lack of memory."""
    try:
        yield
    except (PaintjobError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageTooLarge("the picture has too many pixels; send a smaller one") from None
    # Decoders raise nearly anything on hostile bytes: OSError, SyntaxError, struct.error, ...
    except Exception:
        raise error from None


def read_header(file: BinaryIO, name: str = "picture") -> PictureHeader:
    """Read a file's header; its format is found by its content, never by its name.

    Args:
        file: seekable; read from its start.
        name: how the error message calls it.

    Raises:
        UnsupportedMediaType: it is of no format that is taken, or coded in a rare way.
        ImageUndecodable: its structure is broken.
        InvalidField: its color profile or its EXIF is too large.
    """
    file.seek(0)
    read = _find_reader(file.read(MAGIC_BYTES))
    if read is None:
        formats = "PNG, JPEG, WebP, AVIF, HEIC or TIFF"
        raise UnsupportedMediaType(f"the {name} must be a {formats} by its content")
    with decoding(ImageUndecodable("the picture's header is broken")):
        header = read(file)
        if header.width and header.height:
            return header
    raise ImageUndecodable("the picture has no pixels")


def is_picture(start: bytes) -> bool:
    """Return whether a file's first bytes are those of a format that is taken."""
    return _find_reader(start) is not None


def _find_reader(start: bytes) -> Callable[[BinaryIO], PictureHeader] | None:
    if start.startswith(png.SIGNATURE):
        return read_png
    if start.startswith(jpeg.SIGNATURE):
        return read_jpeg
    if start.startswith(b"RIFF") and start[8:MAGIC_BYTES] == b"WEBP":
        return read_webp
    if start[4:8] == heif.SIGNATURE:
        return read_heif
    if start.startswith(tiff_fields.SIGNATURES):
        return read_tiff
    return None
