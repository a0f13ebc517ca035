"""How a model sees a canvas: at a size of its own, with a mask that its latents cannot miss."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from service.contract.catalogue import ModelEntry
from worker.engines.base import Canvas
from worker.imaging import ImageArray, MaskArray
from worker.imaging.geometry import fit_size
from worker.imaging.masks import cover_cells, shrink_mask
from worker.imaging.picture import to_uint8


@dataclass(frozen=True, eq=False)
class Frame:
    """A canvas at the model's size.

    Attributes:
        image: RGB uint8 (H, W, 3).
        mask: uint8 (H, W), 255 repaint; covers what the canvas' mask covers, in whole cells.
    """

    image: ImageArray
    mask: MaskArray

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.mask.shape[1]), int(self.mask.shape[0])


def frame_canvas(canvas: Canvas, entry: ModelEntry, cell: int) -> Frame:
    """Bring a canvas to the area that the model paints best, aspect ratio kept to within a snap.

    Args:
        canvas: what is to be painted.
        entry: native area and size multiple of the model.
        cell: pixels a side of one latent cell; divides the size multiple.
    """
    height, width = canvas.mask.shape
    size = fit_size(width, height, entry.native_pixels, entry.size_multiple)
    # The pipeline takes every eighth mask pixel for its latents: a thin stroke would be lost.
    mask = cover_cells(shrink_mask(canvas.mask, *size), cell)
    return Frame(resize(canvas.image, *size), mask)


def resize(image: ImageArray, width: int, height: int) -> ImageArray:
    """Resize RGB uint8 (H, W, 3), by area where it shrinks."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = width * height < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return to_uint8(cv2.resize(image, (width, height), interpolation=method))
