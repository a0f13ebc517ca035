"""Qwen-Image, by itself and with a ControlNet for inpainting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from worker.engines.diffusion.families.base import Adapter, Embedding, Settings, unpack_2x2


class QwenImage(Adapter):
    """Calls `QwenImageInpaintPipeline`: `guidance_scale` is its `true_cfg_scale`."""

    guidance = "true_cfg_scale"
    opens_cache = True
    # Its autoencoder is made for videos; small ones for videos have another class.
    takes_preview_vae = False

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run Qwen2.5-VL; embeddings are as long as their text."""
        embeds, _ = pipeline.encode_prompt([text], max_sequence_length=max_sequence_length)
        return {"prompt_embeds": embeds}

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count tokens as in the message to Qwen2.5-VL, without the part before the text."""
        tokens = pipeline.tokenizer(pipeline.prompt_template_encode.format(text)).input_ids
        return len(tokens) - pipeline.prompt_template_encode_start_idx, max_sequence_length or 0

    def join(self, embeddings: Sequence[Embedding]) -> dict[str, Any]:
        """Pad to the longest, with a mask if padding was added."""
        rows = [one["prompt_embeds"] for one in embeddings]
        lengths = [row.shape[1] for row in rows]
        longest = max(lengths)
        padded = [functional.pad(row, (0, 0, 0, longest - row.shape[1])) for row in rows]
        joined: dict[str, Any] = {"prompt_embeds": torch.cat(padded), "prompt_embeds_mask": None}
        if min(lengths) < longest:
            places = torch.arange(longest, device=rows[0].device)
            ends = torch.tensor(lengths, device=rows[0].device)
            joined["prompt_embeds_mask"] = (places[None] < ends[:, None]).long()
        return joined

    def to_decodable(self, pipeline: Any, latents: torch.Tensor, settings: Settings) -> Any:
        """Unpack, and undo the normalization by channel."""
        config = pipeline.vae.config
        mean = torch.tensor(config.latents_mean).view(1, -1, 1, 1).to(latents)
        std = torch.tensor(config.latents_std).view(1, -1, 1, 1).to(latents)
        return unpack_2x2(latents, settings) * std + mean


class QwenImageControlNet(QwenImage):
    """Calls `QwenImageControlNetInpaintPipeline`, with a ControlNet made for inpainting."""

    controlnet = "QwenImageControlNetModel"
    image = "control_image"
    mask = "control_mask"
    takes_strength = False

    def prepare(self, pipeline: Any) -> None:
        """Make the encoding of the picture deterministic.

        The pipeline samples there from the global generator, not from the pictures' generators: the
        same seed would paint another picture every time.
        """
        pipeline.vae.encode = _without_noise(pipeline.vae.encode)


def _without_noise(encode: Callable[..., Any]) -> Callable[..., Any]:
    def encode_mean(*args: Any, **options: Any) -> Any:
        output = encode(*args, **options)
        output.latent_dist.std = torch.zeros_like(output.latent_dist.mean)
        return output

    return encode_mean
