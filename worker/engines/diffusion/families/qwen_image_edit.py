"""Qwen-Image-Edit, which follows instructions about the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from service.contract.catalogue import ModelEntry
from worker.engines.diffusion.families.base import CallInputs, Embed, Settings, StepEnd, own_size
from worker.engines.diffusion.families.qwen_image import QwenImage
from worker.engines.diffusion.families.vision import read_processor


class QwenImageEdit(QwenImage):
    """Calls `QwenImageEditInpaintPipeline`, which reads the prompt together with the picture.

    It replaces every size by one of about a megapixel: the picture's own is put in its place.
    """

    takes_size = False
    encodes_alone = False

    def read_components(self, entry: ModelEntry, origin: dict[str, Any]) -> Mapping[str, Any]:
        """Read the processor, which the library cannot build without torchvision."""
        return {"processor": read_processor(entry.source, "processor", origin)}

    @contextmanager
    def calling(self, pipeline: Any, settings: Settings, on_step_end: StepEnd) -> Iterator[None]:
        """Keep the size while the pipeline is called."""
        with own_size(pipeline, (settings.width, settings.height, None)):
            yield

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Return the number of tokens twice: all are read."""
        count = len(pipeline.tokenizer(text).input_ids)
        return count, count

    def _prompts(self, pipeline: Any, inputs: CallInputs, embed: Embed) -> dict[str, Any]:
        given: dict[str, Any] = {"prompt": list(inputs.prompts)}
        if self.is_guided(pipeline, inputs.settings):
            # Its guidance is off without one, and a text without a letter is none.
            given["negative_prompt"] = [text or " " for text in inputs.negative_prompts]
        return given
