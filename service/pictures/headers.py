"""Reads the header of a picture of any format, before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import BinaryIO

from PIL import Image, features

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
    "describe_formats",
    "is_picture",
    "list_input_formats",
    "read_header",
]

MAGIC_BYTES = 12
"""Number of bytes by which a file's format is found."""

_IS_TEXT = ", and this is text; with curl, write @ before the file's name"
"""Added to the message where the name of a file was most likely sent in its place."""


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


@cache
def list_input_formats() -> tuple[str, ...]:
    """Return the formats of pictures that are taken here."""
    optional = {"avif": features.check("avif"), "heic": find_spec("pi_heif") is not None}
    found = (name for name, is_there in optional.items() if is_there)
    return ("png", "jpeg", "webp", "tiff", *found)


def describe_formats(name: str, formats: Sequence[str]) -> str:
    """Return the message of a file that has none of these formats."""
    *first, last = ("WebP" if one == "webp" else one.upper() for one in formats)
    return f"the {name} must be a {', '.join(first)} or {last} by its content"


def read_header(
    file: BinaryIO, name: str = "picture", formats: Sequence[str] = ()
) -> PictureHeader:
    """Read a file's header; its format is found by its content, never by its name.

    Args:
        file: seekable; read from its start.
        name: how the error message calls it.
        formats: those that the error message names; by default all that are taken here.

    Raises:
        UnsupportedMediaType: it is of no format that is taken, or coded in a rare way.
        ImageUndecodable: its structure is broken.
        InvalidField: its color profile or its EXIF is too large.
    """
    file.seek(0)
    start = file.read(MAGIC_BYTES)
    if not start:
        raise UnsupportedMediaType(f"the {name} is empty: a file of 0 bytes was sent")
    read = _find_reader(start)
    if read is None:
        detail = describe_formats(name, formats or list_input_formats())
        raise UnsupportedMediaType(f"{detail}{_IS_TEXT if _is_text(start) else ''}")
    with decoding(ImageUndecodable("the picture's header is broken")):
        header = read(file)
        if header.width and header.height:
            return header
    raise ImageUndecodable("the picture has no pixels")


def _is_text(start: bytes) -> bool:
    return start.isascii() and start.decode().isprintable()


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
