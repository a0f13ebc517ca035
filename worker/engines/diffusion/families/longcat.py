"""LongCat-Image-Edit, which takes neither a mask nor a callback."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch

from service.contract.catalogue import ModelEntry
from worker.engines.diffusion.families.base import (
    Adapter,
    CallInputs,
    Embed,
    Settings,
    StepEnd,
    new_generator,
    own_size,
    unpack_2x2,
)
from worker.engines.diffusion.families.vision import read_processor

MAX_TOKENS: Final = 512
"""Tokens that it reads; one more and diffusers 0.42 raises `TypeError` instead of cutting."""


class LongCatImageEdit(Adapter):
    """Calls `LongCatImageEditPipeline`, one picture at a time.

    It paints the whole picture anew; what is outside the mask is taken from the original
    afterwards, as with every model. Its steps are counted, and a call is ended, where its scheduler
    steps.
    """

    mask = None
    takes_strength = False
    takes_size = False
    sequence_length = None
    opens_cache = True
    encodes_alone = False

    def read_components(self, entry: ModelEntry, origin: dict[str, Any]) -> Mapping[str, Any]:
        """Read the processor, which the library cannot build without torchvision."""
        return {"text_processor": read_processor(entry.source, "text_processor", origin)}

    def arguments(self, pipeline: Any, inputs: CallInputs, embed: Embed) -> dict[str, Any]:
        """Return the arguments, of one picture instead of a list."""
        given = super().arguments(pipeline, inputs, embed)
        return given | {"image": inputs.images[0], "generator": new_generator(inputs.seeds[0])}

    def callbacks(self, on_step_end: StepEnd) -> dict[str, Any]:
        """Return none."""
        return {}

    @contextmanager
    def calling(self, pipeline: Any, settings: Settings, on_step_end: StepEnd) -> Iterator[None]:
        """Keep the size, and report every step of the scheduler, while the pipeline is called."""
        scheduler = pipeline.scheduler
        step = scheduler.step

        def watched(*values: Any, **options: Any) -> Any:
            output = step(*values, **options)
            on_step_end(output[0])
            return output

        scheduler.step = watched
        try:
            with own_size(pipeline, (settings.width, settings.height)):
                yield
        finally:
            del scheduler.step

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count as the pipeline does: what is in quotation marks letter by letter."""
        split = sys.modules[type(pipeline).__module__].split_quotation
        parts = ((list(part) if quoted else [part]) for part, quoted in split(text))
        tokens = (
            len(pipeline.tokenizer(piece, add_special_tokens=False).input_ids)
            for part in parts
            for piece in part
        )
        return sum(tokens), MAX_TOKENS

    def to_decodable(self, pipeline: Any, latents: torch.Tensor, settings: Settings) -> Any:
        """Unpack first."""
        return super().to_decodable(pipeline, unpack_2x2(latents, settings), settings)

    def _prompts(self, pipeline: Any, inputs: CallInputs, embed: Embed) -> dict[str, Any]:
        given = {"prompt": self._cut(pipeline, inputs.prompts[0])}
        if self.is_guided(pipeline, inputs.settings):
            given["negative_prompt"] = self._cut(pipeline, inputs.negative_prompts[0])
        return given

    def _cut(self, pipeline: Any, text: str) -> str:
        """Return the longest beginning of a text that is read."""
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.count_tokens(pipeline, text[:middle], None)[0] <= MAX_TOKENS
            low, high = (middle, high) if fits else (low, middle - 1)
        return text[:low]
