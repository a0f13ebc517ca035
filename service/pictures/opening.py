"""Pillow's readers, one for each format, called by name and shown the pixels alone."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from PIL import (
    AvifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from service.pictures.picture_header import PictureHeader
from service.pictures.splice import splice


def _open_heic(file: BinaryIO) -> Image.Image:
    # Here and not at the top: it is an extra, and reads nothing else.
    from pi_heif import HeifImageFile  # type: ignore[import-untyped]

    opened: Image.Image = HeifImageFile(file)
    return opened


OPENERS: Final[Mapping[str, Callable[[BinaryIO], Image.Image]]] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "heic": _open_heic,
    "tiff": TiffImagePlugin.TiffImageFile,
}
"""Readers by format. Not `Image.open`: it tries every format it knows and has limits of its own."""


def open_pixels(file: BinaryIO, header: PictureHeader) -> Image.Image | None:
    """Open a picture with Pillow; no pixel is decoded.

    Pillow is shown the pixels' part of the file alone, so that it cannot unpack texts and profiles.
    A transparent value is in `info` as it is decoded; the picture is not turned upright.

    Returns:
        The picture; `None` if Pillow sees another size than the header declares.
    """
    image = OPENERS[header.format](splice(file, header.pixels, header.prefix))
    if image.size != (header.width, header.height):
        return None
    if "transparency" in image.info and image.mode != "P":
        image.info["transparency"] = transparent_value(header)
    return image


def transparent_value(header: PictureHeader, *, deep: bool = False) -> int | tuple[int, ...] | None:
    """Return the transparent value of a PNG without palette, in the bits it is decoded to.

    Pillow returns the value as stored, which in a picture of 2 or 4 bits is another color.

    Args:
        header: of the PNG.
        deep: whether 16 bits are decoded to 16, not to 8.

    Returns:
        One value for gray, three for RGB; `None` if there is none.

    Source: PNG specification, third edition, 11.3.1.1 and 13.12.
    """
    if header.transparency is None or header.palette is not None:
        return None
    top = 2**header.depth - 1
    values = struct.unpack(f">{len(header.transparency) // 2}H", header.transparency)
    if header.depth < 16:
        # Bits above the depth do not count.
        values = tuple((value & top) * 255 // top for value in values)
    elif not deep:
        values = tuple(value >> 8 for value in values)
    return values if len(values) == 3 else values[0]
