"""Stable Diffusion XL with the nine channels of inpainting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    clip_text_encoder,
    clip_tokenizer,
    kl_autoencoder,
    library,
)


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    pipeline = library.StableDiffusionXLInpaintPipeline(
        vae=kl_autoencoder(2, force_upcast=False),
        text_encoder=clip_text_encoder(1),
        text_encoder_2=clip_text_encoder(5, projects=True),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=_unet(),
        scheduler=library.EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        requires_aesthetics_score=False,
        add_watermarker=False,
    )
    pipeline.save_pretrained(directory, safe_serialization=True)
    return directory


def _unet() -> Any:
    torch.manual_seed(3)
    return library.UNet2DConditionModel(
        sample_size=128,
        in_channels=9,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=2,
        attention_head_dim=2,
        cross_attention_dim=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=64,
    ).eval()
