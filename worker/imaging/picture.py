"""A decoded picture: color, alpha and what belongs to them, kept apart so that each comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from service.contract.params import OutputFormat
from service.pictures.color_carrying import Carried, carry_colors
from service.pictures.headers import Resolution
from worker.imaging import AlphaArray, ImageArray

Mode = Literal["L", "LA", "RGB", "RGBA"]

Pixels = tuple[ImageArray, AlphaArray | None]
"""Color, and alpha if there is transparency."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of 8 bits a channel, upright. Its arrays are read-only: what is kept cannot drift.

    Attributes:
        color: uint8, gray (H, W) or RGB (H, W, 3).
        alpha: uint8 (H, W), 255 opaque; `None` for a picture without transparency.
        icc_profile: color profile as it was embedded.
        resolution: pixels per unit of length, as the file said it.
        exif: EXIF without orientation and thumbnail, beginning with its byte order; `None` unless
            metadata is to be kept.
        color_space: what the file said of its colors beside a profile: kind and data of a PNG's
            chunks.
        xmp: XMP to be written; never that of the input.
    """

    color: ImageArray
    alpha: AlphaArray | None = None
    icc_profile: bytes | None = None
    resolution: Resolution | None = None
    exif: bytes | None = None
    color_space: tuple[tuple[bytes, bytes], ...] = ()
    xmp: bytes | None = None

    def __post_init__(self) -> None:
        self.color.flags.writeable = False
        if self.alpha is not None:
            self.alpha.flags.writeable = False

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.color.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.color.shape[0])

    @property
    def is_gray(self) -> bool:
        """True if the color is one channel."""
        return self.color.ndim == 2

    @property
    def mode(self) -> Mode:
        """The mode in Pillow's words."""
        if self.alpha is None:
            return "L" if self.is_gray else "RGB"
        return "LA" if self.is_gray else "RGBA"

    def with_pixels(self, color: ImageArray, alpha: AlphaArray | None) -> Picture:
        """Return a picture of other pixels, with all else from this one.

        Args:
            color: uint8, gray (H, W) or RGB (H, W, 3); made read-only.
            alpha: uint8 (H, W), 255 opaque; made read-only.
        """
        return replace(self, color=color, alpha=alpha)

    def carry_colors(self, output_format: OutputFormat) -> Carried:
        """Return what a file of a format says of the colors."""
        return carry_colors(
            self.icc_profile, self.color_space, is_gray=self.is_gray, output_format=output_format
        )

    def rgb(self) -> ImageArray:
        """Return the color as RGB (H, W, 3); a gray picture's channels are equal."""
        if not self.is_gray:
            return self.color
        return to_uint8(cv2.cvtColor(self.color, cv2.COLOR_GRAY2RGB))

    def channels(self, rows: slice = slice(None)) -> ImageArray:
        """Return color and alpha in one array: (H, W) for `L`, else (H, W, 2..4).

        Args:
            rows: which to return; all by default. Without alpha they are no copy.
        """
        if self.alpha is None:
            return self.color[rows]
        return join_alpha(self.color[rows], self.alpha[rows])


def join_alpha(color: ImageArray, alpha: AlphaArray) -> ImageArray:
    """Return color and alpha in one array: (H, W, 2) for gray, (H, W, 4) for RGB."""
    if color.ndim == 2:
        return to_uint8(cv2.merge([color, alpha]))
    # Three times as fast as a merge.
    pixels = cv2.cvtColor(color, cv2.COLOR_RGB2RGBA)
    return to_uint8(cv2.insertChannel(alpha, pixels, 3))


def to_uint8(array: object) -> ImageArray:
    """Return an array as uint8, checked: OpenCV's annotations leave the dtype open.

    Raises:
        TypeError: the array is not uint8.
    """
    result = np.asarray(array)
    if result.dtype != np.uint8:
        raise TypeError(f"expected uint8, got {result.dtype}")
    return result
