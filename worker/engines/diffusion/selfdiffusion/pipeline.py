"""Self-diffusion as a diffusers pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from worker.engines.diffusion.selfdiffusion.denoiser import PatchDenoiser
from worker.engines.diffusion.selfdiffusion.inputs import make_variants
from worker.engines.diffusion.selfdiffusion.painting import Group, Result, Variant, group_variants
from worker.engines.diffusion.selfdiffusion.preview import draw_preview
from worker.engines.diffusion.selfdiffusion.schedule import GeometricAncestralScheduler
from worker.engines.patch import Quality
from worker.engines.patch.strips import Workers
from worker.imaging import ImageArray

_diffusers: Any = diffusers

OnStepEnd = Callable[[Any, int, Any, dict[str, Any]], Any]


@dataclass
class SelfDiffusionOutput(_diffusers.utils.BaseOutput):  # type: ignore[misc]
    """The output of the pipeline, in the order of the variants.

    Attributes:
        images: of the type `output_type`.
        estimates: of success, 0 .. 1.
        reasons: why a simpler method was used; `None` if it was not.
        details: how each was made, for a recipe.
    """

    images: Any
    estimates: list[float]
    reasons: list[str | None]
    details: list[dict[str, Any]]


class SelfDiffusionPipeline(_diffusers.DiffusionPipeline):  # type: ignore[misc]
    """Paints the masked part of a picture by diffusion sampling among its own patches.

    Args:
        scheduler: the noise levels, and the steps between them.
        denoiser: the closed form in place of a trained model.
    """

    scheduler: GeometricAncestralScheduler
    denoiser: PatchDenoiser

    def __init__(self, scheduler: GeometricAncestralScheduler, denoiser: PatchDenoiser) -> None:
        super().__init__()
        self.register_modules(scheduler=scheduler, denoiser=denoiser)
        self._interrupt = False
        self._groups: list[tuple[list[int], Group]] = []

    @property
    def interrupt(self) -> bool:
        """True to skip the remaining steps and finish the picture from its present state."""
        return self._interrupt

    @interrupt.setter
    def interrupt(self, value: bool) -> None:
        self._interrupt = value

    def preview(self, number: int) -> ImageArray:
        """Return a preview of a variant, RGB uint8 of at most 256 px a side.

        To be called from within `callback_on_step_end`.

        Raises:
            LookupError: nothing is being painted, or there is no such variant.
        """
        for places, group in self._groups:
            if number in places:
                return draw_preview(group, places.index(number))
        raise LookupError(f"variant {number} is not being painted")

    @torch.no_grad()
    def __call__(
        self,
        image: Sequence[Any],
        mask_image: Sequence[Any],
        source_mask: Sequence[Any] | None = None,
        *,
        generator: Sequence[torch.Generator],
        num_inference_steps: int = 24,
        quality: Quality = "balanced",
        output_type: Literal["np", "pil", "uint8"] = "np",
        callback_on_step_end: OnStepEnd | None = None,
    ) -> SelfDiffusionOutput:
        """Paint every variant.

        Args:
            image: for each variant RGB uint8 (H, W, 3) or a PIL picture; pixels under the mask are
                not read. Variants with the same objects share their patches.
            mask_image: for each variant uint8 (H, W) or a PIL picture, white = repaint.
            source_mask: for each variant uint8 (H, W), 255 where pixels may be copied from, or
                `None`.
            generator: for each variant, on the processor.
            num_inference_steps: noise levels, at least 1.
            quality: of the finishing.
            output_type: `np` float32 0..1, `uint8`, or `pil`.
            callback_on_step_end: called with this pipeline, the step, its noise level and an empty
                dictionary: after each step, and repeatedly between with the previous step, so that
                it can stop the work by raising. The last step is reported after the finishing.

        Returns:
            Pictures equal to the input outside the mask; one array if all have one size, else
            a list.

        Raises:
            ValueError: the inputs do not fit together.
        """
        variants = make_variants(image, mask_image, source_mask, generator)
        if num_inference_steps < 1:
            raise ValueError("num_inference_steps must be at least 1")
        self._interrupt = False
        self.scheduler.set_timesteps(num_inference_steps)
        reporting = _Reporting(self, callback_on_step_end)
        try:
            with _one_thread_a_chunk() as threads:
                results = self._run(variants, quality, reporting, threads)
        finally:
            self._groups = []
        return _pack(results, output_type)

    def _run(
        self, variants: Sequence[Variant], quality: Quality, reporting: _Reporting, threads: int
    ) -> list[Result]:
        self._groups = group_variants(variants, self.denoiser, self.scheduler)
        groups = [group for _, group in self._groups]
        last = len(self.scheduler.timesteps) - 1
        with Workers(reporting.again, threads) as workers:
            for index in range(last + 1):
                if self._interrupt:
                    continue
                for group in groups:
                    group.step(index, workers)
                if index < last:
                    reporting.report(index)
            for group in groups:
                group.settle(workers)
        results: dict[int, Result] = {}
        for places, group in self._groups:
            for number, place in enumerate(places):
                results[place] = group.finish(
                    number, quality, lambda _round, _rounds: reporting.again(), threads
                )
        reporting.report(last)
        return [results[place] for place in range(len(variants))]


def build_pipeline() -> SelfDiffusionPipeline:
    """Build the pipeline with the chosen constants; nothing is read or downloaded."""
    return SelfDiffusionPipeline(GeometricAncestralScheduler(), PatchDenoiser())


class _Reporting:
    """Calls the caller's callback.

    Args:
        pipeline: passed to the callback.
        callback: of the caller.
    """

    def __init__(self, pipeline: SelfDiffusionPipeline, callback: OnStepEnd | None) -> None:
        self._pipeline = pipeline
        self._callback = callback
        self._done = -1

    def report(self, index: int) -> None:
        """Report that a step is done."""
        self._done = index
        self.again()

    def again(self) -> None:
        """Report the last step again, so that the caller can stop the work."""
        if self._callback is not None and self._done >= 0:
            level = self._pipeline.scheduler.timesteps[self._done]
            self._callback(self._pipeline, self._done, level, {})


@contextmanager
def _one_thread_a_chunk() -> Iterator[int]:
    """Run torch on one thread, and yield the number of threads for our own workers.

    A sum that is split elsewhere differs in its last bits, which may change the choice between two
    similar sources.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _pack(results: Sequence[Result], output_type: str) -> SelfDiffusionOutput:
    return SelfDiffusionOutput(
        images=_convert([result.image for result in results], output_type),
        estimates=[result.estimate for result in results],
        reasons=[result.reason for result in results],
        details=[result.details for result in results],
    )


def _convert(images: list[ImageArray], output_type: str) -> Any:
    if output_type == "pil":
        return [Image.fromarray(image) for image in images]
    arrays: list[NDArray[Any]] = list(images)
    if output_type == "np":
        arrays = [image.astype(np.float32) / 255 for image in images]
    same = len({image.shape for image in images}) == 1
    return np.stack(arrays) if same else arrays
