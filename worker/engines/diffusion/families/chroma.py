"""Chroma."""

from __future__ import annotations

from typing import Any

import torch

from worker.engines.diffusion.families.base import Adapter, Embedding, Settings, unpack_2x2


class Chroma(Adapter):
    """Calls `ChromaInpaintPipeline`; its `true_cfg_scale` does nothing, `guidance_scale` guides."""

    sequence_length = 256
    # It runs both passes of guidance in one context: they would overwrite each other's cache.
    takes_cache = False

    def prepare(self, pipeline: Any) -> None:
        """Add settings that the pipeline expects of the transformer and the transformer lacks."""
        if "guidance_embeds" not in pipeline.transformer.config:
            pipeline.transformer.register_to_config(guidance_embeds=False)

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run T5; its padding is masked except for one token."""
        embeds, _, mask, *_ = pipeline.encode_prompt(
            [text], do_classifier_free_guidance=False, max_sequence_length=max_sequence_length
        )
        return {"prompt_embeds": embeds, "prompt_attention_mask": mask}

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count as T5 does."""
        return len(pipeline.tokenizer(text).input_ids), max_sequence_length or 0

    def to_decodable(self, pipeline: Any, latents: torch.Tensor, settings: Settings) -> Any:
        """Unpack first."""
        return super().to_decodable(pipeline, unpack_2x2(latents, settings), settings)
