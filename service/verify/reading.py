"""Reads the files that are compared, with Pillow alone: RGBA, upright, in 8 bits or in 16."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from typing import Final, NamedTuple, cast

from PIL import Image, ImageOps

from service.contract.errors import ImageUndecodable, UnsupportedMediaType
from service.contract.params import OutputFormat
from service.pictures.checks import check_kind, open_picture
from service.pictures.cmyk import make_converter
from service.pictures.color_carrying import ColorSpace
from service.pictures.deep import read_planes
from service.pictures.headers import PictureHeader, decoding, read_header
from service.pictures.mask_decoding import turn_upright

_FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF")
"""Formats of results. Pillow reads more, of some only a part or numbers cut to 8 bits."""

_GRAY_MODES: Final = frozenset(("1", "L", "LA", "I;16"))

_AVIF_DEEP: Final = re.compile(rb"av1C\x81.[\x40-\x7f\xc0-\xff]", re.DOTALL)
"""A decoder's configuration of 10 or 12 bits. Source: AV1 Codec ISO Media File Format, 2.3.3."""


class ReadPicture(NamedTuple):
    """A decoded picture: RGBA, upright, and what its file says of the numbers.

    Of 16 bits, `pixels` are the high bytes, and `low` the others.
    """

    pixels: Image.Image
    profile: bytes | None
    color_space: ColorSpace
    is_gray: bool = False
    format: OutputFormat = "png"
    low: Image.Image | None = None

    def planes(self) -> tuple[Image.Image, ...]:
        """Return the bytes of the numbers, high ones first."""
        return (self.pixels,) if self.low is None else (self.pixels, self.low)


def read_original(data: bytes) -> ReadPicture:
    """Decode an original; the service's own rules apply. One in CMYK is converted to sRGB.

    Raises:
        InvalidInput, UnsupportedMediaType: it is broken, or none that the service takes.
    """
    header = read_header(BytesIO(data), "original")
    check_kind(header, takes_cmyk=True)
    with decoding(ImageUndecodable("the original is broken or cut short")):
        if header.depth == 16:
            return _read_deep(data, header)
        image = open_picture(BytesIO(data), header)
        image.load()
        if image.mode == "CMYK":
            image = make_converter(header.profile)(image)
            header = replace(header, mode="RGB", profile=None)
        pixels = turn_upright(image, header.orientation).convert("RGBA")
        return _describe(pixels, header)


def read_result(data: bytes) -> ReadPicture:
    """Decode a result.

    Raises:
        ImageUndecodable: it is broken, or of a format that results do not have.
        UnsupportedMediaType: Pillow would decode other numbers than the file has, or a part of it.
    """
    with decoding(ImageUndecodable(f"the result is broken, or not one of {', '.join(_FORMATS)}")):
        image = Image.open(BytesIO(data), formats=_FORMATS)
        if getattr(image, "n_frames", 1) > 1:
            raise UnsupportedMediaType("the result has several frames")
        image.load()
        if image.format == "AVIF":
            _check_depth(is_deep=_AVIF_DEEP.search(data) is not None)
            return ReadPicture(_turn(image), image.info.get("icc_profile"), (), format="avif")
        header = read_header(BytesIO(data), "result")
        if image.format == "PNG" and header.depth == 16:
            return _read_deep(data, header)
        _check_depth(is_deep=header.depth > 8)
        return _describe(_turn(image), header)


def _read_deep(data: bytes, header: PictureHeader) -> ReadPicture:
    high, low = (
        turn_upright(each, header.orientation) for each in read_planes(BytesIO(data), header)
    )
    return _describe(high, header)._replace(low=low)


def _describe(pixels: Image.Image, header: PictureHeader) -> ReadPicture:
    output_format = cast("OutputFormat", header.format)
    is_gray = header.mode in _GRAY_MODES
    return ReadPicture(pixels, header.profile, header.color_space, is_gray, output_format)


def _turn(image: Image.Image) -> Image.Image:
    """Return a result as RGBA, upright by its EXIF alone: Pillow would ask XMP, too.

    Raises:
        UnsupportedMediaType: it is CMYK.
    """
    for name in ("xmp", "XML:com.adobe.xmp"):
        image.info.pop(name, None)
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "CMYK":
        raise UnsupportedMediaType("the result is CMYK")
    return image.convert("RGBA")


def _check_depth(*, is_deep: bool) -> None:
    if is_deep:
        raise UnsupportedMediaType("the result has more than 8 bits a channel")
