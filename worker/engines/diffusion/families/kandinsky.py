"""Kandinsky 2.2: a prior that generates an embedding, and a decoder that inpaints from it."""

from __future__ import annotations

from typing import Any, Final

import torch

from worker.engines.diffusion.families.base import (
    CallInputs,
    Embed,
    NoiseAdapter,
    Settings,
    StepEnd,
    count_clip,
    new_generator,
)

PRIOR_STEPS: Final = 25
"""Steps of the prior, as published; they are reported like those of the decoder."""


class Kandinsky22(NoiseAdapter):
    """Calls `KandinskyV22InpaintCombinedPipeline`, one picture at a time.

    Its decoder pastes the first picture and mask into every picture. The prior starts from the
    seed, so its embeddings cannot be cached for other jobs.
    """

    autoencoder = "movq"
    takes_strength = False
    takes_preview_vae = False
    encodes_alone = False

    def callbacks(self, on_step_end: StepEnd) -> dict[str, Any]:
        """Return the callbacks, which also report the prior's steps, without latents."""

        def report(_pipe: Any, _step: int, _time: Any, _tensors: Any) -> dict[str, Any]:
            on_step_end(None)
            return {}

        return {**super().callbacks(on_step_end), "prior_callback_on_step_end": report}

    def steps_run(self, pipeline: Any, settings: Settings) -> int:
        """Add the prior's steps."""
        return PRIOR_STEPS + super().steps_run(pipeline, settings)

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count as the prior's CLIP does."""
        return count_clip(pipeline.prior_tokenizer, text)

    def to_decodable(self, pipeline: Any, latents: torch.Tensor, settings: Settings) -> Any:
        """Return them unchanged."""
        return latents

    def _prompts(self, pipeline: Any, inputs: CallInputs, embed: Embed) -> dict[str, Any]:
        [prompt], [negative] = inputs.prompts, inputs.negative_prompts
        return {
            "prompt": prompt,
            # Without one, guidance leads away from the embedding of a black picture.
            "negative_prompt": negative or None,
            "generator": new_generator(inputs.seeds[0]),
            "prior_num_inference_steps": PRIOR_STEPS,
        }
