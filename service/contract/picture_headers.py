"""What a picture's file declares, whatever its format, before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image

from service.contract.containers import jpeg, png
from service.contract.containers.header import PictureHeader, Resolution
from service.contract.containers.jpeg import read_jpeg
from service.contract.containers.png import read_png
from service.contract.containers.webp import read_webp
from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    InvalidInput,
    PaintjobError,
    UnsupportedMediaType,
)

__all__ = ["PictureHeader", "Resolution", "decoding", "read_header"]


@contextmanager
def decoding(error: InvalidInput) -> Iterator[None]:
    """Turn whatever a decoder raises into one error; want of memory is not the picture's fault."""
    try:
        yield
    except (PaintjobError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageTooLarge("the picture declares too many pixels") from None
    # Decoders raise nearly anything on hostile bytes: OSError, SyntaxError, struct.error, ...
    except Exception:
        raise error from None


def read_header(file: BinaryIO, name: str = "picture") -> PictureHeader:
    """Read what a file declares, by its content and never by its name.

    Args:
        file: seekable; read from its start.
        name: what it is called where it is refused for its format.

    Raises:
        UnsupportedMediaType: it is no PNG, JPEG or WebP, or a JPEG of a rare coding.
        ImageUndecodable: its structure is broken.
        InvalidField: its color profile or its EXIF is too large.
    """
    file.seek(0)
    start = file.read(12)
    if start.startswith(png.SIGNATURE):
        read = read_png
    elif start.startswith(jpeg.SIGNATURE):
        read = read_jpeg
    elif start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        read = read_webp
    else:
        raise UnsupportedMediaType(f"the {name} must be PNG, JPEG or WebP; it is judged by content")
    with decoding(ImageUndecodable("the picture's header is broken")):
        header = read(file)
        if header.width and header.height:
            return header
    raise ImageUndecodable("the picture has no pixels")
