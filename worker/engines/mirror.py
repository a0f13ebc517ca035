"""Outpainting by exact reflection."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from service.contract.errors import Internal
from service.contract.geometry import Geometry
from service.contract.jobs import Recipe
from worker.engines.base import Canvas, StepCallback
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8


class MirrorEngine:
    """Reflects the original past its border, again and again where the margin is wider than it.

    The border pixel itself is the axis and is not doubled (`abc` becomes `cb abc ba`): OpenCV's
    BORDER_REFLECT_101 and numpy's "reflect", which is what libraries of this field mean by
    reflection. A side of one pixel repeats it.
    """

    def load(self) -> Recipe:
        """Give the recipe; there is nothing to load."""
        return Recipe(
            engine="mirror",
            versions={"opencv": cv2.__version__},
            details={"border": "reflect_101"},
        )

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[ImageArray]:
        """Reflect each original over its canvas.

        Args:
            canvases: each with its geometry.
            on_step: called after each canvas.

        Returns:
            For each canvas RGB uint8 of its own (H, W, 3).

        Raises:
            Internal: a canvas has no geometry.
        """
        painted = []
        for index, canvas in enumerate(canvases):
            if canvas.geometry is None:
                raise Internal("reflection needs to know where the original lies")
            painted.append(reflect(canvas.image, canvas.geometry))
            on_step(index + 1, len(canvases))
        return painted


def reflect(image: ImageArray, geometry: Geometry) -> ImageArray:
    """Give the canvas with the original on it reflected everywhere else.

    Args:
        image: the canvas, RGB uint8 (H, W, 3); only the original's part is read.
        geometry: where the original lies.
    """
    box, margins = geometry.original, geometry.margins
    original = np.ascontiguousarray(image[box.top : box.bottom, box.left : box.right])
    return to_uint8(
        cv2.copyMakeBorder(
            original,
            margins.top,
            margins.bottom,
            margins.left,
            margins.right,
            cv2.BORDER_REFLECT_101,
        )
    )
