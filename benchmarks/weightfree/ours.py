"""The engines of this project, as they are compared: the one place that knows how to call them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from benchmarks.weightfree.painting import Painting
from service.contract.geometry import Geometry, Margins, plan_margins
from service.contract.params import InpaintParams, OutpaintParams
from worker.engines.base import Canvas
from worker.engines.mirror import MirrorEngine, reflect
from worker.imaging import ImageArray, MaskArray

PATCH_MODULE = "worker.engines.patch.completion"

# Coarser than any pyramid: the completion begins at the coarsest scale that it has.
COARSEST = 99


def has_patch() -> bool:
    """Return whether there is an engine that completes from patches."""
    package = importlib.util.find_spec("worker.engines.patch")
    is_package = package is not None and package.submodule_search_locations is not None
    return is_package and importlib.util.find_spec(PATCH_MODULE) is not None


def has_pattern() -> bool:
    """Return whether `pattern` is more than fast marching."""
    return "telea" not in _pattern_engine().load().engine


def paint_patch(quality: str) -> Callable[[ImageArray, MaskArray, int], Painting]:
    """Return patch completion of a quality: `fast`, `balanced` or `best`."""

    def paint(image: ImageArray, mask: MaskArray, seed: int) -> Painting:
        engine: Any = importlib.import_module("worker.engines.patch").PatchEngine()
        params = InpaintParams.model_validate({"quality": quality})
        return _as_painting(engine.paint([Canvas(image, mask, params, seed)], _ignore)[0])

    return paint


def paint_mirror(image: ImageArray, mask: MaskArray, _seed: int) -> Painting:
    """Reflect what is kept; the mask leaves a rectangle of it."""
    return Painting(reflect(image, find_geometry(mask)))


def paint_mirror_guided(image: ImageArray, mask: MaskArray, seed: int) -> Painting:
    """Complete from patches, started from the reflection: through the engine if it does that."""
    if "mirror_style" in OutpaintParams.model_fields:
        canvas = _canvas_of(image, mask, seed, method="mirror", mirror_style="guided")
        return _as_painting(MirrorEngine().paint([canvas], _ignore)[0])
    levels: Any = importlib.import_module("worker.engines.patch.levels")
    start = levels.Start(level=COARSEST, picture=reflect(image, find_geometry(mask)))
    return _complete(image, mask, seed, start=start)


def paint_pattern(image: ImageArray, mask: MaskArray, seed: int) -> Painting:
    """Carry the pattern on, through the engine itself."""
    canvas = _canvas_of(image, mask, seed, method="pattern")
    return _as_painting(_pattern_engine().paint([canvas], _ignore)[0])


def _pattern_engine() -> Any:
    return importlib.import_module("worker.engines.pattern").PatternEngine()


def _canvas_of(image: ImageArray, mask: MaskArray, seed: int, **params: str) -> Canvas:
    geometry = find_geometry(mask)
    margins = {side: pixels or None for side, pixels in geometry.margins.model_dump().items()}
    checked = OutpaintParams.model_validate({**params, **margins})
    return Canvas(image, mask, checked, seed, geometry)


def find_geometry(mask: MaskArray) -> Geometry:
    """Return the geometry of an outpainting from its mask.

    Args:
        mask: uint8 (H, W), 0 in one rectangle, 255 around it.
    """
    left, top, width, height = cv2.boundingRect((mask == 0).astype(np.uint8))
    margins = Margins(
        left=left,
        top=top,
        right=mask.shape[1] - left - width,
        bottom=mask.shape[0] - top - height,
    )
    return plan_margins(width, height, margins)


def _complete(image: ImageArray, mask: MaskArray, seed: int, **options: object) -> Painting:
    completion: Any = importlib.import_module(PATCH_MODULE)
    return _as_painting(completion.complete(image, mask, seed=seed, on_step=_ignore, **options))


def _as_painting(painted: Any) -> Painting:
    if isinstance(painted, np.ndarray):
        return Painting(painted)
    return Painting(painted.image, getattr(painted, "estimate", None), _note_of(painted))


def _note_of(painted: Any) -> str | None:
    details = getattr(painted, "details", None)
    note = getattr(painted, "reason", None) or (str(dict(details)) if details else None)
    return None if note is None else str(note)


def _ignore(_step: int, _steps: int) -> None:
    return None
