"""Kandinsky 2.2: a prior that imagines an embedding, and a decoder that inpaints from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    clip_text_encoder,
    clip_tokenizer,
    library,
    text_library,
)

WIDTH = 16


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    pipeline = library.KandinskyV22InpaintCombinedPipeline(
        unet=_unet(),
        scheduler=library.DDPMScheduler(beta_start=0.00085, beta_end=0.012),
        movq=_movq(),
        prior_prior=_prior(),
        prior_image_encoder=_image_encoder(),
        prior_text_encoder=clip_text_encoder(1, projects=True, hidden_size=WIDTH),
        prior_tokenizer=clip_tokenizer(),
        prior_scheduler=library.UnCLIPScheduler(
            variance_type="fixed_small_log",
            prediction_type="sample",
            clip_sample=True,
            clip_sample_range=10.0,
        ),
        prior_image_processor=text_library.CLIPImageProcessorPil(
            crop_size=32, size={"shortest_edge": 32}
        ),
    )
    pipeline.save_pretrained(directory, safe_serialization=True)
    return directory


def _prior() -> Any:
    torch.manual_seed(5)
    prior = library.PriorTransformer(
        num_attention_heads=2, attention_head_dim=8, embedding_dim=WIDTH, num_layers=1
    ).eval()
    # Zero as created: all that is imagined would be the mean.
    torch.nn.init.ones_(prior.clip_std)
    return prior


def _image_encoder() -> Any:
    torch.manual_seed(6)
    return text_library.CLIPVisionModelWithProjection(
        text_library.CLIPVisionConfig(
            hidden_size=WIDTH,
            projection_dim=WIDTH,
            intermediate_size=32,
            num_attention_heads=2,
            num_hidden_layers=1,
            image_size=32,
            patch_size=16,
        )
    ).eval()


def _unet() -> Any:
    torch.manual_seed(3)
    return library.UNet2DConditionModel(
        in_channels=9,
        # The noise and its variance.
        out_channels=8,
        addition_embed_type="image",
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=2,
        encoder_hid_dim=WIDTH,
        encoder_hid_dim_type="image_proj",
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        resnet_time_scale_shift="scale_shift",
    ).eval()


def _movq() -> Any:
    torch.manual_seed(2)
    return library.VQModel(
        # Its norm by position takes groups of 32 channels, whatever is asked.
        block_out_channels=(32, 32, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=8,
        norm_type="spatial",
        latent_channels=4,
        vq_embed_dim=4,
        num_vq_embeddings=12,
        mid_block_add_attention=False,
    ).eval()
