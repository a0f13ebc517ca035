"""Reads the file of a mask, any picture, by its luminance; the API and workers share it.

| file | luminance |
|---|---|
| gray, 1, 2, 4 or 8 bits | the gray value |
| gray, 16 bits | the high byte |
| RGB, palette | Pillow's `L`: (299 R + 587 G + 114 B) / 1000, ITU-R BT.601 |
| RGB, 16 bits | of the high bytes |
| CMYK | of the RGB that Pillow converts it to |
| any of these with transparency | of the stored colors, on no background |

A mask with transparent pixels is refused if its luminance is not plain black and white, so that one
whose meaning is in its transparency is never read as black. Otherwise transparency is ignored, and
the caller is warned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import BinaryIO

from PIL import Image, ImageChops, ImageOps

from service.contract.errors import (
    ImageTooLarge,
    ImageUndecodable,
    InvalidField,
    MaskSizeMismatch,
    MaskUndecodable,
    UnsupportedMediaType,
)
from service.pictures.checks import NEW_KINDS, PictureInfo, check_pixels, open_picture
from service.pictures.deep import find_transparent
from service.pictures.headers import PictureHeader, decoding, describe_formats, read_header
from service.pictures.opening import open_pixels
from service.pictures.png import check_data

_ORIENTATION_TAG = 0x0112
_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"})
_UNLIKELY: Mapping[str, int | tuple[int, ...]] = {
    "L": 77,
    "LA": (77, 77),
    "RGB": (77, 77, 77),
    "RGBA": (77, 77, 77, 77),
}
"""Values that hardly any mask has all along its last row; if one has, data is unpacked twice."""


MASK_FORMATS = ("png", "jpeg", "webp")
"""Formats of masks."""

LARGEST_BYTES_PER_PIXEL = 7
"""Memory that the largest picture may take while it is decoded: RGBA, two channels and a band."""

BAND_ROWS = 256
"""Rows that are converted at once."""


@dataclass(frozen=True)
class MaskInfo(PictureInfo):
    """A mask that passed the checks.

    Attributes:
        has_transparency: whether some pixels are not opaque; its luminance ignores that.
    """

    has_transparency: bool = False


Hold = Callable[[int], AbstractContextManager[None]]
"""Holds memory of so many bytes while a block runs."""


def hold_nothing(weight: int) -> AbstractContextManager[None]:
    """Hold no memory: for programs that decode one picture at a time."""
    return nullcontext()


def estimate_memory(header: PictureHeader) -> int:
    """Return about how many bytes it takes to decode a picture and to convert it by bands."""
    pixels = header.width * header.height
    if header.format == "webp":
        # The decoder of animations holds two canvases and returns a third one, which is copied.
        return 16 * pixels
    # A decoder holds all coefficients of all channels, 16 bits each.
    coefficients = 2 * max(header.channels, 1) if header.is_buffered else 0
    stored = 1 if header.mode in ("1", "L", "P") else 4
    return (stored + 3 + coefficients) * pixels


def check_memory(header: PictureHeader, max_pixels: int, name: str) -> None:
    """Check that decoding a picture takes no more memory than the largest PNG.

    Raises:
        ImageTooLarge: it takes more, as a WebP of 16 bytes a pixel does from 0.44 of the limit.
    """
    if estimate_memory(header) > LARGEST_BYTES_PER_PIXEL * max_pixels:
        kind = "WebP" if header.format == "webp" else "JPEG of several scans"
        detail = f"decoding the {name}, a {kind} of this size, takes too much memory; send a PNG"
        raise ImageTooLarge(detail)


def read_mask(
    file: BinaryIO,
    max_pixels: int,
    size: tuple[int, int] | None = None,
    hold: Hold = hold_nothing,
) -> tuple[MaskInfo, Image.Image]:
    """Read a mask; return its file's data and its luminance: mode L, upright.

    Args:
        file: seekable; read from its start.
        max_pixels: limit for width times height.
        size: width and height that it must have, upright; compared before it is decoded.
        hold: entered while the mask is decoded.

    Raises:
        UnsupportedMediaType: it is not a PNG, JPEG or WebP, is animated, or a JPEG of 12 bits.
        ImageTooLarge: the header declares too many pixels.
        MaskSizeMismatch: it has another size.
        MaskUndecodable: it is broken or cut.
        InvalidField: its transparency seems to be meant.
    """
    broken = MaskUndecodable("the mask is broken or cut short")
    try:
        header = read_header(file, "mask", MASK_FORMATS)
    except ImageUndecodable as error:
        raise broken from error
    _check_kind(header)
    check_pixels(header, max_pixels, "mask")
    check_memory(header, max_pixels, "mask")
    with hold(estimate_memory(header)), decoding(broken):
        image = _open_mask(file, header)
        info = MaskInfo(header.format, image.mode, *image.size, header.orientation)
        if size is not None and info.upright_size != size:
            shown = "the mask is {}x{}, the picture {}x{}".format(*info.upright_size, *size)
            raise MaskSizeMismatch(shown)
        _load_whole(image, file, header)
        luminance, is_opaque = _take_luminance(image, header)
        if not is_opaque:
            _check_speaks_by_luminance(luminance)
        upright = turn_upright(luminance, header.orientation)
        return replace(info, has_transparency=not is_opaque), upright


def read_transparency(
    file: BinaryIO, max_pixels: int | None = None, hold: Hold = hold_nothing
) -> Image.Image:
    """Return the transparency of each pixel of a picture: mode L, 255 minus alpha, upright.

    Args:
        file: seekable, checked by `check_picture`; read from its start.
        max_pixels: limit for width times height, which bounds the memory too; `None` for none.
        hold: entered while the picture is decoded.

    Raises:
        ImageTooLarge: decoding it takes too much memory.
        InvalidField: the picture has no transparency.
        ImageUndecodable: the full decode found it broken.
    """
    header = read_header(file)
    if header.format in NEW_KINDS:
        kind = header.format.upper()
        raise UnsupportedMediaType(f"the transparency of a {kind} is no mask; send a PNG or WebP")
    if max_pixels is not None:
        check_memory(header, max_pixels, "picture")
    broken = ImageUndecodable("the picture is broken or cut short")
    with hold(estimate_memory(header)), decoding(broken):
        image = open_picture(file, header)
        if not image.has_transparency_data:
            raise InvalidField(
                "the picture has no transparency that could be its mask; send a mask"
            )
        if header.depth == 16 and header.transparency is not None:
            # Pillow would compare the high bytes alone.
            return turn_upright(find_transparent(file, header), header.orientation)
        image.load()
        transparency = Image.new("L", image.size)
        for top, colors in _iter_bands(image):
            transparency.paste(ImageChops.invert(colors.getchannel("A")), (0, top))
        return turn_upright(transparency, header.orientation)


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return a picture turned upright.

    Args:
        image: as decoded; a single channel takes a quarter of the memory.
        orientation: EXIF orientation, 1..8.
    """
    if orientation == 1:
        return image
    image.getexif()[_ORIENTATION_TAG] = orientation
    return ImageOps.exif_transpose(image)


def _check_kind(header: PictureHeader) -> None:
    if header.format in NEW_KINDS:
        raise UnsupportedMediaType(describe_formats("mask", MASK_FORMATS))
    if header.animated:
        raise UnsupportedMediaType("the mask is animated; send a single frame")
    if header.format == "jpeg" and header.depth > 8:
        raise UnsupportedMediaType("the mask is a JPEG of more than 8 bits a channel; send 8")


def _load_whole(image: Image.Image, file: BinaryIO, header: PictureHeader) -> None:
    """Decode a mask, and check for missing rows of a PNG, which Pillow ignores.

    Raises:
        MaskUndecodable: rows are missing.
    """
    if header.format != "png" or image.mode not in _UNLIKELY or "interlace" in image.info:
        _check_data(file, header)
        image.load()
        return
    # Rows are stored from top to bottom, and Pillow does not touch missing ones. If the last row
    # has changed, all are there, and the data need not be unpacked a second time.
    width, height = image.size
    image.im = Image.new(image.mode, image.size, _UNLIKELY[image.mode]).im
    image.load()
    untouched = Image.new(image.mode, (width, 1), _UNLIKELY[image.mode])
    if image.crop((0, height - 1, width, height)).tobytes() == untouched.tobytes():
        _check_data(file, header)


def _check_data(file: BinaryIO, header: PictureHeader) -> None:
    if header.format != "png":
        return
    try:
        check_data(file)
    except ImageUndecodable as error:
        raise MaskUndecodable("the mask is broken or cut short") from error


def _open_mask(file: BinaryIO, header: PictureHeader) -> Image.Image:
    image = open_pixels(file, header)
    if image is None:
        raise MaskUndecodable("the mask's data has another size than its header")
    if image.mode not in _MODES:
        raise UnsupportedMediaType(f"masks of mode {image.mode} are not taken; send 8-bit gray")
    return image


def _take_luminance(image: Image.Image, header: PictureHeader) -> tuple[Image.Image, bool]:
    """Return the luminance of a mask, and whether all its pixels are opaque."""
    if image.mode == "I;16":
        # Pillow's conversion to L would cut at 255, and it does not compare 16 bits with the
        # transparent value; that the file has one is enough.
        luminance = Image.frombytes("L", image.size, image.tobytes()[1::2])
        return luminance, header.transparency is None
    if not image.has_transparency_data:
        return (image if image.mode == "L" else image.convert("L")), True
    luminance, is_opaque = Image.new("L", image.size), True
    for top, colors in _iter_bands(image):
        luminance.paste(colors.convert("L"), (0, top))
        is_opaque = is_opaque and colors.getchannel("A").getextrema() == (255, 255)
    return luminance, is_opaque


def _iter_bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield bands of rows as RGBA, each with its first row: a whole copy would take 64 MB."""
    width, height = image.size
    for top in range(0, height, BAND_ROWS):
        band = image.crop((0, top, width, min(height, top + BAND_ROWS)))
        yield top, band.convert("RGBA")


def _check_speaks_by_luminance(luminance: Image.Image) -> None:
    """Check that a mask with transparent pixels is plain black and white.

    Raises:
        InvalidField: it is not, so its transparency may be meant.
    """
    histogram = luminance.histogram()
    if histogram[0] == 0 or histogram[255] == 0 or any(histogram[1:255]):
        raise InvalidField(
            "the mask has transparent pixels, and its luminance is not plain black and white; "
            "masks are read by luminance: send white where to repaint and black where to keep, or "
            "make pixels of the image itself transparent and send mask_source: alpha"
        )
