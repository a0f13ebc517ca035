"""Fast marching as an engine: what `patch` and `pattern` paint with today."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from service.contract.jobs import Recipe
from worker.engines.base import Canvas, StepCallback
from worker.imaging import ImageArray
from worker.imaging.infill import MAX_HOLE_PIXELS, RADIUS, STAGES, fill_telea


class TeleaEngine:
    """Carries the surroundings of each hole into it; smooth, without texture, without chance."""

    def load(self) -> Recipe:
        """Give the recipe; there is nothing to load."""
        return Recipe(
            engine="opencv-telea",
            versions={"opencv": cv2.__version__},
            details={"radius": RADIUS, "max_hole_pixels": MAX_HOLE_PIXELS},
        )

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[ImageArray]:
        """Fill each canvas.

        Args:
            canvases: what to fill; prompts and seeds do not matter.
            on_step: called between the stages of every canvas.

        Returns:
            For each canvas RGB uint8 of its own (H, W, 3).
        """
        steps = STAGES * len(canvases)
        painted = []
        for index, canvas in enumerate(canvases):
            done = STAGES * index

            def on_stage(stage: int, _stages: int, done: int = done) -> None:
                on_step(done + stage, steps)

            painted.append(fill_telea(canvas.image, canvas.mask, on_stage))
        return painted
