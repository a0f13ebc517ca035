"""Masks as callers ask for them: the pixels that they mark, measured with Pillow alone.

Each source has a luminance in which marked pixels are white: a mask picture its own, the image's
transparency 255 minus alpha, regions 255 inside. Polarity and threshold apply to that luminance.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal

from PIL import Image

from service.contract.errors import MaskEmpty, MaskFull
from service.contract.jobs import JobWarning, MaskAsked
from service.contract.params import MaskPolarity
from service.contract.regions import Region
from service.pictures.checks import PictureInfo
from service.pictures.mask_decoding import Hold, hold_nothing, read_mask, read_transparency
from service.pictures.region_drawing import check_regions, draw_regions, find_clipped

MaskOrigin = Literal["mask", "alpha", "regions"]

DEFAULT_THRESHOLD = 128
"""Default luminance from which a mask pixel counts as white."""

SOURCE_THRESHOLD = 128
"""Luminance from which a pixel of a source mask counts as white."""

INVERTED_COVERAGE = 0.6
"""Share of repainted pixels above which a mask may be inverted by mistake."""

_FAST_COMPRESSION = 1

_MAX_NAMED = 5
"""Regions that one warning names."""


@dataclass(frozen=True)
class MaskFindings:
    """An inspected mask.

    Attributes:
        info: its file.
        asked: coverage and box of the pixels that it marks, and its source.
        warnings: likely mistakes.
        drawn: its file, a PNG, if it was not sent as a picture.
    """

    info: PictureInfo
    asked: MaskAsked
    warnings: list[JobWarning]
    drawn: bytes | None = None


def inspect_mask(
    file: BinaryIO,
    *,
    size: tuple[int, int],
    max_pixels: int,
    polarity: MaskPolarity,
    threshold: int,
    hold: Hold = hold_nothing,
) -> MaskFindings:
    """Decode a mask and measure what it marks.

    Args:
        file: seekable; read from its start.
        size: width and height of the picture, upright.
        max_pixels: limit for the declared size.
        polarity: which end is repainted.
        threshold: luminance from which a pixel counts as white, 1..255.
        hold: entered while the mask is decoded.

    Raises:
        UnsupportedMediaType, ImageTooLarge, MaskUndecodable, MaskSizeMismatch, InvalidField: see
            `read_mask`.
        MaskEmpty, MaskFull: it marks nothing, or everything.
    """
    info, luminance = read_mask(file, max_pixels, size, hold)
    asked = measure_mask(luminance, polarity, threshold)
    warnings = find_oddities(asked, size)
    if info.has_transparency:
        warnings.append(_warn_of_transparency(polarity))
    return MaskFindings(info, asked, warnings)


def inspect_transparency(
    file: BinaryIO,
    *,
    polarity: MaskPolarity,
    threshold: int,
    max_pixels: int | None = None,
    hold: Hold = hold_nothing,
) -> MaskFindings:
    """Build a mask from a picture's own transparency and measure what it marks.

    Args:
        file: the picture, seekable, checked by `check_picture`; read from its start.
        polarity: which end is repainted; transparent pixels are white.
        threshold: 255 minus alpha from which a pixel counts as white, 1..255.
        max_pixels: limit for width times height, which bounds the memory too; `None` for none.
        hold: entered while the picture is decoded.

    Raises:
        InvalidField: the picture has no transparency.
        ImageUndecodable: only the full decode showed that it is broken.
        MaskEmpty, MaskFull: it marks nothing, or everything.
    """
    luminance = read_transparency(file, max_pixels, hold)
    asked = measure_mask(luminance, polarity, threshold, "alpha")
    return _draw(luminance, asked)


def inspect_regions(
    regions: Sequence[Region], *, size: tuple[int, int], polarity: MaskPolarity
) -> MaskFindings:
    """Build a mask from regions and measure what it marks.

    Args:
        regions: at least one.
        size: width and height of the picture, upright.
        polarity: which end is repainted; pixels in a region are white.

    Raises:
        InvalidField: a region does not fit the picture; `faults` names all that do not.
        MaskEmpty, MaskFull: they mark nothing, or everything.
    """
    drawn = draw_regions(regions, size)
    asked = measure_mask(drawn, polarity, DEFAULT_THRESHOLD, "regions")
    findings = _draw(drawn.convert("1", dither=Image.Dither.NONE), asked)
    if clipped := find_clipped(regions, size):
        findings.warnings.append(_warn_of_clipping(clipped))
    return findings


def inspect_wanted(regions: Sequence[Region], size: tuple[int, int]) -> list[JobWarning]:
    """Check regions of which some are to be found, and return warnings.

    Args:
        regions: at least one.
        size: width and height of the picture, upright.

    Raises:
        InvalidField: a region does not fit the picture; `faults` names all that do not.
    """
    check_regions(regions, size)
    clipped = find_clipped(regions, size)
    return [_warn_of_clipping(clipped)] if clipped else []


def _warn_of_clipping(clipped: Sequence[int]) -> JobWarning:
    """Build the warning of regions that reach beyond the picture."""
    names = [f"/regions/{index}" for index in clipped[:_MAX_NAMED]]
    rest = f" and {len(clipped) - _MAX_NAMED} more" if len(clipped) > _MAX_NAMED else ""
    detail = f"parts outside the picture were cut from {', '.join(names)}{rest}"
    return JobWarning(code="region_clipped", detail=detail)


def _draw(image: Image.Image, asked: MaskAsked) -> MaskFindings:
    """Encode a mask as a caller could have sent it, so that workers read one kind of mask."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=_FAST_COMPRESSION)
    info = PictureInfo("png", image.mode, *image.size, orientation=1)
    return MaskFindings(info, asked, find_oddities(asked, image.size), buffer.getvalue())


def inspect_source_mask(
    file: BinaryIO, size: tuple[int, int], max_pixels: int, hold: Hold = hold_nothing
) -> tuple[PictureInfo, list[JobWarning]]:
    """Decode a source mask, which is white where pixels may be copied from.

    Args:
        file: seekable; read from its start.
        size: width and height of the picture, upright.
        max_pixels: limit for the declared size.
        hold: entered while the mask is decoded.

    Returns:
        Its file, and warnings.

    Raises:
        UnsupportedMediaType, ImageTooLarge, MaskUndecodable, MaskSizeMismatch, InvalidField: see
            `read_mask`.
        MaskEmpty: none of its pixels is white.
    """
    info, luminance = read_mask(file, max_pixels, size, hold)
    if not any(luminance.histogram()[SOURCE_THRESHOLD:]):
        raise MaskEmpty("no pixel of the source mask is white, so nothing could be copied")
    if not info.has_transparency:
        return info, []
    detail = (
        "the source mask has transparent pixels; it was read by its luminance alone, in which "
        "white pixels may be copied from"
    )
    return info, [JobWarning(code="mask_has_transparency", detail=detail)]


def binarize(luminance: Image.Image, polarity: MaskPolarity, threshold: int) -> Image.Image:
    """Turn luminance into a mask of mode L: 255 repaint, 0 keep.

    Args:
        luminance: mode L.
        polarity: which end is repainted.
        threshold: luminance from which a pixel counts as white, 1..255.
    """
    white, black = (255, 0) if polarity == "white_repaints" else (0, 255)
    return luminance.point([black] * threshold + [white] * (256 - threshold))


def measure_mask(
    luminance: Image.Image, polarity: MaskPolarity, threshold: int, source: MaskOrigin = "mask"
) -> MaskAsked:
    """Measure what a mask marks.

    Args:
        luminance: mode L, upright.
        polarity: which end is repainted.
        threshold: luminance from which a pixel counts as white, 1..255.
        source: where it came from.

    Raises:
        MaskEmpty, MaskFull: it marks nothing, or everything.
    """
    shades, total = luminance.histogram(), luminance.width * luminance.height
    white = sum(shades[threshold:])
    painted = white if polarity == "white_repaints" else total - white
    rule = f"{polarity}, {_WHITE[source].format(threshold)}"
    if painted == 0:
        raise MaskEmpty(f"no pixel of the mask is to be repainted ({rule})")
    if painted == total:
        raise MaskFull(f"every pixel of the mask is to be repainted ({rule})")
    # In most masks what is not white is black, and Pillow looks for what is not black: no copy.
    is_plain = polarity == "white_repaints" and not any(shades[1:threshold])
    marked = luminance if is_plain else binarize(luminance, polarity, threshold)
    return MaskAsked(coverage=painted / total, box=list(marked.getbbox() or ()), source=source)


_WHITE: Mapping[MaskOrigin, str] = {
    "mask": "white from luminance {}",
    "alpha": "white where 255 minus alpha is at least {}",
    "regions": "white in the regions",
}


def _warn_of_transparency(polarity: MaskPolarity) -> JobWarning:
    """Build the warning of how a mask with transparent pixels was read."""
    if polarity == "white_repaints":
        reading, other = "black is kept", "black_repaints"
    else:
        reading, other = "black is repainted", "white_repaints"
    detail = (
        "the mask has transparent pixels; it was read by its luminance alone, in which transparent "
        f"black is black, and {reading}. If you meant the opposite, send mask_polarity: {other}"
    )
    return JobWarning(code="mask_has_transparency", detail=detail)


def find_oddities(asked: MaskAsked, size: tuple[int, int]) -> list[JobWarning]:
    """Return warnings of what is allowed but likely a mistake."""
    found = []
    if asked.coverage > INVERTED_COVERAGE:
        detail = f"{asked.coverage:.0%} of the picture is repainted; the mask may be inverted"
        found.append(JobWarning(code="mask_looks_inverted", detail=detail))
    left, top, right, bottom = asked.box
    if left == 0 or top == 0 or right == size[0] or bottom == size[1]:
        detail = "the mask touches the border, beyond which there are no pixels to continue from"
        found.append(JobWarning(code="mask_touches_border", detail=detail))
    return found
