"""Stable Diffusion 3 with its three text encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    clip_text_encoder,
    clip_tokenizer,
    kl_autoencoder,
    library,
    t5_encoder,
    t5_tokenizer,
)


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    pipeline = library.StableDiffusion3InpaintPipeline(
        transformer=_transformer(),
        scheduler=library.FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=kl_autoencoder(
            2,
            latent_channels=16,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.0609,
            scaling_factor=1.5305,
        ),
        text_encoder=clip_text_encoder(1, projects=True),
        tokenizer=clip_tokenizer(),
        text_encoder_2=clip_text_encoder(5, projects=True),
        tokenizer_2=clip_tokenizer(),
        text_encoder_3=t5_encoder(6),
        tokenizer_3=t5_tokenizer(),
    )
    pipeline.save_pretrained(directory, safe_serialization=True)
    return directory


def _transformer() -> Any:
    torch.manual_seed(3)
    return library.SD3Transformer2DModel(
        sample_size=32,
        patch_size=2,
        in_channels=16,
        out_channels=16,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=32,
        caption_projection_dim=16,
        pooled_projection_dim=32,
        pos_embed_max_size=64,
    ).eval()
