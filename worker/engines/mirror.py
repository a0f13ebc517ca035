"""Outpainting by reflection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from service.contract.errors import Internal
from service.contract.geometry import Geometry
from service.contract.jobs import Recipe
from service.contract.params import OutpaintParams
from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.patch import Start, complete, versions, warm
from worker.engines.progress import paint_each
from worker.engines.warning import warn_simpler
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

COARSEST: Final = 99
"""A scale coarser than any: a completion begins at the coarsest one that it has."""


class MirrorEngine:
    """Reflects the original past its border, again and again where the margin is wider than it.

    `mirror_style` says how. `exact`: the bare reflection. The border pixel itself is the axis and
    is not doubled (`abc` becomes `cb abc ba`): OpenCV's BORDER_REFLECT_101 and numpy's "reflect",
    which is what libraries of this field mean by reflection. A side of one pixel repeats it.
    `guided`, the default: the reflection is what a completion from patches begins with at its
    coarsest scale, so that what lies beyond is like it and the axis is gone.
    """

    def load(self) -> Recipe:
        """Compile what is not on disk yet, once; gives the recipe."""
        warm()
        return Recipe(
            engine="mirror",
            versions=versions(),
            details={"border": "reflect_101"},
        )

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        """Reflect each original over its canvas.

        Args:
            canvases: each with its geometry.
            on_step: called with thousandths done of each canvas, and of all.

        Returns:
            For each canvas its picture; an exact reflection has no estimate.

        Raises:
            Internal: a canvas has no geometry.
        """
        return paint_each(canvases, on_step, _paint)


def _paint(canvas: Canvas, on_step: StepCallback) -> Painted:
    if canvas.geometry is None:
        raise Internal("reflection needs to know where the original lies")
    on_step(0, 1)
    exact = reflect(canvas.image, canvas.geometry)
    style = _style_of(canvas)
    if style == "exact":
        on_step(1, 1)
        return Painted(exact, details={"mirror_style": style})
    completion = complete(
        exact,
        _mask_of(canvas.geometry),
        seed=canvas.seed,
        quality=canvas.params.quality or "balanced",
        start=Start(level=COARSEST, picture=exact),
        on_step=on_step,
    )
    on_step(1, 1)
    warnings = warn_simpler(completion.reason)
    return Painted(completion.image, completion.estimate, {"mirror_style": style}, warnings)


def _style_of(canvas: Canvas) -> str:
    params = canvas.params
    style = params.mirror_style if isinstance(params, OutpaintParams) else None
    return style or "guided"


def _mask_of(geometry: Geometry) -> MaskArray:
    """Give the canvas's mask: uint8, 0 where the original lies, 255 elsewhere."""
    mask = np.full((geometry.height, geometry.width), 255, np.uint8)
    box = geometry.original
    mask[box.top : box.bottom, box.left : box.right] = 0
    return mask


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
