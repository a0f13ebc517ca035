"""Masks as callers send them: which pixels they mark, told with Pillow alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, ImageOps

from service.contract.errors import (
    ImageUndecodable,
    InvalidField,
    MaskEmpty,
    MaskFull,
    MaskSizeMismatch,
    MaskUndecodable,
)
from service.contract.images import (
    PictureInfo,
    check_kind,
    check_pixels,
    describe_picture,
    open_picture,
)
from service.contract.jobs import JobWarning, MaskAsked
from service.contract.params import MaskPolarity
from service.contract.picture_headers import decoding, read_header

SOURCE_THRESHOLD = 128
"""Luminance from which a pixel of a source mask counts as white."""

INVERTED_COVERAGE = 0.6
"""Above this share of repainted pixels a mask looks inverted."""


@dataclass(frozen=True)
class MaskFindings:
    """What a mask file comes to.

    Attributes:
        info: the file.
        asked: coverage and box of what it marks.
        warnings: what looks odd about it.
    """

    info: PictureInfo
    asked: MaskAsked
    warnings: list[JobWarning]


def inspect_mask(
    file: BinaryIO,
    *,
    size: tuple[int, int],
    max_pixels: int,
    polarity: MaskPolarity,
    threshold: int,
) -> MaskFindings:
    """Decode a mask and measure what it marks.

    Args:
        file: seekable; read from its start.
        size: width and height of the picture, upright.
        max_pixels: limit for the declared size.
        polarity: which end is repainted.
        threshold: luminance from which a pixel counts as white, 1..255.

    Raises:
        UnsupportedMediaType, ImageTooLarge: as for pictures.
        MaskUndecodable: it is broken or cut.
        MaskSizeMismatch: its size, once upright, is not the picture's.
        InvalidField: it seems to speak by transparency.
        MaskEmpty, MaskFull: it marks nothing, or everything.
    """
    try:
        info, luminance = _read_mask(file, size, max_pixels)
    except ImageUndecodable as error:
        raise MaskUndecodable("the mask is broken or cut short") from error
    asked = measure_mask(binarize(luminance, polarity, threshold), polarity, threshold)
    return MaskFindings(info, asked, find_oddities(asked, size))


def inspect_source_mask(file: BinaryIO, size: tuple[int, int], max_pixels: int) -> PictureInfo:
    """Decode a mask of where may be copied from: white, from the middle luminance up.

    Args:
        file: seekable; read from its start.
        size: width and height of the picture, upright.
        max_pixels: limit for the declared size.

    Raises:
        UnsupportedMediaType, ImageTooLarge: as for pictures.
        MaskUndecodable: it is broken or cut.
        MaskSizeMismatch: its size, once upright, is not the picture's.
        MaskEmpty: there is nowhere to copy from.
    """
    try:
        info, luminance = _read_mask(file, size, max_pixels)
    except ImageUndecodable as error:
        raise MaskUndecodable("the source mask is broken or cut short") from error
    if not any(luminance.histogram()[SOURCE_THRESHOLD:]):
        raise MaskEmpty("no pixel of the source mask is white: there is nowhere to copy from")
    return info


def _read_mask(
    file: BinaryIO, size: tuple[int, int], max_pixels: int
) -> tuple[PictureInfo, Image.Image]:
    """Give a mask's file and its luminance, upright; sizes are compared before decoding."""
    header = read_header(file)
    check_kind(header)
    check_pixels(header, max_pixels)
    with decoding(ImageUndecodable("the mask is broken or cut short")):
        image = open_picture(file, header)
        info = describe_picture(image, header)
        if info.upright_size != size:
            shown = "the mask is {}x{}, the picture {}x{}".format(*info.upright_size, *size)
            raise MaskSizeMismatch(shown)
        image.load()
        upright = ImageOps.exif_transpose(image) if info.orientation != 1 else image
        return info, _read_luminance(upright)


def binarize(luminance: Image.Image, polarity: MaskPolarity, threshold: int) -> Image.Image:
    """Turn luminance into a mask of mode L: 255 repaint, 0 keep.

    Args:
        luminance: mode L.
        polarity: which end is repainted.
        threshold: luminance from which a pixel counts as white, 1..255.
    """
    white, black = (255, 0) if polarity == "white_repaints" else (0, 255)
    return luminance.point([black] * threshold + [white] * (256 - threshold))


def measure_mask(mask: Image.Image, polarity: MaskPolarity, threshold: int) -> MaskAsked:
    """Measure a mask of mode L that holds 0 and 255 only.

    Raises:
        MaskEmpty, MaskFull: it marks nothing, or everything.
    """
    painted, box = mask.histogram()[255], mask.getbbox()
    rule = f"{polarity}, white from luminance {threshold}"
    if box is None:
        raise MaskEmpty(f"no pixel of the mask is to be repainted ({rule})")
    if painted == mask.width * mask.height:
        raise MaskFull(f"every pixel of the mask is to be repainted ({rule})")
    return MaskAsked(coverage=painted / (mask.width * mask.height), box=list(box))


def find_oddities(asked: MaskAsked, size: tuple[int, int]) -> list[JobWarning]:
    """Find what is allowed and yet likely a mistake."""
    found = []
    if asked.coverage > INVERTED_COVERAGE:
        detail = f"{asked.coverage:.0%} of the picture is repainted; the mask may be inverted"
        found.append(JobWarning(code="mask_looks_inverted", detail=detail))
    left, top, right, bottom = asked.box
    if left == 0 or top == 0 or right == size[0] or bottom == size[1]:
        detail = "the mask touches the border, where there is no surrounding to continue"
        found.append(JobWarning(code="mask_touches_border", detail=detail))
    return found


def _read_luminance(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image if image.mode == "L" else image.convert("L")
    colors = image.convert("RGBA")
    luminance = colors.convert("L")
    if colors.getchannel("A").getextrema() != (255, 255):
        _check_speaks_by_luminance(luminance)
    return luminance


def _check_speaks_by_luminance(luminance: Image.Image) -> None:
    """Refuse a transparent mask unless luminance is black and white: alpha may be what is meant."""
    histogram = luminance.histogram()
    if histogram[0] == 0 or histogram[255] == 0 or any(histogram[1:255]):
        raise InvalidField(
            "the mask has transparent pixels and its luminance is not plain black and white; "
            "masks are read by luminance: send white where to repaint and black where to keep"
        )
