"""Diffusion pipelines as an engine."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from functools import partial

import torch

from service.contract.catalogue import ModelEntry
from service.contract.jobs import Recipe
from worker.engines.base import Canvas, Painted, PreviewCallback, StepCallback
from worker.engines.diffusion.call_memory import CallMemory, describe_memory, make_shape
from worker.engines.diffusion.families.base import Settings
from worker.engines.diffusion.loading import LoadedModel, choose_device, load_model
from worker.engines.diffusion.planning import Call, plan_rounds
from worker.engines.diffusion.previews import Previewer
from worker.engines.diffusion.probes import MemoryProbe, choose_probe
from worker.engines.diffusion.prompts import PromptCache
from worker.engines.diffusion.recipe import describe_model
from worker.engines.diffusion.running import OnLatents, Progress, Runner, needs_tiles
from worker.engines.diffusion.sheets import Sheet, frame_call
from worker.engines.patch import warm
from worker.imaging import ImageArray


class DiffusionEngine:
    """Paints with one configured model.

    Args:
        entry: the model.
        threads: threads of the processor for torch; 0 leaves it to torch.
        call_memory_bytes: that a call may take besides the weights; 0 for the free memory.
        probe: measures memory; `None` for the device's own.
    """

    def __init__(
        self,
        entry: ModelEntry,
        threads: int = 0,
        call_memory_bytes: int = 0,
        probe: MemoryProbe | None = None,
    ) -> None:
        self._entry = entry
        self._threads = threads
        self._call_memory_bytes = call_memory_bytes
        self._probe = probe
        self._model: LoadedModel | None = None
        self._memory: CallMemory | None = None
        self._prompts = PromptCache()
        self._previewer = Previewer()

    @property
    def gives_previews(self) -> bool:
        """See `PreviewingEngine`."""
        return True

    @property
    def is_loaded(self) -> bool:
        """True if the pipeline is in memory."""
        return self._model is not None

    def unload(self) -> None:
        """Drop the pipeline and everything that belongs to it."""
        if self._model is None:
            return
        self._model, self._prompts, self._previewer = None, PromptCache(), Previewer()
        # Modules and their hooks refer to each other: without this the memory is not freed.
        gc.collect()
        torch.cuda.empty_cache()

    def load(self) -> Recipe:
        """Load the pipeline, if it is not loaded, and return the recipe that its pictures share.

        Raises:
            ModelUnavailable: the weights cannot be loaded.
            OutOfMemory: the worker's memory does not hold them.
            GpuOutOfMemory: the accelerator's memory does not hold them.
        """
        return describe_model(self._loaded())

    def paint(
        self,
        canvases: Sequence[Canvas],
        on_step: StepCallback,
        on_preview: PreviewCallback | None = None,
    ) -> list[Painted]:
        """Paint every canvas; pictures of equal size and settings share a call.

        Args:
            canvases: what to paint, each with its own prompt and seed.
            on_step: called after every denoising step, over all calls, and sometimes between.
            on_preview: called after every step; makes previews of the canvases of its call.

        Returns:
            One picture a canvas, which differs from it only under the mask.

        Raises:
            InvalidField: strength and steps leave no step to run, or the infill is not possible.
            OutOfMemory: the worker's memory does not hold one picture.
            GpuOutOfMemory: the accelerator's memory does not hold one picture.
            ModelOutputInvalid: the model's output is not a picture.
            DeviceLost: the accelerator is broken; the process must end.
            Aborted: out of `on_step`.
        """
        model = self._loaded()
        memory = self._bound_calls(model)

        def most_pictures(settings: Settings, pictures: int) -> int:
            tiles = needs_tiles(model, settings)
            return memory.most_pictures(make_shape(model, settings, pictures, tiles=tiles))

        rounds = plan_rounds(canvases, model, most_pictures)
        sheets = [Sheet(canvas, model) for canvas in canvases]
        steps = sum(call.steps_run for calls in rounds for call in calls)
        progress = Progress(on_step, steps)
        show = self._show(model, sheets, on_preview)
        runner = Runner(model, memory, self._prompts, progress, show)

        def check() -> None:
            on_step(min(progress.done, progress.total), progress.total)

        for calls in rounds:
            for planned in calls:
                call = frame_call(planned, sheets, check)
                for picture, run in zip(call.pictures, runner.run(call), strict=True):
                    sheets[picture.index].put(picture, run)
        return [sheet.finish() for sheet in sheets]

    def _loaded(self) -> LoadedModel:
        if self._model is None:
            if self._threads:
                torch.set_num_threads(self._threads)
            self._model = load_model(self._entry, choose_device())
            self._previewer.prepare(self._model)
            if self._entry.traits.sees_hole:
                # Its holes are filled by patches: compile them now rather than in the first job.
                warm()
        return self._model

    def _bound_calls(self, model: LoadedModel) -> CallMemory:
        # The measurements stay valid when the model is loaded again.
        if self._memory is None:
            probe = self._probe or choose_probe(model.device)
            self._memory = CallMemory(describe_memory(model), probe, self._call_memory_bytes)
        return self._memory

    def _show(
        self, model: LoadedModel, sheets: Sequence[Sheet], on_preview: PreviewCallback | None
    ) -> OnLatents | None:
        if on_preview is None:
            return None

        def make(call: Call, latents: torch.Tensor) -> dict[int, ImageArray]:
            previews = self._previewer.preview(model, latents, call.settings)
            # A canvas of several pictures is shown once, with all of them.
            return {
                one.index: sheets[one.index].preview(one.piece, preview)
                for one, preview in zip(call.pictures, previews, strict=True)
            }

        def show(call: Call, latents: torch.Tensor) -> None:
            on_preview(partial(make, call, latents))

        return show
