"""Chroma: FLUX's shape with guidance by a negative prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    flow_scheduler,
    kl_autoencoder,
    library,
    t5_encoder,
    t5_tokenizer,
)


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    pipeline = library.ChromaInpaintPipeline(
        scheduler=flow_scheduler(),
        vae=kl_autoencoder(
            2,
            use_quant_conv=False,
            use_post_quant_conv=False,
            shift_factor=0.1159,
            scaling_factor=0.3611,
        ),
        text_encoder=t5_encoder(6),
        tokenizer=t5_tokenizer(),
        transformer=_transformer(),
    )
    pipeline.save_pretrained(directory, safe_serialization=True)
    return directory


def _transformer() -> Any:
    torch.manual_seed(3)
    return library.ChromaTransformer2DModel(
        patch_size=1,
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 4, 8),
        approximator_num_channels=8,
        approximator_hidden_dim=16,
        approximator_layers=1,
    ).eval()
