"""LongCat-Image-Edit: no mask, no callback, and a text encoder that also sees the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import flow_scheduler, kl_autoencoder, library
from tests.support.tiny_pipelines.vision import make_processor, make_text_encoder, name_processor


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    processor = make_processor()
    pipeline = library.LongCatImageEditPipeline(
        scheduler=flow_scheduler(),
        vae=kl_autoencoder(2, latent_channels=16, shift_factor=0.1159, scaling_factor=0.3611),
        text_encoder=make_text_encoder(processor.tokenizer),
        tokenizer=processor.tokenizer,
        text_processor=processor,
        transformer=_transformer(),
    )
    pipeline.save_pretrained(directory, safe_serialization=True)
    return name_processor(directory, "text_processor")


def _transformer() -> Any:
    torch.manual_seed(3)
    return library.LongCatImageTransformer2DModel(
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=16,
        pooled_projection_dim=16,
        axes_dims_rope=[4, 4, 8],
    ).eval()
