"""FLUX.1 Fill: mask and masked picture are packed into the transformer's channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    clip_text_encoder,
    clip_tokenizer,
    flow_scheduler,
    kl_autoencoder,
    library,
    t5_encoder,
    t5_tokenizer,
)


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    pipeline = library.FluxFillPipeline(
        scheduler=flow_scheduler(),
        vae=kl_autoencoder(
            2,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.0609,
            scaling_factor=1.5035,
        ),
        text_encoder=clip_text_encoder(1),
        tokenizer=clip_tokenizer(),
        text_encoder_2=t5_encoder(6),
        tokenizer_2=t5_tokenizer(),
        transformer=_transformer(),
    )
    pipeline.save_pretrained(directory, safe_serialization=True)
    return directory


def _transformer() -> Any:
    torch.manual_seed(3)
    return library.FluxTransformer2DModel(
        patch_size=1,
        # Packed latents, packed latents of the masked picture, and 8 x 8 mask pixels a latent.
        in_channels=16 + 16 + 256,
        out_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=16,
        axes_dims_rope=(4, 4, 8),
        guidance_embeds=True,
    ).eval()
