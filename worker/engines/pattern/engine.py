"""The extension by patterns as an engine."""

from __future__ import annotations

from collections.abc import Sequence

from service.contract.errors import Internal
from service.contract.jobs import Recipe
from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.patch import versions, warm
from worker.engines.pattern.extension import extend
from worker.engines.progress import paint_each
from worker.engines.warning import warn_simpler


class PatternEngine:
    """Carries the pattern at the border on, or grows the picture by patches where it has none."""

    def load(self) -> Recipe:
        """Compile what is not on disk yet, once; return the recipe."""
        warm()
        return Recipe(
            engine="pattern",
            versions=versions(),
        )

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        """Extend every canvas.

        Args:
            canvases: each with its geometry; prompts do not matter.
            on_step: called with thousandths done of each canvas, and of all.

        Returns:
            For each canvas its picture; `details` say whether a period was found, and which.

        Raises:
            Internal: a canvas has no geometry.
        """
        return paint_each(canvases, on_step, _paint)


def _paint(canvas: Canvas, on_step: StepCallback) -> Painted:
    if canvas.geometry is None:
        raise Internal("a pattern needs to know where the original lies")
    extension = extend(
        canvas.image,
        canvas.geometry,
        seed=canvas.seed,
        quality=canvas.params.quality or "balanced",
        ground=canvas.params.ground,
        on_step=on_step,
    )
    warnings = (*extension.warnings, *warn_simpler(extension.reason))
    return Painted(
        extension.image,
        extension.estimate,
        extension.details,
        warnings,
        is_foretold=extension.is_foretold,
    )
