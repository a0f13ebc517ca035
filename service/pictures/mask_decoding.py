"""How a mask's file is read: any picture, by its luminance, the same way by the API and by workers.

| file | luminance |
|---|---|
| gray, 1, 2, 4 or 8 bits | as it is |
| gray, 16 bits | the high byte |
| RGB, palette | Pillow's `L`: (299 R + 587 G + 114 B) / 1000, ITU-R BT.601 |
| RGB, 16 bits | of the high bytes |
| CMYK | of the RGB that Pillow converts it to |
| any of these with transparency | of the colors as they are, not laid on anything |

Where a pixel is transparent, a luminance that is not plain black and white is refused: a mask that
speaks by transparency alone is never taken for a black one. Else transparency is ignored, and told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from PIL import Image, ImageChops, ImageOps

from service.contract.errors import (
    ImageUndecodable,
    InvalidField,
    MaskSizeMismatch,
    MaskUndecodable,
    UnsupportedMediaType,
)
from service.pictures.checks import PictureInfo, check_pixels, open_picture
from service.pictures.headers import PictureHeader, decoding, read_header
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
"""What hardly any last row of a mask is full of; where one is, the data is unpacked twice."""


@dataclass(frozen=True)
class MaskInfo(PictureInfo):
    """A mask's file.

    Attributes:
        has_transparency: whether some of its pixels are not opaque, which its luminance ignores.
    """

    has_transparency: bool = False


def read_mask(
    file: BinaryIO, max_pixels: int, size: tuple[int, int] | None = None
) -> tuple[MaskInfo, Image.Image]:
    """Give a mask's file and its luminance: mode L, upright.

    Args:
        file: seekable; read from its start.
        max_pixels: limit for the declared size.
        size: width and height that it must have, upright; compared before anything is decoded.

    Raises:
        UnsupportedMediaType: it is no PNG, JPEG or WebP, is animated, or a JPEG of 12 bits.
        ImageTooLarge: the header declares too many pixels.
        MaskSizeMismatch: it has another size.
        MaskUndecodable: it is broken or cut.
        InvalidField: it seems to speak by transparency.
    """
    broken = MaskUndecodable("the mask is broken or cut short")
    try:
        header = read_header(file, "mask")
    except ImageUndecodable as error:
        raise broken from error
    _check_kind(header)
    check_pixels(header, max_pixels, "mask")
    with decoding(broken):
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


def read_transparency(file: BinaryIO) -> Image.Image:
    """Give how transparent each pixel of a picture is: mode L, 255 less the alpha, upright.

    All pixels are decoded, up to 80 MB for 16 megapixels: call it as rarely as masks are decoded.

    Args:
        file: seekable, and passed by `check_picture`; read from its start.

    Raises:
        InvalidField: the picture has no transparency.
        ImageUndecodable: only the full decode showed that it is broken.
    """
    header = read_header(file)
    with decoding(ImageUndecodable("the picture is broken or cut short")):
        image = open_picture(file, header)
        if not image.has_transparency_data:
            raise InvalidField("the picture has no transparency that could be its mask")
        image.load()
        has_channel = image.mode in ("LA", "RGBA")
        alpha = (image if has_channel else image.convert("RGBA")).getchannel("A")
        return turn_upright(ImageChops.invert(alpha), header.orientation)


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Give a picture turned upright.

    Args:
        image: as decoded; one channel takes a quarter of the memory.
        orientation: EXIF's, 1..8.
    """
    if orientation == 1:
        return image
    image.getexif()[_ORIENTATION_TAG] = orientation
    return ImageOps.exif_transpose(image)


def _check_kind(header: PictureHeader) -> None:
    if header.animated:
        raise UnsupportedMediaType("the mask is animated; send one frame")
    if header.format == "jpeg" and header.depth > 8:
        raise UnsupportedMediaType("the mask is a JPEG of more than 8 bits a channel; send 8")


def _load_whole(image: Image.Image, file: BinaryIO, header: PictureHeader) -> None:
    """Decode a mask, and find what Pillow passes over in silence: rows that a PNG lacks.

    Raises:
        MaskUndecodable: rows are missing.
    """
    if header.format != "png" or image.mode not in _UNLIKELY or "interlace" in image.info:
        _check_data(file, header)
        image.load()
        return
    # Rows come from top to bottom, and Pillow leaves those that are missing as they were. If the
    # last one has changed all are there, and the data need not be unpacked a second time.
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
        raise MaskUndecodable("the mask contradicts its own header")
    if image.mode not in _MODES:
        raise UnsupportedMediaType(f"masks of mode {image.mode} are not taken; send 8-bit gray")
    return image


def _take_luminance(image: Image.Image, header: PictureHeader) -> tuple[Image.Image, bool]:
    """Give the luminance of a mask, and whether all its pixels are opaque."""
    if image.mode == "I;16":
        # Pillow's own way to L would cut at 255. Nor does it look for a transparent value among 16
        # bits; that one is declared is enough.
        luminance = Image.frombytes("L", image.size, image.tobytes()[1::2])
        return luminance, header.transparency is None
    if not image.has_transparency_data:
        return (image if image.mode == "L" else image.convert("L")), True
    colors = image.convert("RGBA")
    return colors.convert("L"), colors.getchannel("A").getextrema() == (255, 255)


def _check_speaks_by_luminance(luminance: Image.Image) -> None:
    """Check that a transparent mask is plain black and white: else alpha may be meant.

    Raises:
        InvalidField: it is not.
    """
    histogram = luminance.histogram()
    if histogram[0] == 0 or histogram[255] == 0 or any(histogram[1:255]):
        raise InvalidField(
            "the mask has transparent pixels and its luminance is not plain black and white; "
            "masks are read by luminance: send white where to repaint and black where to keep, or "
            "make those pixels of the picture itself transparent and send mask_source: alpha"
        )
