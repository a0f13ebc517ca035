"""FLUX.1 Fill."""

from __future__ import annotations

from typing import Any

import torch

from worker.engines.diffusion.families.base import Adapter, Embedding, Settings, unpack_2x2


class FluxFill(Adapter):
    """Calls `FluxFillPipeline`: distilled guidance and no negative prompt.

    Its default size is 1024 x 1024 for any picture: the size is always given.
    """

    def is_guided(self, pipeline: Any, settings: Settings) -> bool:
        """Return False: the model was trained with guidance as an input."""
        return False

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run CLIP and T5."""
        embeds, pooled, _ = pipeline.encode_prompt([text], max_sequence_length=max_sequence_length)
        return {"prompt_embeds": embeds, "pooled_prompt_embeds": pooled}

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count as T5 does: CLIP reads the beginning only as a hint."""
        return len(pipeline.tokenizer_2(text).input_ids), max_sequence_length or 0

    def to_decodable(self, pipeline: Any, latents: torch.Tensor, settings: Settings) -> Any:
        """Unpack first."""
        return super().to_decodable(pipeline, unpack_2x2(latents, settings), settings)
