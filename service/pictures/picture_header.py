"""What a picture's file declares about itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Span = tuple[int, int]
"""Start and stop in a file, half-open."""

MAX_PROFILE_BYTES = 1024 * 1024
"""What Pillow unpacks at most: a larger profile would make outputs that many cannot open."""

MAX_EXIF_BYTES = 1024 * 1024

MAX_DENSITY = 2**31 - 1
"""Largest number that a PNG may hold."""


@dataclass(frozen=True)
class Resolution:
    """Pixels per unit of length, as the file says it.

    Attributes:
        x: pixels per unit across, >= 1.
        y: pixels per unit down, >= 1.
        per: the unit; with `none` only the shape of a pixel is known.
    """

    x: int
    y: int
    per: Literal["meter", "centimeter", "inch", "none"]

    def turned(self) -> Resolution:
        """Give the resolution of the picture turned by 90 degrees."""
        return replace(self, x=self.y, y=self.x)


@dataclass(frozen=True)
class PictureHeader:
    """What a file declares.

    Attributes:
        format: `png`, `jpeg` or `webp`.
        width: pixels, before EXIF orientation.
        height: pixels, before EXIF orientation.
        mode: Pillow's mode for it.
        depth: bits a channel.
        channels: 4 in a JPEG means CMYK; 0 where it does not matter.
        animated: whether the file holds more than one frame.
        progressive: whether a JPEG comes in several passes.
        orientation: EXIF orientation, 1..8; what EXIF does not allow counts as 1.
        resolution: pixels per unit; `None` if the file does not tell.
        exif: the EXIF block, beginning with its byte order.
        profile: the ICC profile, unpacked.
        color_space: what a PNG says of its colors beside a profile: kind and data of its chunks
            gAMA, cHRM, sRGB and cICP.
        palette: RGB triples of a palette PNG.
        transparency: a PNG's tRNS chunk.
        pixels: what a decoder needs to see of the file, in order.
    """

    format: str
    width: int
    height: int
    mode: str = "RGB"
    depth: int = 8
    channels: int = 0
    animated: bool = False
    progressive: bool = False
    orientation: int = 1
    resolution: Resolution | None = None
    exif: bytes | None = None
    profile: bytes | None = None
    color_space: tuple[tuple[bytes, bytes], ...] = ()
    palette: bytes | None = None
    transparency: bytes | None = None
    pixels: tuple[Span, ...] = ()


def make_resolution(
    x: int, y: int, per: Literal["meter", "centimeter", "inch", "none"]
) -> Resolution | None:
    """Give a resolution; `None` for one that says nothing: zero, or square pixels of any size."""
    if min(x, y) < 1 or max(x, y) > MAX_DENSITY or (per == "none" and x == y):
        return None
    return Resolution(x, y, per)


def join_spans(spans: list[Span]) -> tuple[Span, ...]:
    """Give the same spans with neighbors joined."""
    joined: list[Span] = []
    for start, stop in spans:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return tuple(joined)
