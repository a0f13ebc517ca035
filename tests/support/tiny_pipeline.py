"""A complete inpainting pipeline of diffusers' own classes with 100 thousand random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

_diffusers: Any = diffusers
_transformers: Any = transformers


def build_tiny_sd_inpaint(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    pipeline = _diffusers.StableDiffusionInpaintPipeline(
        vae=_vae(),
        text_encoder=_text_encoder(),
        tokenizer=_tokenizer(),
        unet=_unet(),
        scheduler=_diffusers.DPMSolverMultistepScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(directory, safe_serialization=True)
    return directory


def _tokenizer() -> Any:
    """A tokenizer in which every byte is a token, so that any prompt works without a vocabulary."""
    letters = _byte_letters()
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return _transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def _text_encoder() -> Any:
    torch.manual_seed(1)
    return _transformers.CLIPTextModel(
        _transformers.CLIPTextConfig(
            vocab_size=514,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            projection_dim=16,
            max_position_embeddings=77,
        )
    ).eval()


def _vae() -> Any:
    """An autoencoder with four levels, so that sizes shrink by eight as in the real one."""
    torch.manual_seed(2)
    return _diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        norm_num_groups=2,
        latent_channels=4,
        mid_block_add_attention=False,
        sample_size=512,
    ).eval()


def _unet() -> Any:
    torch.manual_seed(3)
    return _diffusers.UNet2DConditionModel(
        sample_size=64,
        in_channels=9,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=2,
        attention_head_dim=2,
        cross_attention_dim=16,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    ).eval()


def _byte_letters() -> list[str]:
    """The letter that stands for each byte: itself if printable, else one past the bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = len(set(range(256)) - set(printable))
    return [chr(code) for code in (*printable, *range(256, 256 + others))]
