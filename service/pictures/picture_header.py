"""The header of a picture: size, colors and metadata, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from service.contract.errors import InvalidField

Span = tuple[int, int]
"""Start and end in a file, half-open."""

MAX_PROFILE_BYTES = 1024 * 1024
"""Limit of Pillow: with a larger profile many readers could not open the outputs."""

MAX_EXIF_BYTES = 1024 * 1024

MAX_DENSITY = 2**31 - 1
"""Largest number in a PNG."""


@dataclass(frozen=True)
class Resolution:
    """Pixels per unit of length, as the file has it.

    Attributes:
        x: pixels per unit across, >= 1.
        y: pixels per unit down, >= 1.
        per: the unit; with `none`, x and y only describe the shape of a pixel.
    """

    x: int
    y: int
    per: Literal["meter", "centimeter", "inch", "none"]

    def turned(self) -> Resolution:
        """Return the resolution of the picture turned by 90 degrees."""
        return replace(self, x=self.y, y=self.x)


@dataclass(frozen=True)
class PictureHeader:
    """The header of a file.

    Attributes:
        format: `png`, `jpeg`, `webp`, `avif`, `heic` or `tiff`.
        width: pixels, before EXIF orientation.
        height: pixels, before EXIF orientation.
        mode: Pillow's mode for it.
        depth: bits a channel.
        channels: 4 means CMYK in a JPEG; 0 in other formats.
        animated: whether the file holds more than one frame.
        is_buffered: whether a decoder must hold a whole JPEG, because no single scan has all of it:
            progressive ones, and those whose channels come one after the other.
        is_plain: whether a JPEG ends right behind its first scan.
        orientation: EXIF orientation, 1..8; 1 if the file has none or an invalid one.
        resolution: pixels per unit; `None` if the file has none.
        exif: the EXIF block, beginning with its byte order.
        profile: the ICC profile, unpacked.
        color_space: kind and data of the PNG chunks gAMA, cHRM, sRGB and cICP.
        palette: RGB triples of a palette PNG.
        transparency: a PNG's tRNS chunk.
        pixels: the parts of the file that a decoder needs, in order.
        prefix: what a decoder is shown before them, where the file holds a picture in parts.
    """

    format: str
    width: int
    height: int
    mode: str = "RGB"
    depth: int = 8
    channels: int = 0
    animated: bool = False
    is_buffered: bool = False
    is_plain: bool = False
    orientation: int = 1
    resolution: Resolution | None = None
    exif: bytes | None = None
    profile: bytes | None = None
    color_space: tuple[tuple[bytes, bytes], ...] = ()
    palette: bytes | None = None
    transparency: bytes | None = None
    pixels: tuple[Span, ...] = ()
    prefix: bytes = b""


def profile_too_large() -> InvalidField:
    """Build the error of a color profile above the limit."""
    limit = f"the color profile is larger than {MAX_PROFILE_BYTES} bytes"
    return InvalidField(f"{limit}; send a smaller one, or none")


def exif_too_large() -> InvalidField:
    """Build the error of EXIF above the limit."""
    return InvalidField(f"the EXIF is larger than {MAX_EXIF_BYTES} bytes; send less, or none")


def make_resolution(
    x: int, y: int, per: Literal["meter", "centimeter", "inch", "none"]
) -> Resolution | None:
    """Build a resolution; `None` for one without meaning: zero, or square pixels without a unit."""
    if min(x, y) < 1 or max(x, y) > MAX_DENSITY or (per == "none" and x == y):
        return None
    return Resolution(x, y, per)


def join_spans(spans: list[Span]) -> tuple[Span, ...]:
    """Return the same spans with neighbors joined."""
    joined: list[Span] = []
    for start, stop in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return tuple(joined)
