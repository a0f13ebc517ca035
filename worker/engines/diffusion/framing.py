"""A part of a picture at the model's size, with a mask that its latents cannot miss."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from service.contract.catalogue import ModelEntry
from worker.imaging import ImageArray, MaskArray
from worker.imaging.geometry import fit_size
from worker.imaging.masks import cover_cells, shrink_mask
from worker.imaging.picture import to_uint8


@dataclass(frozen=True, eq=False)
class Frame:
    """A part of a picture at the model's size.

    Attributes:
        image: RGB uint8 (H, W, 3).
        mask: uint8 (H, W), 255 repaint; covers the requested mask in whole cells.
        reference: RGB uint8 (H, W, 3), of a size of its own; `None` for none.
    """

    image: ImageArray
    mask: MaskArray
    reference: ImageArray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.mask.shape[1]), int(self.mask.shape[0])


def fit_frame(
    width: int, height: int, entry: ModelEntry, max_pixels: int | None = None
) -> tuple[int, int]:
    """Return the size at which a model paints best; the aspect ratio is kept up to rounding.

    Args:
        width: of the part, in pixels.
        height: likewise.
        entry: has the model's native area and its family's size multiple.
        max_pixels: largest area, also after rounding.
    """
    if entry.traits.conditioning == "patches":
        # A model of the picture's own patches works at the picture's size.
        return width, height
    multiple = entry.traits.size_multiple
    size = fit_size(width, height, entry.native_pixels, multiple)
    return size if max_pixels is None else cut_size(*size, max_pixels, multiple)


def make_frame(image: ImageArray, hole: MaskArray, size: tuple[int, int], cell: int) -> Frame:
    """Resize a part of a picture to the model's size.

    Args:
        image: RGB uint8 (H, W, 3).
        hole: uint8 (H, W), 255 repaint.
        size: width and height, both multiples of `cell`.
        cell: pixels a side that one position of the latents covers.
    """
    # The pipeline samples every eighth mask pixel for its latents: a thin stroke would be lost.
    return Frame(resize(image, *size), cover_cells(shrink_hole(hole, size), cell))


def shrink_hole(hole: MaskArray, size: tuple[int, int]) -> MaskArray:
    """Resize a mask so that none of its pixels is lost."""
    return hole if hole.shape == size[::-1] else shrink_mask(hole, *size)


def cut_size(width: int, height: int, max_pixels: int, multiple: int) -> tuple[int, int]:
    """Return the size with its longer side shortened by multiples until it fits `max_pixels`.

    Args:
        width: a multiple.
        height: likewise.
        max_pixels: allowed width x height, at least one multiple squared.
        multiple: both sides stay multiples of it.
    """
    longer, shorter = max(width, height), min(width, height)
    shorter = min(shorter, max_pixels // multiple // multiple * multiple)
    longer = min(longer, max_pixels // shorter // multiple * multiple)
    return (longer, shorter) if width >= height else (shorter, longer)


def resize(image: ImageArray, width: int, height: int) -> ImageArray:
    """Resize RGB uint8 (H, W, 3), by area where it shrinks."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = width * height < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return to_uint8(cv2.resize(image, (width, height), interpolation=method))
