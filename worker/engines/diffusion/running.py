"""One pipeline call, and the remedies when it fails: fewer pictures, tiles, more precision."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch

from service.contract.errors import ModelOutputInvalid
from worker.engines.base import StepCallback
from worker.engines.diffusion.call_memory import CallMemory, make_shape
from worker.engines.diffusion.effects import AlphaArray
from worker.engines.diffusion.families.base import Settings
from worker.engines.diffusion.faults import (
    DeviceLost,
    is_device_lost,
    is_out_of_memory,
    memory_failure,
)
from worker.engines.diffusion.fitting import set_tiling
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.loras import use_loras
from worker.engines.diffusion.outputs import find_picture
from worker.engines.diffusion.planning import Call
from worker.engines.diffusion.precision import can_be_raised, in_float32
from worker.engines.diffusion.prompts import PromptCache
from worker.imaging import ImageArray

NO_PICTURE = "the model's output is not a picture: NaN values, or all black"

OnLatents = Callable[[Call, torch.Tensor], None]
"""Called after a step with the call and its latents, packed as in the pipeline."""


class Progress:
    """Reports steps over all calls of a painting.

    Args:
        on_step: called with every step; what it raises ends the call.
        total: steps of all calls as planned.
    """

    def __init__(self, on_step: StepCallback, total: int) -> None:
        self._on_step = on_step
        self.done = 0
        self.total = total

    def report(self) -> None:
        """Report one more step."""
        self.done += 1
        self._on_step(min(self.done, self.total), self.total)


@dataclass(frozen=True, eq=False)
class PaintedPicture:
    """The result of a call for one picture.

    Attributes:
        image: RGB uint8 (H, W, 3) of the call's size.
        call: that painted it.
        tiled: whether the autoencoder worked in tiles.
        raised: whether float32 replaced the model's dtype.
        alpha: float32 (H, W), the model's own, if it has one.
    """

    image: ImageArray
    call: Call
    tiled: bool = False
    raised: bool = False
    alpha: AlphaArray | None = None


@dataclass(frozen=True, eq=False)
class _Output:
    """One picture that a call returned: float (H, W, 3), and its alpha, if there is one."""

    image: np.ndarray
    alpha: AlphaArray | None


def needs_tiles(model: LoadedModel, settings: Settings) -> bool:
    """Return whether the autoencoder must work in tiles from the start."""
    return settings.width * settings.height >= model.entry.tile_pixels


class Runner:
    """Runs the calls of one painting; the pipeline stays usable after any failure.

    Args:
        model: that paints.
        memory: learns from its calls.
        prompts: the cache of its embeddings.
        progress: receives every step.
        on_latents: receives the latents of every step, if there are any.
    """

    def __init__(
        self,
        model: LoadedModel,
        memory: CallMemory,
        prompts: PromptCache,
        progress: Progress,
        on_latents: OnLatents | None = None,
    ) -> None:
        self._model = model
        self._memory = memory
        self._prompts = prompts
        self._progress = progress
        self._on_latents = on_latents

    def run(self, call: Call) -> list[PaintedPicture]:
        """Run a call; if memory does not hold it, with fewer pictures, then in tiles.

        Raises:
            OutOfMemory: the worker's memory does not hold one picture in tiles.
            GpuOutOfMemory: the accelerator's memory does not.
            ModelOutputInvalid: the output is not a picture, not even in float32.
            DeviceLost: the accelerator is broken.
            Aborted: from the progress.
        """
        return self._run(call, needs_tiles(self._model, call.settings))

    def _run(self, call: Call, tiles: bool) -> list[PaintedPicture]:
        before = self._progress.done
        outputs = self._call_if_it_fits(call, tiles)
        if outputs is not None:
            return self._mend(call, outputs, tiles)
        # Steps of a failed call count: progress never goes back.
        self._progress.total += self._progress.done - before
        if len(call.pictures) > 1:
            self._progress.total += call.steps_run
            return [one for half in call.halves() for one in self._run(half, tiles)]
        if tiles:
            raise memory_failure(self._model.device, "this picture")
        return self._run(call, tiles=True)

    def _mend(self, call: Call, outputs: Sequence[_Output], tiles: bool) -> list[PaintedPicture]:
        """Convert the output to pictures; paint those that are none again in float32."""
        pairs = zip(call.pictures, outputs, strict=True)
        found = [find_picture(output.image, asked.frame) for asked, output in pairs]
        broken = [index for index, picture in enumerate(found) if picture is None]
        raised = dict(zip(broken, self._run_raised(call, broken, tiles), strict=True))
        return [
            raised[index]
            if picture is None
            else PaintedPicture(picture, call, tiles, alpha=outputs[index].alpha)
            for index, picture in enumerate(found)
        ]

    def _run_raised(self, call: Call, broken: list[int], tiles: bool) -> list[PaintedPicture]:
        if not broken:
            return []
        if not can_be_raised(self._model.pipeline):
            raise ModelOutputInvalid(NO_PICTURE)
        again = replace(call, pictures=tuple(call.pictures[index] for index in broken))
        self._progress.total += call.steps_run
        try:
            with in_float32(self._model.pipeline):
                painted = self._run(again, tiles)
        except RuntimeError as error:
            # The memory that is missing is for weights of twice the size, not for the call.
            if is_out_of_memory(error):
                raise ModelOutputInvalid(NO_PICTURE) from None
            raise
        return [replace(one, raised=True) for one in painted]

    def _call_if_it_fits(self, call: Call, tiles: bool) -> list[_Output] | None:
        """Call the pipeline; return `None` if it runs out of memory."""
        shape = make_shape(self._model, call.settings, len(call.pictures), tiles=tiles)
        try:
            with self._memory.watch(shape):
                return self._call(call, tiles)
        except RuntimeError as error:
            if is_device_lost(error):
                raise DeviceLost("the accelerator's context is broken") from None
            if not is_out_of_memory(error):
                raise
        finally:
            self._clean_up()
        # Outside the handler: inside, the traceback would still hold the tensors.
        gc.collect()
        torch.cuda.empty_cache()
        return None

    def _clean_up(self) -> None:
        """Run the cleanup that an exception skips, so that no state leaks into the next call.

        It may move weights, and so be the first to find the device broken.
        """
        try:
            self._model.pipeline.maybe_free_model_hooks()
        except RuntimeError as error:
            if is_device_lost(error):
                raise DeviceLost("the accelerator's context is broken") from None
            raise

    def _call(self, call: Call, tiles: bool) -> list[_Output]:
        model, first = self._model, self._progress.done
        adapter, inputs = model.adapter, call.to_inputs(model.entry)
        length = call.settings.max_sequence_length
        use_loras(model.pipeline, model.entry, call.settings.loras)
        embed = partial(
            self._prompts.embed,
            adapter,
            model.pipeline,
            max_sequence_length=length,
            loras=call.settings.loras,
        )
        set_tiling(model.autoencoder, tiles=tiles)
        step_end = partial(self._step_end, call)
        with self._caching(), adapter.calling(model.pipeline, call.settings, step_end):
            output = model.pipeline(
                **adapter.arguments(model.pipeline, inputs, embed),
                **adapter.callbacks(step_end),
            )
            pictures = adapter.to_pictures(model.pipeline, output, inputs)
            found = adapter.to_alphas(model.pipeline, output, inputs)
            alphas: list[AlphaArray | None] = [None] * len(pictures)
            if found is not None:
                alphas = list(found)
        # A scheduler may take another number of steps than planned.
        self._progress.total += self._progress.done - first - call.steps_run
        return [_Output(*pair) for pair in zip(pictures, alphas, strict=True)]

    def _step_end(self, call: Call, latents: torch.Tensor | None) -> None:
        self._progress.report()
        if self._on_latents is not None and latents is not None:
            self._on_latents(call, latents)

    @contextmanager
    def _caching(self) -> Iterator[None]:
        """Open the context that caches between steps need, if the pipeline opens none."""
        with ExitStack() as stack:
            if self._model.entry.cache is not None and not self._model.adapter.opens_cache:
                stack.enter_context(self._model.denoiser.cache_context("cond"))
            yield
