"""A decoded picture: color, alpha and what belongs to them, kept apart so that each comes back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.params import OutputFormat
from service.pictures.color_carrying import Carried, carry_colors
from service.pictures.headers import Resolution
from worker.imaging import AlphaArray, DeepArray, ImageArray
from worker.imaging.bands import row_bands

Mode = Literal["L", "LA", "RGB", "RGBA"]

Pixels = tuple[ImageArray, AlphaArray | None]
"""Color, and alpha if there is transparency."""

Number = TypeVar("Number", np.uint8, np.uint16)
"""The numbers of a channel."""

DEEP_STEP: Final = 257
"""Of 16 bits, what one step of 8 is: 255 becomes 65,535."""


class DeepPixels(NamedTuple):
    """Color and alpha of 16 bits a channel, else as in a `Picture`."""

    color: DeepArray
    alpha: DeepArray | None


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture, upright. Its arrays are read-only: what is kept cannot drift.

    One of 16 bits a channel is painted in 8, and has its own numbers beside them.

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
        deep: the pixels in 16 bits; `None` for a picture of 8. `color` and `alpha` are the nearest
            ones of 8.
    """

    color: ImageArray
    alpha: AlphaArray | None = None
    icc_profile: bytes | None = None
    resolution: Resolution | None = None
    exif: bytes | None = None
    color_space: tuple[tuple[bytes, bytes], ...] = ()
    xmp: bytes | None = None
    deep: DeepPixels | None = None

    def __post_init__(self) -> None:
        for array in (self.color, self.alpha, *(self.deep or ())):
            if array is not None:
                array.flags.writeable = False

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

    @property
    def depth(self) -> Literal[8, 16]:
        """Bits a channel."""
        return 8 if self.deep is None else 16

    def with_pixels(
        self, color: ImageArray, alpha: AlphaArray | None, deep: DeepPixels | None = None
    ) -> Picture:
        """Return a picture of other pixels, with all else from this one.

        Args:
            color: uint8, gray (H, W) or RGB (H, W, 3); made read-only.
            alpha: uint8 (H, W), 255 opaque; made read-only.
            deep: the same in 16 bits, if there are more.
        """
        return replace(self, color=color, alpha=alpha, deep=deep)

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
        return join_alpha(self.color[rows], None if self.alpha is None else self.alpha[rows])

    def stored_channels(self, rows: slice = slice(None)) -> NDArray[Any]:
        """Return color and alpha as `channels` does, in 16 bits if the picture has them."""
        if self.deep is None:
            return self.channels(rows)
        color, alpha = self.deep
        return join_alpha(color[rows], None if alpha is None else alpha[rows])


def join_alpha(color: NDArray[Number], alpha: NDArray[Number] | None) -> NDArray[Number]:
    """Return color and alpha in one array: (H, W) for `L`, else (H, W, 2..4)."""
    if alpha is None:
        return color
    if color.ndim == 2:
        return np.asarray(cv2.merge([color, alpha]), color.dtype)
    # Three times as fast as a merge.
    pixels = cv2.cvtColor(color, cv2.COLOR_RGB2RGBA)
    return np.asarray(cv2.insertChannel(alpha, pixels, 3), color.dtype)


def round_to_8_bits(values: DeepArray) -> ImageArray:
    """Return the nearest numbers of 8 bits, of which 255 stands for 65,535."""
    # That is values / 257, rounded, for all of them; as libpng has it.
    rounded = np.empty(values.shape, np.uint8)
    for rows in row_bands(len(values)):
        rounded[rows] = (values[rows] * np.uint32(255) + np.uint32(32_895)) >> 16
    return rounded


def to_uint8(array: object) -> ImageArray:
    """Return an array as uint8, checked: OpenCV's annotations leave the dtype open.

    Raises:
        TypeError: the array is not uint8.
    """
    result = np.asarray(array)
    if result.dtype != np.uint8:
        raise TypeError(f"expected uint8, got {result.dtype}")
    return result
