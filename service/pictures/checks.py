"""Checks that a file is one whole picture that Paintjob takes, without a full decode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

from PIL import Image

from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    UnsupportedMediaType,
)
from service.contract.geometry import MAX_SIDE_PIXELS
from service.pictures.cmyk import has_cmyk_profile
from service.pictures.headers import PictureHeader, decoding, list_input_formats, read_header
from service.pictures.jpeg_rows import cut_to_rows
from service.pictures.opening import open_pixels
from service.pictures.png import check_sums

NEW_KINDS = frozenset(("avif", "heic", "tiff"))
"""Formats of which the API reads headers alone: masks are of the others."""

_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"})


@dataclass(frozen=True)
class PictureInfo:
    """A picture that passed the checks.

    Attributes:
        format: `png`, `jpeg`, `webp`, `avif`, `heic` or `tiff`, found by content.
        mode: Pillow's mode.
        width: pixels, before EXIF orientation is applied.
        height: pixels, before EXIF orientation is applied.
        orientation: EXIF orientation, 1..8.
        exif: the EXIF block as sent, beginning with its byte order.
        has_cmyk_profile: whether its color profile says what inks look like.
    """

    format: str
    mode: str
    width: int
    height: int
    orientation: int
    exif: bytes | None = field(default=None, repr=False)
    has_cmyk_profile: bool = False

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once EXIF orientation is applied."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.height, self.width) if turned else (self.width, self.height)


def check_picture(file: BinaryIO, max_pixels: int, *, takes_cmyk: bool = False) -> PictureInfo:
    """Check that a file is one whole picture that Paintjob takes.

    Args:
        file: seekable; read from its start.
        max_pixels: width times height must not exceed it.
        takes_cmyk: whether a picture in CMYK is to be converted.

    Raises:
        UnsupportedMediaType: it is of no format that is taken, animated, of several pages, in
            CMYK, or no PNG and of more than 8 bits a channel.
        ImageTooLarge: the header declares too many pixels, or too long a side.
        InvalidField: the color profile or the EXIF is too large.
        ImageUndecodable: it is broken or cut.
    """
    header = read_header(file)
    check_kind(header, takes_cmyk=takes_cmyk)
    check_pixels(header, max_pixels)
    with decoding(ImageUndecodable("the picture is broken or cut short")):
        _check_structure(file, header)
    return PictureInfo(
        header.format,
        header.mode,
        header.width,
        header.height,
        header.orientation,
        header.exif,
        has_cmyk_profile(header.profile),
    )


def check_kind(header: PictureHeader, *, takes_cmyk: bool = False) -> None:
    """Check that a picture needs no conversion that could be done in several ways.

    Args:
        header: of the file.
        takes_cmyk: whether a picture in CMYK is to be converted.

    Raises:
        UnsupportedMediaType: the picture is animated, of several pages, in CMYK, or no PNG and of
            more than 8 bits a channel.
    """
    if header.animated:
        if header.format == "tiff":
            raise UnsupportedMediaType("the picture has several pages; send a single one")
        raise UnsupportedMediaType("the picture is animated; send a single frame")
    if header.format not in list_input_formats():
        kind = header.format.upper()
        raise UnsupportedMediaType(f"this deployment does not read {kind}; send a PNG or JPEG")
    if header.depth > 8 and header.format != "png":
        raise UnsupportedMediaType(
            "only a PNG may have more than 8 bits a channel; convert it to 8, or send a PNG"
        )
    if header.mode == "CMYK" and not takes_cmyk:
        raise UnsupportedMediaType("the picture is CMYK; send convert: srgb, or convert it to RGB")


def check_pixels(header: PictureHeader, max_pixels: int, name: str = "picture") -> None:
    """Check the size that a header declares, before anything is decoded.

    Args:
        header: of the file.
        max_pixels: width times height must not exceed it.
        name: how the error message calls the picture.

    Raises:
        ImageTooLarge: it has more pixels than the limit, or too long a side.
    """
    if max(header.width, header.height) > MAX_SIDE_PIXELS:
        limit = f"a side of more than {MAX_SIDE_PIXELS} pixels"
        raise ImageTooLarge(f"the {name} has {limit}; send a smaller one")
    if header.width * header.height > max_pixels:
        raise ImageTooLarge(f"the {name} has more than {max_pixels} pixels; send a smaller one")


def open_picture(file: BinaryIO, header: PictureHeader) -> Image.Image:
    """Open a picture as `open_pixels` does; call it inside `decoding`, after `check_pixels`.

    Raises:
        ImageUndecodable: Pillow sees another size than the header declares.
        UnsupportedMediaType: Pillow sees a mode that is not taken.
    """
    image = open_pixels(file, header)
    if image is None:
        raise ImageUndecodable("the picture's data has another size than its header")
    if image.mode not in _MODES:
        raise UnsupportedMediaType(f"pictures of mode {image.mode} are not taken; send 8-bit RGB")
    return image


def _check_structure(file: BinaryIO, header: PictureHeader) -> None:
    """Check a file's structure cheaply, in memory that does not grow with its pixels.

    That the file is not cut short was checked with its header: each format marks its end.
    """
    if header.format == "png":
        check_sums(file)
    elif header.format == "jpeg" and not header.is_buffered:
        # Of a JPEG in several scans all coefficients would be held at once: 96 MB at 16 megapixels.
        if header.is_plain:
            file, header = cut_to_rows(file, header)
        image = open_picture(file, header)
        # Of all coefficients only one in 64 becomes a pixel.
        image.draft(image.mode, (max(1, image.width // 8), max(1, image.height // 8)))
        image.load()
