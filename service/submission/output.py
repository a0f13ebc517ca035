"""Checks the format of a result: which ones this deployment writes, and what each can hold."""

from __future__ import annotations

from typing import Any

from PIL import features

from service.contract.errors import Fault, ImageTooLarge, InvalidField
from service.contract.formats import (
    DEFAULT_QUALITY,
    LONGEST_SIDES,
    LOSSY_FORMATS,
    MAX_JPEG_EXIF_BYTES,
    is_lossless,
)
from service.contract.jobs import JobWarning
from service.contract.params import AnyPaintParams, OutputFormat
from service.contract.resizing import find_resized
from service.pictures.exif_stripping import strip_exif

MAX_PAINTED_PIXELS = 64_000_000
"""Limit for the pixels of all results together, and for those of all copies."""


def list_output_formats() -> tuple[OutputFormat, ...]:
    """Return the formats that results can have here: not every Pillow is built with AVIF."""
    return ("png", "jpeg", "webp", "avif") if features.check("avif") else ("png", "jpeg", "webp")


def find_format_faults(params: AnyPaintParams) -> list[Fault]:
    """Check the parameters of the output format, and return the faults."""
    faults = []
    output_format, formats = params.output_format or "png", list_output_formats()
    if output_format not in formats:
        message = f"this deployment cannot write {output_format}"
        faults.append(Fault("/output_format", "invalid_field", message, formats))
    if params.output_lossless is not None and output_format != "webp":
        always = "always" if output_format == "png" else "never"
        message = f"{output_format} is {always} lossless; only webp takes output_lossless"
        faults.append(Fault("/output_lossless", "conflicting_fields", message))
    if params.output_quality is not None:
        if output_format not in LOSSY_FORMATS:
            message = f"{output_format} is lossless; only jpeg, webp and avif take output_quality"
            faults.append(Fault("/output_quality", "conflicting_fields", message))
        elif output_format == "webp" and params.output_lossless:
            message = "output_quality and output_lossless exclude each other"
            faults.append(Fault("/output_quality", "conflicting_fields", message))
    return faults


def check_format_holds(canvas: tuple[int, int], output_format: OutputFormat) -> None:
    """Check that a format can hold a result of this size.

    Raises:
        InvalidField: it cannot.
    """
    limit = LONGEST_SIDES[output_format]
    if max(canvas) > limit:
        raise InvalidField(
            f"{output_format} can have at most {limit} pixels a side; choose another format"
        )


def check_resized(
    params: AnyPaintParams, canvas: tuple[int, int], max_pixels: int
) -> list[JobWarning]:
    """Check the size of the resized copy, and return the warning that there will be one.

    Args:
        params: as sent.
        canvas: width and height of the result.
        max_pixels: limit for one copy, as for a canvas.

    Raises:
        ImageTooLarge: the copies have too many pixels.
        InvalidField: the format cannot hold them.
    """
    size = find_resized(params, canvas)
    if size is None:
        return []
    pixels = size[0] * size[1]
    if pixels > max_pixels or pixels * (params.num_images or 1) > MAX_PAINTED_PIXELS:
        raise ImageTooLarge(
            f"the resized copy would have more than {max_pixels} pixels, or all copies together "
            f"more than {MAX_PAINTED_PIXELS}; ask for a smaller size"
        )
    check_format_holds(size, params.output_format or "png")
    detail = (
        f"each result has {canvas[0]} x {canvas[1]} pixels and keeps what was to be kept; its copy "
        f"at resized.url of its output has {size[0]} x {size[1]}"
    )
    return [JobWarning(code="resized", detail=detail)]


def find_resized_pointer(params: AnyPaintParams) -> str:
    """Return the pointer of the field that asks for a resized copy."""
    return "/output_width" if params.output_width is not None else "/output_height"


def check_format_holds_exif(exif: bytes | None, params: AnyPaintParams) -> None:
    """Check that a format can hold the stripped EXIF of a picture, if it is to be kept.

    Args:
        exif: as sent.
        params: as sent.

    Raises:
        InvalidField: it cannot.
    """
    if exif is None or not params.keep_metadata or params.output_format != "jpeg":
        return
    if len(strip_exif(exif) or b"") > MAX_JPEG_EXIF_BYTES:
        limit = f"jpeg can have at most {MAX_JPEG_EXIF_BYTES} bytes of EXIF"
        raise InvalidField(f"{limit}, and the picture has more; choose another format")


def format_defaults(params: AnyPaintParams) -> dict[str, Any]:
    """Return the defaults of the output format."""
    values: dict[str, Any] = {}
    if not is_lossless(params.output_format or "png", params.output_lossless or False):
        values["output_quality"] = DEFAULT_QUALITY
    if params.output_format == "webp":
        values["output_lossless"] = False
    return values
