"""The weight-free completion as an engine."""

from __future__ import annotations

from collections.abc import Sequence

from service.contract.jobs import Recipe
from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.patch.filling import fill
from worker.engines.patch.warming import versions, warm
from worker.engines.progress import paint_each
from worker.engines.warning import warn_simpler
from worker.imaging.transparency import clear_holes


class PatchEngine:
    """Fills the hole with what lies elsewhere in the picture."""

    def load(self) -> Recipe:
        """Compile what is not on disk yet, once; return the recipe."""
        warm()
        return Recipe(engine="patch", versions=versions())

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        """Complete every canvas.

        Args:
            canvases: what to complete; prompts do not matter.
            on_step: called with thousandths done of each canvas, and of all.
        """
        return paint_each(canvases, on_step, _paint)


def _paint(canvas: Canvas, on_step: StepCallback) -> Painted:
    image, mask = canvas.image, canvas.mask
    if image.shape[2] == 4 and canvas.source_mask is None:
        image, mask = clear_holes(image, mask)
    filled = fill(
        image,
        mask,
        seed=canvas.seed,
        quality=canvas.params.quality or "balanced",
        source_mask=canvas.source_mask,
        ground=canvas.params.ground,
        on_step=on_step,
    )
    done = filled.completion
    details = {"levels": done.levels, "windows": done.windows, **filled.details}
    return Painted(done.image, done.estimate, details, warn_simpler(done.reason))
