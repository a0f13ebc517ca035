"""FLUX.2 klein."""

from __future__ import annotations

from typing import Any

import torch

from worker.engines.diffusion.families.base import Adapter, Embedding, Settings, count_chat


class Flux2Klein(Adapter):
    """Calls `Flux2KleinInpaintPipeline`.

    It ignores `width` and `height`, rounds the picture's size down to multiples of 16 and shrinks
    it to a megapixel: the picture must have a size that it does not change. Distilled weights
    take no guidance; base weights take the model's default, with "" as negative prompt.
    """

    reference = "image_reference"
    takes_size = False
    max_pixels = 1024 * 1024
    opens_cache = True
    # The small decoders made for it are not of diffusers' class.
    takes_preview_vae = False

    def is_guided(self, pipeline: Any, settings: Settings) -> bool:
        """Return whether the weights are base weights with guidance."""
        return not pipeline.config.is_distilled and settings.guidance_scale > 1

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run Qwen3."""
        embeds, _ = pipeline.encode_prompt([text], max_sequence_length=max_sequence_length)
        return {"prompt_embeds": embeds}

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count tokens as in the message to Qwen3."""
        return count_chat(pipeline.tokenizer, text, max_sequence_length, thinks=False)

    def to_decodable(self, pipeline: Any, latents: torch.Tensor, settings: Settings) -> Any:
        """Undo the packing, the normalization by the autoencoder's statistics, and the patches."""
        count, _, channels = latents.shape
        rows, columns = settings.height // 16, settings.width // 16
        grid = latents.view(count, rows, columns, channels).permute(0, 3, 1, 2)
        norm = pipeline.vae.bn
        std = (norm.running_var + pipeline.vae.config.batch_norm_eps).sqrt()
        patches = grid * std.view(1, -1, 1, 1).to(grid) + norm.running_mean.view(1, -1, 1, 1).to(
            grid
        )
        return pipeline._unpatchify_latents(patches)

    def _settings(self, pipeline: Any, settings: Settings) -> dict[str, Any]:
        given = super()._settings(pipeline, settings)
        if not self.is_guided(pipeline, settings):
            # Its own default is for base weights: 8.
            given["guidance_scale"] = 1.0
        return given
