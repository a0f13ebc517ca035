"""Whether a file is one whole picture that Paintjob takes, found out without a full decode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    InvalidField,
    UnsupportedMediaType,
)
from service.contract.picture_headers import PictureHeader, decoding, read_header

MIN_SIDE_PIXELS = 64
MAX_ASPECT = 16
"""The longer side may be so many times the shorter one."""

ORIENTATION_TAG = 0x0112
_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_OPENERS: Mapping[str, Callable[[BinaryIO], Image.Image]] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
}


@dataclass(frozen=True)
class PictureInfo:
    """A picture that passed the checks.

    Attributes:
        format: `png`, `jpeg` or `webp`, found by content.
        mode: Pillow's mode.
        width: pixels, before EXIF orientation is applied.
        height: pixels, before EXIF orientation is applied.
        orientation: EXIF orientation, 1..8.
    """

    format: str
    mode: str
    width: int
    height: int
    orientation: int

    @property
    def upright_size(self) -> tuple[int, int]:
        """Width and height once EXIF orientation is applied."""
        turned = self.orientation in (5, 6, 7, 8)
        return (self.height, self.width) if turned else (self.width, self.height)


def check_picture(file: BinaryIO, max_pixels: int) -> PictureInfo:
    """Check that a file is one whole picture that Paintjob takes.

    Args:
        file: seekable; read from its start.
        max_pixels: width times height must not exceed it.

    Raises:
        UnsupportedMediaType: it is no PNG, JPEG or WebP, is animated, CMYK or deeper than 8 bits.
        ImageTooLarge: the header declares too many pixels.
        InvalidField: a side is too short, or one is too long for the other.
        ImageUndecodable: it is broken or cut.
    """
    header = read_header(file)
    check_kind(header)
    check_pixels(header, max_pixels)
    _check_shape(header)
    with decoding(ImageUndecodable("the picture is broken or cut short")):
        image = open_picture(file, header)
        info = describe_picture(image, header)
        _check_structure(image, header)
    return info


def check_kind(header: PictureHeader) -> None:
    """Refuse what would have to be converted by guesswork.

    Raises:
        UnsupportedMediaType: the picture is animated, CMYK or deeper than 8 bits a channel.
    """
    if header.animated:
        raise UnsupportedMediaType("the picture is animated; send one frame")
    if header.depth > 8:
        raise UnsupportedMediaType("the picture has more than 8 bits a channel; convert it to 8")
    if header.channels == 4:
        raise UnsupportedMediaType("the JPEG is CMYK; convert it to RGB")


def check_pixels(header: PictureHeader, max_pixels: int) -> None:
    """Refuse a picture by the size that its header declares, before anything is decoded.

    Raises:
        ImageTooLarge: it has more pixels than the limit.
    """
    if header.width * header.height > max_pixels:
        raise ImageTooLarge(f"the picture declares more than {max_pixels} pixels")


def open_picture(file: BinaryIO, header: PictureHeader) -> Image.Image:
    """Open a picture with Pillow, by its own reader; no pixel is decoded.

    Call it inside `decoding`, after `check_pixels`.

    Raises:
        ImageUndecodable: Pillow sees another size than the header declares.
    """
    file.seek(0)
    image = _OPENERS[header.format](file)
    if image.size != (header.width, header.height):
        raise ImageUndecodable("the picture contradicts its own header")
    if image.mode not in _MODES:
        raise UnsupportedMediaType(f"pictures of mode {image.mode} are not taken; send 8-bit RGB")
    return image


def describe_picture(image: Image.Image, header: PictureHeader) -> PictureInfo:
    """Tell format, mode, size and orientation of an opened picture, without decoding it."""
    if header.late_exif is not None:
        image.info.setdefault("exif", header.late_exif)
    # PngImageFile.getexif would decode all pixels to look for EXIF behind them.
    orientation = Image.Image.getexif(image).get(ORIENTATION_TAG, 1)
    return PictureInfo(header.format, image.mode, header.width, header.height, orientation or 1)


def _check_shape(header: PictureHeader) -> None:
    short, long = sorted((header.width, header.height))
    if short < MIN_SIDE_PIXELS:
        raise InvalidField(f"each side must have at least {MIN_SIDE_PIXELS} pixels")
    if long > MAX_ASPECT * short:
        raise InvalidField(f"the longer side may be at most {MAX_ASPECT} times the shorter one")


def _check_structure(image: Image.Image, header: PictureHeader) -> None:
    """Find truncation and broken structure cheaply; a WebP has been checked by opening it."""
    if header.format == "png":
        image.verify()
    elif header.format == "jpeg":
        # The whole stream is read, but only one coefficient in 64 is turned into a pixel.
        image.draft(image.mode, (header.width // 8, header.height // 8))
        image.load()
