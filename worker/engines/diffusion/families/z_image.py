"""Z-Image, by itself and with a ControlNet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from worker.engines.diffusion.families.base import (
    Adapter,
    CallInputs,
    Embed,
    Embedding,
    Settings,
    count_chat,
)

GRAY = (128, 128, 128)


class ZImage(Adapter):
    """Calls `ZImageInpaintPipeline`.

    It guides at any scale above 0, at twice the cost; turbo weights need 0.
    """

    def is_guided(self, pipeline: Any, settings: Settings) -> bool:
        """Return whether the scale is above 0 (not 1)."""
        return settings.guidance_scale > 0

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run Qwen3; embeddings are as long as their text."""
        embeds, _ = pipeline.encode_prompt(
            [text], do_classifier_free_guidance=False, max_sequence_length=max_sequence_length
        )
        return {"prompt_embeds": embeds[0]}

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count tokens as in the message to Qwen3."""
        return count_chat(pipeline.tokenizer, text, max_sequence_length, thinks=True)

    def join(self, embeddings: Sequence[Embedding]) -> dict[str, Any]:
        """Return a list, because lengths differ."""
        return {"prompt_embeds": [one["prompt_embeds"] for one in embeddings]}


class ZImageControlNet(ZImage):
    """Calls `ZImageControlNetInpaintPipeline`, with weights of Union 2.0 or later.

    Besides the picture it takes a control picture of the content. Gray stands for none, as in other
    programs that repaint only a region with it.
    """

    controlnet = "ZImageControlNetModel"
    takes_strength = False

    def arguments(self, pipeline: Any, inputs: CallInputs, embed: Embed) -> dict[str, Any]:
        """Return the arguments, with the control picture."""
        size = inputs.settings.width, inputs.settings.height
        drawings = [Image.new("RGB", size, GRAY) for _ in inputs.images]
        return super().arguments(pipeline, inputs, embed) | {"control_image": drawings}
