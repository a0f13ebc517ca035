"""Stable Diffusion XL."""

from __future__ import annotations

from typing import Any

import torch

from worker.engines.diffusion.families.base import Embed, Embedding, NoiseAdapter, Settings


class StableDiffusionXL(NoiseAdapter):
    """Calls `StableDiffusionXLInpaintPipeline`.

    Its default of `strength`, 0.9999, runs one step less and starts from the noised picture:
    `strength` is always given.
    """

    # Otherwise it adds an invisible watermark if a certain package is installed.
    components = {"add_watermarker": False}  # noqa: RUF012 - read-only in the base class

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run both CLIPs."""
        embeds, _, pooled, _ = pipeline.encode_prompt([text], do_classifier_free_guidance=False)
        return {"prompt_embeds": embeds, "pooled_prompt_embeds": pooled}

    def encode_negative(self, pipeline: Any, text: str, embed: Embed) -> Embedding:
        """Return zeros for no negative prompt: most weights were trained on zeros, not on ""."""
        embedding = embed(text)
        if text or not pipeline.config.force_zeros_for_empty_prompt:
            return embedding
        return {name: torch.zeros_like(value) for name, value in embedding.items()}

    def to_decodable(self, pipeline: Any, latents: torch.Tensor, settings: Settings) -> Any:
        """Undo the normalization of autoencoders that have one."""
        config = pipeline.vae.config
        if config.get("latents_mean") is None or config.get("latents_std") is None:
            return latents / config.scaling_factor
        mean = torch.tensor(config.latents_mean).view(1, 4, 1, 1).to(latents)
        std = torch.tensor(config.latents_std).view(1, 4, 1, 1).to(latents)
        return latents * std / config.scaling_factor + mean
