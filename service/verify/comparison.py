"""Compares the kept pixels of an original with those of a result, with Pillow alone.

Reading masks, headers and originals is shared with the service. Decoding the result and comparing
are not: this checks from outside what a worker proves of its own work. The script in
`docs/proof.md` shares nothing at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import reduce
from io import BytesIO
from typing import Final, NamedTuple, cast

from PIL import Image, ImageChops, ImageOps

from service.contract.errors import (
    ImageUndecodable,
    InvalidField,
    MaskSizeMismatch,
    UnsupportedMediaType,
)
from service.contract.params import MaskPolarity, OutputFormat
from service.pictures.checks import check_kind, open_picture
from service.pictures.color_carrying import ColorSpace, carry_colors
from service.pictures.headers import decoding, read_header
from service.pictures.mask_decoding import read_mask, turn_upright
from service.pictures.masks import DEFAULT_THRESHOLD, binarize

_ANY_SIZE: Final = 2**31

_FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF")
"""Formats of results. Pillow reads more, of some only a part or numbers cut to 8 bits."""

_GRAY_MODES: Final = frozenset(("1", "L", "LA"))

_AVIF_DEEP: Final = re.compile(rb"av1C\x81.[\x40-\x7f\xc0-\xff]", re.DOTALL)
"""A decoder's configuration of 10 or 12 bits. Source: AV1 Codec ISO Media File Format, 2.3.3."""

BoxTuple = tuple[int, int, int, int]
"""Left, top, right, bottom; half-open pixels."""


@dataclass(frozen=True)
class Comparison:
    """The result of comparing kept pixels.

    Attributes:
        kept_pixels: number of pixels that had to be kept.
        kept_pixels_changed: number of those that differ in any channel, color or alpha.
        max_difference: largest difference among them, 0..255.
        changed_box: left, top, right, bottom around those that differ, in the result's pixels;
            `None` if none differs.
        width: of the result, upright.
        height: of the result, upright.
        touched_box: box around all other pixels, likewise; `None` if there are none.
        band_pixels: number of the original's pixels that blending was allowed to change.
        notes: differences of profiles and color spaces, by which equal numbers mean other colors.
    """

    kept_pixels: int
    kept_pixels_changed: int
    max_difference: int
    changed_box: BoxTuple | None
    width: int
    height: int
    touched_box: BoxTuple | None
    band_pixels: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Placement:
    """Where the original lies on an outpainted result.

    Attributes:
        left: pixels before its left edge.
        top: pixels above its top edge.
        overlap: width in pixels of the band inside each extended side that blending may touch.
    """

    left: int = 0
    top: int = 0
    overlap: int = 0


class _Picture(NamedTuple):
    """A decoded picture: RGBA, upright, and what its file says of the numbers."""

    pixels: Image.Image
    profile: bytes | None
    color_space: ColorSpace
    is_gray: bool = False
    format: OutputFormat = "png"


def compare_inpainted(
    original: bytes,
    result: bytes,
    mask: bytes,
    polarity: MaskPolarity = "white_repaints",
    threshold: int = DEFAULT_THRESHOLD,
) -> Comparison:
    """Compare everything outside a mask.

    Args:
        original: the picture's file.
        result: the output's file.
        mask: the mask's file; if the job grew it, the effective one.
        polarity: which end was repainted.
        threshold: luminance from which a pixel counts as white, 1..255.

    Raises:
        InvalidInput, UnsupportedMediaType: the files cannot be read, or differ in size.
    """
    before = _read_original(original)
    _, luminance = read_mask(BytesIO(mask), _ANY_SIZE)
    if luminance.size != before.pixels.size:
        raise MaskSizeMismatch(_sizes("the mask", luminance, before))
    after = _read_result(result)
    if after.pixels.size != before.pixels.size:
        raise InvalidField(_sizes("the result", after.pixels, before))
    kept = ImageChops.invert(binarize(luminance, polarity, threshold))
    return _compare(before, after, kept, (0, 0))


def compare_outpainted(original: bytes, result: bytes, placement: Placement) -> Comparison:
    """Compare the original with its place on the result, without the band of overlap.

    Raises:
        InvalidInput, UnsupportedMediaType: the files cannot be read, the original is not inside
            the result, or the band leaves nothing of it.
    """
    before, after = _read_original(original), _read_result(result)
    width, height = before.pixels.size
    left, top = placement.left, placement.top
    right, bottom = after.pixels.width - left - width, after.pixels.height - top - height
    if min(left, top, right, bottom) < 0:
        raise InvalidField(_sizes("the result", after.pixels, before) + f" at {left},{top}")
    band = [placement.overlap if margin else 0 for margin in (left, top, right, bottom)]
    inner = (band[0], band[1], width - band[2], height - band[3])
    kept = Image.new("L", (width, height), 0)
    if inner[0] < inner[2] and inner[1] < inner[3]:
        kept.paste(255, inner)
    found = _compare(before, after, kept, (left, top))
    return replace(found, band_pixels=width * height - found.kept_pixels)


def _compare(
    before: _Picture, after: _Picture, kept: Image.Image, corner: tuple[int, int]
) -> Comparison:
    """Compare the original with its place on the result, where `kept` is 255.

    Args:
        before: the original.
        after: the result.
        kept: mode L, of the original's size; 255 where it had to be kept.
        corner: left and top of the original on the result.

    Raises:
        InvalidField: no pixel had to be kept.
    """
    kept_pixels = kept.histogram()[255]
    if not kept_pixels:
        raise InvalidField("nothing was kept, so there is no pixel to compare")
    left, top = corner
    part = after.pixels.crop((left, top, left + kept.width, top + kept.height))
    channels = ImageChops.difference(before.pixels, part).split()
    largest = ImageChops.multiply(reduce(ImageChops.lighter, channels), kept)
    histogram = largest.histogram()
    box = largest.getbbox()
    touched = Image.new("L", after.pixels.size, 255)
    touched.paste(ImageChops.invert(kept), corner)
    return Comparison(
        kept_pixels=kept_pixels,
        kept_pixels_changed=sum(histogram[1:]),
        max_difference=max(level for level, count in enumerate(histogram) if count),
        changed_box=None
        if box is None
        else (box[0] + left, box[1] + top, box[2] + left, box[3] + top),
        width=after.pixels.width,
        height=after.pixels.height,
        touched_box=touched.getbbox(),
        notes=tuple(_find_notes(before, after)),
    )


def _find_notes(before: _Picture, after: _Picture) -> list[str]:
    """Describe where profiles or color spaces of the files differ in what they say."""
    carried = carry_colors(
        before.profile, before.color_space, is_gray=before.is_gray, output_format=after.format
    )
    said = after.profile, set(after.color_space)
    if carried.lost is None and said == (carried.profile, set(carried.color_space)):
        return []
    notes = []
    if after.profile is None and before.profile is not None:
        notes.append("the result lacks the original's color profile")
    elif after.profile != before.profile:
        notes.append("the result has another color profile than the original")
    ours, theirs = dict(before.color_space), dict(after.color_space)
    kinds = sorted(kind for kind in ours.keys() | theirs if ours.get(kind) != theirs.get(kind))
    if kinds:
        names = ", ".join(kind.decode() for kind in kinds)
        notes.append(f"the result and the original define their colors differently: {names}")
    return notes


def _read_original(data: bytes) -> _Picture:
    """Decode an original to RGBA, upright; the service's own rules apply."""
    header = read_header(BytesIO(data), "original")
    check_kind(header)
    with decoding(ImageUndecodable("the original is broken or cut short")):
        image = open_picture(BytesIO(data), header)
        image.load()
        pixels = turn_upright(image, header.orientation).convert("RGBA")
    is_gray = header.mode in _GRAY_MODES
    return _Picture(pixels, header.profile, header.color_space, is_gray)


def _read_result(data: bytes) -> _Picture:
    """Decode a result to RGBA, upright, by Pillow alone.

    Raises:
        ImageUndecodable: it is broken, or of a format that results do not have.
        UnsupportedMediaType: Pillow would decode other numbers than the file has, or a part of it.
    """
    with decoding(ImageUndecodable(f"the result is broken, or not one of {', '.join(_FORMATS)}")):
        image = Image.open(BytesIO(data), formats=_FORMATS)
        if getattr(image, "n_frames", 1) > 1:
            raise UnsupportedMediaType("the result has several frames")
        image.load()
        _drop_orientation_of_xmp(image)
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode == "CMYK":
            raise UnsupportedMediaType("the result is CMYK")
        pixels = image.convert("RGBA")
        if image.format == "AVIF":
            _check_depth(is_deep=_AVIF_DEEP.search(data) is not None)
            return _Picture(pixels, image.info.get("icc_profile"), (), format="avif")
        header = read_header(BytesIO(data), "result")
        _check_depth(is_deep=header.depth > 8)
        output_format = cast("OutputFormat", header.format)
        return _Picture(pixels, header.profile, header.color_space, format=output_format)


def _check_depth(*, is_deep: bool) -> None:
    if is_deep:
        raise UnsupportedMediaType("the result has more than 8 bits a channel")


def _drop_orientation_of_xmp(image: Image.Image) -> None:
    """Drop XMP, so that Pillow takes the orientation from EXIF alone."""
    for name in ("xmp", "XML:com.adobe.xmp"):
        image.info.pop(name, None)


def _sizes(name: str, image: Image.Image, original: _Picture) -> str:
    one, other = ("{}x{}".format(*size) for size in (image.size, original.pixels.size))
    return f"{name} is {one}, the original {other}; only equal sizes can be compared"
