"""The parts of a case: a file to paint, the right answer, and the figures to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Literal
from zlib import crc32

import numpy as np
from PIL import Image

from service.contract.geometry import Geometry, Margins, plan_margins
from worker.imaging import ImageArray, MaskArray
from worker.imaging.decoding import decode_picture
from worker.imaging.picture import to_uint8

Kind = Literal[
    "flat", "graded", "product", "sprite", "graphic", "screenshot", "unique", "wall", "photo"
]  # fmt: skip
KINDS: tuple[Kind, ...] = (
    "flat", "graded", "product", "sprite", "graphic", "screenshot", "unique", "wall"
)  # fmt: skip

MAX_PIXELS = 4_000_000
JPEG_QUALITY = 88


@dataclass(frozen=True)
class Check:
    """One figure that a result must keep.

    Attributes:
        goal: the row of the table of goals that it counts for.
        measure: returns the figure, from the sample and the result's channels.
        low: the least that will do; `None` without such a bound.
        high: the most that will do.
    """

    goal: str
    measure: Callable[[Sample, ImageArray], float]
    low: float | None = None
    high: float | None = None

    def is_kept(self, value: float) -> bool:
        """Return whether a figure lies within the bounds."""
        above = self.low is None or value >= self.low
        return above and (self.high is None or value <= self.high)


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture to paint.

    Attributes:
        file: PNG or JPEG, as a caller would send it.
        truth: the right answer, RGB or RGBA uint8 (H, W, 3 or 4), of the canvas.
        mask: uint8 (H, W) of the canvas, 255 = to be painted.
        checks: what a result must keep.
        geometry: where the file lies on the canvas, in outpainting; `None` in inpainting.
        sources: uint8 (H, W), 255 where may be copied from; `None` for everywhere.
        marks: areas that checks look at, by name, each uint8 (H, W).
    """

    file: bytes
    truth: ImageArray
    mask: MaskArray
    checks: tuple[Check, ...]
    geometry: Geometry | None = None
    sources: MaskArray | None = None
    marks: Mapping[str, MaskArray] = field(default_factory=dict)

    @property
    def known(self) -> ImageArray:
        """The file's pixels on the canvas, RGB or RGBA; black, or transparent, around them."""
        picture = decode_picture(self.file, MAX_PIXELS)
        colors = picture.rgb()
        pixels = colors if picture.alpha is None else np.dstack((colors, picture.alpha))
        if self.geometry is None:
            return pixels
        canvas = np.zeros((*self.mask.shape, pixels.shape[2]), np.uint8)
        canvas[self.mask == 0] = pixels.reshape(-1, pixels.shape[2])
        return canvas


@dataclass(frozen=True)
class Case:
    """A generator of samples.

    Attributes:
        kind: one of the eight.
        name: unique among all.
        build: makes a sample by chance.
    """

    kind: Kind
    name: str
    build: Callable[[np.random.Generator], Sample]

    def make(self, seed: int) -> Sample:
        """Build the sample of a seed: the same one every time."""
        return self.build(np.random.default_rng([seed, crc32(self.name.encode())]))


def extend(
    truth: ImageArray,
    margins: tuple[int, int, int, int],
    *checks: Check,
    jpeg: bool = False,
    known: ImageArray | None = None,
    marks: Mapping[str, MaskArray] | None = None,
) -> Sample:
    """Build a sample of outpainting from the whole canvas.

    Args:
        truth: the canvas as it ought to be.
        margins: left, top, right, bottom: what is cut off and has to come back.
        checks: what a result must keep.
        jpeg: whether the file is a JPEG.
        known: the canvas that the file is cut out of, where it differs from the truth.
        marks: areas that checks look at.
    """
    left, top, right, bottom = margins
    height, width = truth.shape[:2]
    rows, columns = slice(top, height - bottom), slice(left, width - right)
    mask = np.full((height, width), 255, np.uint8)
    mask[rows, columns] = 0
    wide, high = width - left - right, height - top - bottom
    geometry = plan_margins(wide, high, Margins(left=left, top=top, right=right, bottom=bottom))
    file = encode((truth if known is None else known)[rows, columns], jpeg)
    return Sample(file, truth, mask, checks, geometry, marks=marks or {})


def fill(
    truth: ImageArray,
    mask: MaskArray,
    *checks: Check,
    jpeg: bool = False,
    covered: ImageArray | None = None,
    sources: MaskArray | None = None,
    marks: Mapping[str, MaskArray] | None = None,
) -> Sample:
    """Build a sample of inpainting.

    Args:
        truth: the picture as it ought to be.
        mask: uint8 (H, W), 255 = to be painted.
        checks: what a result must keep.
        jpeg: whether the file is a JPEG.
        covered: the picture as it is sent, with what is to be removed; by default a loud color
            lies in the hole.
        sources: where may be copied from.
        marks: areas that checks look at.
    """
    sent = truth.copy() if covered is None else covered
    if covered is None:
        # Opaque too: alpha under the hole would give the answer away.
        sent[mask > 0] = (255, 0, 200, 255)[: truth.shape[2]]
    return Sample(encode(sent, jpeg), truth, mask, checks, None, sources, marks or {})


def encode(pixels: ImageArray, jpeg: bool = False) -> bytes:
    """Return pixels as a file: PNG, or JPEG as cameras and shops write it."""
    out = BytesIO()
    picture = Image.fromarray(to_uint8(pixels))
    if jpeg:
        picture.save(out, "JPEG", quality=JPEG_QUALITY)
    else:
        picture.save(out, "PNG")
    return out.getvalue()
