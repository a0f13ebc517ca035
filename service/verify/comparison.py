"""Compares the kept pixels of an original with those of a result, with Pillow alone.

Reading masks, headers and originals is shared with the service. Decoding the result and comparing
are not: this checks from outside what a worker proves of its own work. The script in
`docs/proof.md` shares nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from io import BytesIO
from typing import Final

from PIL import Image, ImageChops, ImageMath

from service.contract.errors import InvalidField, MaskSizeMismatch
from service.contract.params import MaskPolarity
from service.pictures.color_carrying import carry_colors
from service.pictures.deep import Planes, round_to_8_bits
from service.pictures.mask_decoding import read_mask
from service.pictures.masks import DEFAULT_THRESHOLD, binarize
from service.verify.reading import ReadPicture, read_original, read_result

_ANY_SIZE: Final = 2**31

BoxTuple = tuple[int, int, int, int]
"""Left, top, right, bottom; half-open pixels."""


@dataclass(frozen=True)
class Comparison:
    """The result of comparing kept pixels.

    Attributes:
        kept_pixels: number of pixels that had to be kept.
        kept_pixels_changed: number of those that differ in any channel, color or alpha.
        max_difference: largest difference among them, 0..255; of 16 bits 0..65535.
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
    before = read_original(original)
    _, luminance = read_mask(BytesIO(mask), _ANY_SIZE)
    if luminance.size != before.pixels.size:
        raise MaskSizeMismatch(_sizes("the mask", luminance, before))
    after = read_result(result)
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
    before, after = read_original(original), read_result(result)
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
    before: ReadPicture, after: ReadPicture, kept: Image.Image, corner: tuple[int, int]
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
    before, further = _bring_together(before, after)
    place = (left, top, left + kept.width, top + kept.height)
    pairs = [
        (one, other.crop(place)) for one, other in zip(before.planes(), after.planes(), strict=True)
    ]
    channels = [each for pair in pairs for each in ImageChops.difference(*pair).split()]
    differs = ImageChops.multiply(reduce(ImageChops.lighter, channels), kept)
    box = differs.getbbox()
    touched = Image.new("L", after.pixels.size, 255)
    touched.paste(ImageChops.invert(kept), corner)
    return Comparison(
        kept_pixels=kept_pixels,
        kept_pixels_changed=sum(differs.histogram()[1:]),
        max_difference=0 if box is None else _find_largest(pairs, kept, box),
        changed_box=None
        if box is None
        else (box[0] + left, box[1] + top, box[2] + left, box[3] + top),
        width=after.pixels.width,
        height=after.pixels.height,
        touched_box=touched.getbbox(),
        notes=(*further, *_find_notes(before, after)),
    )


def _bring_together(before: ReadPicture, after: ReadPicture) -> tuple[ReadPicture, list[str]]:
    """Return the original in the result's bits a channel, and a note if they were more.

    Raises:
        InvalidField: they are fewer.
    """
    if (before.low is None) == (after.low is None):
        return before, []
    if before.low is None:
        raise InvalidField("the result has 16 bits a channel, the original 8")
    rounded = round_to_8_bits(Planes(before.pixels, before.low))
    note = "the original has 16 bits a channel, the result 8: compared in 8"
    return before._replace(pixels=rounded, low=None), [note]


def _find_largest(
    pairs: list[tuple[Image.Image, Image.Image]], kept: Image.Image, box: BoxTuple
) -> int:
    """Return the largest difference of a channel, where `kept` is 255 in the box."""
    weight = kept.crop(box).convert("I")
    before, after = zip(*pairs, strict=True)
    return max(
        _measure(_join_bytes(before, channel, box), _join_bytes(after, channel, box), weight)
        for channel in range(4)
    )


def _join_bytes(planes: tuple[Image.Image, ...], channel: int, box: BoxTuple) -> Image.Image:
    """Return the numbers of a channel in a box: mode I."""
    numbers, *others = (plane.crop(box).getchannel(channel).convert("I") for plane in planes)
    for low in others:
        numbers = ImageMath.lambda_eval(
            lambda given: given["high"] * 256 + given["low"], high=numbers, low=low
        )
    return numbers


def _measure(one: Image.Image, other: Image.Image, weight: Image.Image) -> int:
    """Return the largest difference where the weight is 255, and not 0."""
    difference = ImageMath.lambda_eval(
        lambda given: abs(given["one"] - given["other"]) * given["weight"] / 255,
        one=one,
        other=other,
        weight=weight,
    )
    return int(difference.getextrema()[1])


def _find_notes(before: ReadPicture, after: ReadPicture) -> list[str]:
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


def _sizes(name: str, image: Image.Image, original: ReadPicture) -> str:
    one, other = ("{}x{}".format(*size) for size in (image.size, original.pixels.size))
    return f"{name} is {one}, the original {other}; only equal sizes can be compared"
