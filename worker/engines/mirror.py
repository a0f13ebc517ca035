"""Outpainting by reflection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import cv2
import numpy as np

from service.contract.errors import Internal
from service.contract.geometry import Box, Geometry
from service.contract.jobs import Recipe
from service.contract.params import OutpaintParams
from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.ground.closing import Filled
from worker.engines.ground.extending import describe_grounds, extend_grounds
from worker.engines.ground.study import Study, study
from worker.engines.patch import Completion, Start, complete, versions, warm
from worker.engines.patch.enlarging import Grid, choose_factor, enlarge
from worker.engines.progress import paint_each, repeat
from worker.engines.warning import warn_simpler
from worker.imaging import ImageArray, MaskArray
from worker.imaging.compositing import mask_around
from worker.imaging.picture import to_uint8
from worker.imaging.transparency import clear_margins

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
        """Compile what is not on disk yet, once; return the recipe."""
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
    if _style_of(canvas) == "exact":
        exact = reflect(canvas.image, canvas.geometry)
        on_step(1, 1)
        return Painted(exact, details={"mirror_style": "exact"})
    return _paint_guided(canvas, canvas.geometry, on_step)


def _paint_guided(canvas: Canvas, geometry: Geometry, on_step: StepCallback) -> Painted:
    found = study(canvas.image, geometry, canvas.params.ground, lambda: on_step(0, 1))
    details: dict[str, Any] = {"mirror_style": "guided"} | found.details
    image, wanted = canvas.image, mask_around(found.geometry)
    if image.shape[2] == 4:
        image, wanted = clear_margins(image, found.geometry)
    known = own = found.geometry.original
    estimate, reason = 1.0, None
    if found.smooth and wanted.any():
        done = extend_grounds(
            image,
            own,
            found.smooth,
            seed=canvas.seed,
            fill=partial(_fill_figure, canvas, on_step),
            check=lambda: on_step(0, 1),
        )
        image, known, estimate, reason = done.image, done.known, done.estimate, done.reason
        details |= describe_grounds(found.smooth)
    mask = _mask_of(geometry.width, geometry.height, known) & wanted
    if mask.any():
        completion = _complete(canvas, image, mask, known, found, on_step)
        share = np.count_nonzero(mask) / np.count_nonzero(
            _mask_of(geometry.width, geometry.height, own)
        )
        estimate += share * (completion.estimate - estimate)
        image, reason = completion.image, reason or completion.reason
    result = image.copy()
    box = geometry.original
    inside = np.s_[box.top : box.bottom, box.left : box.right]
    # The lines of a frame were painted over; the original is kept as it is.
    result[inside] = canvas.image[inside]
    on_step(1, 1)
    return Painted(result, estimate, details, (*found.warnings, *warn_simpler(reason)))


def _complete(
    canvas: Canvas,
    image: ImageArray,
    mask: MaskArray,
    known: Box,
    found: Study,
    on_step: StepCallback,
) -> Completion:
    """Complete what no ground covers, starting from the reflection."""
    box = found.geometry.original
    reflected, avoided = reflect(image, found.geometry), None
    if found.unique is not None:
        avoided = np.zeros_like(mask)
        avoided[box.top : box.bottom, box.left : box.right][found.unique != 0] = 255
    start = np.where(mask[..., None] != 0, reflected, image)
    run = partial(_complete_from, canvas, on_step)
    height, width = mask.shape
    factor = 1
    if image.shape[2] == 3:
        factor = choose_factor(known, width, height, cv2.countNonZero(mask))
    if factor == 1:
        return run(start, mask, avoided)
    grid = Grid.of(width, height, known, factor)
    inner = grid.shrink_box(known)
    small_mask = _mask_of(grid.width, grid.height, inner)
    if avoided is not None:
        avoided = np.where(grid.shrink(avoided) > 0, 255, 0).astype(np.uint8)
    done = run(grid.shrink(start), small_mask, avoided)
    if done.origins is None:
        return done
    return replace(done, image=enlarge(image, mask, known, done.image, done.origins, grid))


def _complete_from(
    canvas: Canvas,
    on_step: StepCallback,
    start: ImageArray,
    mask: MaskArray,
    avoided: MaskArray | None,
) -> Completion:
    return complete(
        start,
        mask,
        seed=canvas.seed,
        quality=canvas.params.quality or "balanced",
        # As sources, not as `avoided`: the tone of what exists once must not settle on the rest.
        source_mask=None if avoided is None else 255 - (mask | avoided),
        start=Start(level=COARSEST, picture=start),
        on_step=on_step,
    )


def _fill_figure(
    canvas: Canvas, on_step: StepCallback, part: ImageArray, mask: MaskArray, sources: MaskArray
) -> Filled:
    done = complete(
        part,
        mask,
        seed=canvas.seed,
        quality=canvas.params.quality or "balanced",
        source_mask=sources,
        on_step=repeat(on_step),
    )
    return Filled(done.image, done.estimate, done.reason)


def _style_of(canvas: Canvas) -> str:
    params = canvas.params
    style = params.mirror_style if isinstance(params, OutpaintParams) else None
    return style or "guided"


def _mask_of(width: int, height: int, known: Box) -> MaskArray:
    """Return a canvas's mask: uint8, 0 where it is known, 255 elsewhere."""
    mask = np.full((height, width), 255, np.uint8)
    mask[known.top : known.bottom, known.left : known.right] = 0
    return mask


def reflect(image: ImageArray, geometry: Geometry) -> ImageArray:
    """Return the canvas with the original on it reflected everywhere else.

    Args:
        image: the canvas, uint8 (H, W, C); only the original's part is read.
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
