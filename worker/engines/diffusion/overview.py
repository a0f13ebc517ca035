"""A small picture of a whole canvas, into which crops are pasted while they are painted."""

from __future__ import annotations

import cv2

from service.contract.geometry import Box
from worker.engines.diffusion.framing import resize
from worker.engines.diffusion.previews import MAX_SIDE
from worker.imaging import ImageArray, MaskArray
from worker.imaging.masks import shrink_mask


class Overview:
    """Shows a canvas.

    Args:
        picture: RGB uint8 (H, W, 3), the whole canvas; reduced at once.
    """

    def __init__(self, picture: ImageArray) -> None:
        height, width = picture.shape[:2]
        self._scale = min(1.0, MAX_SIDE / max(height, width))
        size = (max(round(side * self._scale), 1) for side in (width, height))
        self._small = resize(picture, *size).copy()

    def lay(self, box: Box, hole: MaskArray, preview: ImageArray) -> None:
        """Paste the preview of a crop where it is painted.

        Args:
            box: where the crop lies on the canvas.
            hole: uint8 (H, W) of the crop, 255 where it is painted.
            preview: RGB uint8 (h, w, 3), the crop at any size.
        """
        height, width = self._small.shape[:2]
        left, right = self._reduce(box.left, box.right, width)
        top, bottom = self._reduce(box.top, box.bottom, height)
        size = right - left, bottom - top
        target = self._small[top:bottom, left:right]
        cv2.copyTo(resize(preview, *size), shrink_mask(hole, *size), target)

    def picture(self) -> ImageArray:
        """Return a copy of the overview: RGB uint8, at most `MAX_SIDE` px a side."""
        return self._small.copy()

    def _reduce(self, first: int, last: int, limit: int) -> tuple[int, int]:
        """Return the position of a part along an axis of the small picture; at least one pixel."""
        start = min(round(first * self._scale), limit - 1)
        return start, min(max(round(last * self._scale), start + 1), limit)
