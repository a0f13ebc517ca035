"""Formats of results: names, limits, and which keep every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from service.contract.params import OutputFormat

EXTENSIONS: Final[Mapping[str, str]] = {"png": "png", "jpeg": "jpg", "webp": "webp", "avif": "avif"}
"""Suffixes of file names by format."""

MEDIA_TYPES: Final[Mapping[str, str]] = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
}
"""Media types of results."""

INPUT_MEDIA_TYPES: Final[Mapping[str, str]] = {
    **MEDIA_TYPES,
    "heic": "image/heic",
    "tiff": "image/tiff",
}
"""Media types of pictures that are taken."""

LONGEST_SIDES: Final[Mapping[OutputFormat, int]] = {
    "png": 1_000_000,
    "jpeg": 65_500,
    "webp": 16_383,
    "avif": 32_768,
}
"""Longest side in pixels that each format can hold and common decoders read."""

STORES_GRAY: Final = frozenset(("png", "jpeg"))
"""Formats in which a gray picture stays gray; in the others its three channels are equal."""

LOSSY_FORMATS: Final[tuple[OutputFormat, ...]] = ("jpeg", "webp", "avif")
"""Formats that have a quality; `webp` may be lossless instead."""

DEFAULT_QUALITY: Final = 95
"""Quality of lossy formats, 1..100, unless the caller sends one."""

MAX_JPEG_EXIF_BYTES: Final = 65_527
"""Bytes that one segment of a JPEG holds beside its length and the word Exif."""


def is_lossless(output_format: OutputFormat, lossless: bool = False) -> bool:
    """Return whether a format keeps every pixel.

    Args:
        output_format: the format.
        lossless: the request for `webp`, which alone has a choice.
    """
    return output_format == "png" or (output_format == "webp" and lossless)
