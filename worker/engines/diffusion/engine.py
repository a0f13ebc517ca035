"""Diffusion pipelines as an engine."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from service.contract.catalogue import ModelEntry
from service.contract.errors import GpuOutOfMemory, InvalidField, ModelOutputInvalid
from service.contract.jobs import Recipe
from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.diffusion.framing import Frame, frame_canvas, resize
from worker.engines.diffusion.loading import choose_device, load_pipeline, versions
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8


@dataclass(frozen=True)
class CallKey:
    """What all rows of one pipeline call must share.

    Attributes:
        size: width and height in pixels.
        steps: `num_inference_steps`.
        strength: share of noise, (0, 1].
        guidance_scale: how closely the prompt is followed.
    """

    size: tuple[int, int]
    steps: int
    strength: float
    guidance_scale: float

    @property
    def steps_run(self) -> int:
        """Steps that the pipeline really takes: it skips what `strength` leaves out."""
        return min(int(self.steps * self.strength), self.steps)


@dataclass(frozen=True, eq=False)
class Call:
    """One pipeline call.

    Attributes:
        key: what its rows share.
        rows: index of each row among the canvases asked for, and its frame.
    """

    key: CallKey
    rows: tuple[tuple[int, Frame], ...]


class DiffusionEngine:
    """Paints with one configured model.

    Args:
        entry: the model.
        threads: threads of the processor for torch; 0 leaves it to torch.
    """

    def __init__(self, entry: ModelEntry, threads: int = 0) -> None:
        self._entry = entry
        self._threads = threads
        self._pipeline: Any = None

    def load(self) -> Recipe:
        """Load the pipeline, once; gives the recipe of all that it paints.

        Raises:
            ModelUnavailable: the weights cannot be loaded.
        """
        if self._pipeline is None:
            if self._threads:
                torch.set_num_threads(self._threads)
            self._pipeline = load_pipeline(self._entry, choose_device())
        return Recipe(
            engine="diffusers",
            model_revision=self._entry.revision,
            scheduler=type(self._pipeline.scheduler).__name__,
            dtype=self._entry.dtype,
            versions=versions(),
            details={
                "pipeline": type(self._pipeline).__name__,
                "device": str(self._pipeline.device.type),
                "native_pixels": self._entry.native_pixels,
            },
        )

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        """Paint every canvas; rows that agree in size and steps share a call, up to `max_batch`.

        Args:
            canvases: what to paint, each with its own prompt and seed.
            on_step: called after every denoising step, over all calls.

        Raises:
            InvalidField: strength and steps leave no step to run.
            GpuOutOfMemory: the accelerator's memory does not hold the call.
            ModelOutputInvalid: the model gave something that is no picture.
            Aborted: out of `on_step`.
        """
        self.load()
        calls = self._plan(canvases)
        total, done = sum(call.key.steps_run for call in calls), 0
        painted: dict[int, ImageArray] = {}
        for call in calls:
            first = done

            def on_call_step(step: int, first: int = first) -> None:
                on_step(first + step, total)

            images = self._run(call, canvases, on_call_step)
            for (index, _), image in zip(call.rows, images, strict=True):
                height, width = canvases[index].mask.shape
                painted[index] = resize(image, width, height)
            done += call.key.steps_run
        return [Painted(painted[index], repaints_kept=True) for index in range(len(canvases))]

    def _plan(self, canvases: Sequence[Canvas]) -> list[Call]:
        groups: dict[CallKey, list[tuple[int, Frame]]] = {}
        for index, canvas in enumerate(canvases):
            frame = frame_canvas(canvas, self._entry, self._pipeline.vae_scale_factor)
            groups.setdefault(self._key(canvas, frame), []).append((index, frame))
        limit = self._entry.max_batch
        return [
            Call(key, tuple(rows[start : start + limit]))
            for key, rows in groups.items()
            for start in range(0, len(rows), limit)
        ]

    def _key(self, canvas: Canvas, frame: Frame) -> CallKey:
        params, defaults = canvas.params, self._entry.defaults
        key = CallKey(
            size=frame.size,
            steps=_either(params.num_inference_steps, defaults.num_inference_steps),
            strength=_either(params.strength, defaults.strength),
            guidance_scale=_either(params.guidance_scale, defaults.guidance_scale),
        )
        if key.steps_run < 1:
            raise InvalidField("strength x num_inference_steps leaves no step to run; raise one")
        return key

    def _run(
        self, call: Call, canvases: Sequence[Canvas], on_call_step: Callable[[int], None]
    ) -> list[ImageArray]:
        """Call the pipeline; whatever happens, it can be called again afterwards."""
        try:
            return self._call(call, canvases, on_call_step)
        except torch.OutOfMemoryError:
            pass
        finally:
            # The end of every call, but skipped by an exception: state would leak into the next.
            self._pipeline.maybe_free_model_hooks()
        # Outside the handler: there the traceback would still hold the tensors.
        gc.collect()
        torch.cuda.empty_cache()
        raise GpuOutOfMemory("the accelerator's memory does not hold this picture")

    def _call(
        self, call: Call, canvases: Sequence[Canvas], on_call_step: Callable[[int], None]
    ) -> list[ImageArray]:
        def on_step_end(_pipe: Any, step: int, _time: Any, _tensors: Any) -> dict[str, Any]:
            on_call_step(step + 1)
            return {}

        width, height = call.key.size
        rows = [canvases[index] for index, _ in call.rows]
        frames = [frame for _, frame in call.rows]
        # Never num_images_per_prompt: it repeats prompts and images in different orders.
        output = self._pipeline(
            prompt=[row.params.prompt or "" for row in rows],
            negative_prompt=[row.params.negative_prompt or "" for row in rows],
            image=[Image.fromarray(frame.image) for frame in frames],
            mask_image=[Image.fromarray(frame.mask) for frame in frames],
            generator=[_new_generator(row.seed) for row in rows],
            width=width,
            height=height,
            num_inference_steps=call.key.steps,
            strength=call.key.strength,
            guidance_scale=call.key.guidance_scale,
            output_type="np",
            callback_on_step_end=on_step_end,
        )
        return [_to_picture(image) for image in output.images]


def _either(asked: float | None, default: Any) -> Any:
    return default if asked is None else asked


def _new_generator(seed: int) -> torch.Generator:
    """Give fresh noise of a seed; the processor's is the same for every device."""
    return torch.Generator("cpu").manual_seed(seed)


def _to_picture(image: Any) -> ImageArray:
    """Turn float (H, W, 3) in 0..1 into uint8."""
    if not np.isfinite(image).all():
        raise ModelOutputInvalid("the model gave values that are no numbers")
    return to_uint8((image * 255).round().clip(0, 255).astype(np.uint8))
