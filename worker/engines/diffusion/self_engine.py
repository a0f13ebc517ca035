"""The built-in model as an engine: the picture's own patches instead of weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from service.contract.catalogue import ModelEntry
from service.contract.jobs import Recipe
from worker.engines.base import Canvas, Painted, PreviewCallback, StepCallback
from worker.engines.diffusion.families.base import new_generator
from worker.engines.diffusion.loading import versions
from worker.engines.diffusion.selfdiffusion.pipeline import SelfDiffusionPipeline, build_pipeline
from worker.engines.patch.warming import warm
from worker.engines.warning import warn_simpler


class SelfDiffusionEngine:
    """Paints with the model that needs no weights; there is nothing to unload.

    Args:
        entry: the model.
        threads: threads of the processor for torch; 0 leaves it to torch.
    """

    gives_previews = True

    def __init__(self, entry: ModelEntry, threads: int = 0) -> None:
        self._entry = entry
        self._threads = threads
        self._pipeline: SelfDiffusionPipeline | None = None

    @property
    def is_loaded(self) -> bool:
        """True if it is ready to paint."""
        return self._pipeline is not None

    def load(self) -> Recipe:
        """Prepare to paint, and return the recipe that its pictures share."""
        pipeline = self._loaded()
        return Recipe(
            engine="diffusers",
            scheduler=type(pipeline.scheduler).__name__,
            dtype="float32",
            versions=versions(),
            details={
                "family": self._entry.family,
                "pipeline": type(pipeline).__name__,
                "device": "cpu",
            },
        )

    def unload(self) -> None:
        """Drop the pipeline; it holds no weights."""
        self._pipeline = None

    def paint(
        self,
        canvases: Sequence[Canvas],
        on_step: StepCallback,
        on_preview: PreviewCallback | None = None,
    ) -> list[Painted]:
        """Paint every canvas; those with equal numbers of steps share a call.

        Args:
            canvases: what to paint; those of one job share the patches of their picture.
            on_step: called after every step, counted over all calls, and between.
            on_preview: called after every step for every picture of its call.

        Raises:
            Aborted: out of `on_step`.
        """
        groups: dict[tuple[int, int | None], list[int]] = {}
        for index, canvas in enumerate(canvases):
            alone = index if canvas.params.deterministic else None
            groups.setdefault((self._steps(canvas), alone), []).append(index)
        total, done = sum(steps for steps, _ in groups), 0
        painted: dict[int, Painted] = {}
        for (steps, _), places in groups.items():
            progress = _shift(on_step, done, total)
            together = [canvases[place] for place in places]
            show = None if on_preview is None else partial(_show, on_preview, places)
            painted |= dict(zip(places, self._call(together, steps, progress, show), strict=True))
            done += steps
        return [painted[index] for index in range(len(canvases))]

    def _call(
        self,
        canvases: Sequence[Canvas],
        steps: int,
        on_step: Callable[[int], None],
        show: Callable[[SelfDiffusionPipeline], None] | None,
    ) -> list[Painted]:
        reported = 0

        def on_step_end(pipe: Any, step: int, _level: Any, _tensors: Any) -> dict[str, Any]:
            nonlocal reported
            on_step(step + 1)
            # Steps are reported again between, and the last one when there is nothing left to show.
            if show is not None and reported <= step < steps - 1:
                reported = step + 1
                show(pipe)
            return {}

        output = self._loaded()(
            [canvas.image for canvas in canvases],
            [canvas.mask for canvas in canvases],
            [canvas.source_mask for canvas in canvases],
            generator=[new_generator(canvas.seed) for canvas in canvases],
            num_inference_steps=steps,
            output_type="uint8",
            callback_on_step_end=on_step_end,
        )
        outputs = zip(output.images, output.estimates, output.details, output.reasons, strict=True)
        return [
            Painted(image, estimate, {**details, "seed": canvas.seed}, warn_simpler(reason))
            for canvas, (image, estimate, details, reason) in zip(canvases, outputs, strict=True)
        ]

    def _loaded(self) -> SelfDiffusionPipeline:
        if self._pipeline is None:
            if self._threads:
                torch.set_num_threads(self._threads)
            # It finishes with the patch engine's fine levels, which are compiled on first use.
            warm()
            self._pipeline = build_pipeline()
        return self._pipeline

    def _steps(self, canvas: Canvas) -> int:
        return canvas.params.num_inference_steps or self._entry.defaults.num_inference_steps


def _shift(on_step: StepCallback, first: int, total: int) -> Callable[[int], None]:
    """Report a call's steps as steps of all calls."""

    def report(step: int) -> None:
        on_step(first + step, total)

    return report


def _show(
    on_preview: PreviewCallback, places: Sequence[int], pipeline: SelfDiffusionPipeline
) -> None:
    """Offer previews of a call's pictures as previews of their canvases."""
    on_preview(lambda: {place: pipeline.preview(number) for number, place in enumerate(places)})
