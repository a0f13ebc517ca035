"""Stable Diffusion 3 and 3.5."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from worker.engines.diffusion.families.base import (
    Adapter,
    CallInputs,
    Embed,
    Embedding,
    count_clip,
)


class StableDiffusion3(Adapter):
    """Calls `StableDiffusion3InpaintPipeline`, and decodes its latents.

    In diffusers 0.42 this pipeline subtracts the latents' shift when it encodes and does not add it
    when it decodes, unlike the text-to-image pipeline: its pictures have a tint.
    """

    sequence_length = 256

    def arguments(self, pipeline: Any, inputs: CallInputs, embed: Embed) -> dict[str, Any]:
        """Return the arguments, with latents as output."""
        return super().arguments(pipeline, inputs, embed) | {"output_type": "latent"}

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run both CLIPs, and T5 if it is loaded."""
        embeds, _, pooled, _ = pipeline.encode_prompt(
            [text],
            None,
            None,
            do_classifier_free_guidance=False,
            max_sequence_length=max_sequence_length,
        )
        return {"prompt_embeds": embeds, "pooled_prompt_embeds": pooled}

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count as T5 does if it is loaded, else as CLIP."""
        if pipeline.text_encoder_3 is None:
            return count_clip(pipeline.tokenizer, text)
        return len(pipeline.tokenizer_3(text).input_ids), max_sequence_length or 0

    def to_pictures(self, pipeline: Any, output: Any, inputs: CallInputs) -> list[np.ndarray]:
        """Decode the latents, shift included."""
        with torch.no_grad():
            latents = self.to_decodable(pipeline, output.images, inputs.settings)
            decoded = pipeline.vae.decode(latents.to(pipeline.vae.dtype), return_dict=False)[0]
        return list(pipeline.image_processor.postprocess(decoded, output_type="np"))
