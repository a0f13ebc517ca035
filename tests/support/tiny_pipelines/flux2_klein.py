"""FLUX.2 klein, distilled: four steps, no guidance, the picture itself as a reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    flow_scheduler,
    flux2_autoencoder,
    library,
    qwen3_encoder,
    qwen_tokenizer,
)


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    pipeline = library.Flux2KleinInpaintPipeline(
        scheduler=flow_scheduler(),
        vae=flux2_autoencoder(2),
        # It reads the hidden states after layers 9, 18 and 27.
        text_encoder=qwen3_encoder(1, layers=28),
        tokenizer=qwen_tokenizer(),
        transformer=_transformer(),
        is_distilled=True,
    )
    pipeline.save_pretrained(directory, safe_serialization=True)
    return directory


def _transformer() -> Any:
    torch.manual_seed(3)
    return library.Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=32,
        axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    ).eval()
