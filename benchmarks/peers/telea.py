"""Telea's fill as an engine, so that both services paint with the same function.

`PAINTJOB_ENGINES=benchmarks.peers.telea:build_engines` puts it in the place of `patch`; the service
itself does not offer it.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from service.contract.catalogue import Catalogue
from service.contract.jobs import Recipe
from worker.config import WorkerSettings
from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.lookup import EngineRegistry
from worker.engines.registry import QueueEngines
from worker.imaging.picture import to_uint8

RADIUS = 4
"""Pixels; what IOPaint calls `cv2_radius`, and its default."""


class TeleaEngine:
    """Fast marching. Source: Telea 2004, by OpenCV."""

    def load(self) -> Recipe:
        """Return the recipe; there is nothing to load."""
        return Recipe(engine="telea", versions={"opencv": cv2.__version__})

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        """Fill every hole."""
        painted = []
        for canvas in canvases:
            image = np.ascontiguousarray(canvas.image)
            filled = cv2.inpaint(image, canvas.mask, RADIUS, cv2.INPAINT_TELEA)
            painted.append(Painted(to_uint8(filled)))
        on_step(1, 1)
        return painted


def build_engines(settings: WorkerSettings, catalogue: Catalogue) -> EngineRegistry:
    """Return a worker this engine alone."""
    return QueueEngines({("inpaint", "patch", None): TeleaEngine()})
