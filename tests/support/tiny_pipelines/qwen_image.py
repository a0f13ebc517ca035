"""Qwen-Image, by itself and with a ControlNet for inpainting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    flow_scheduler,
    library,
    qwen_tokenizer,
    text_library,
)

CHANNELS = 4
"""Of the autoencoder's latents."""


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    pipeline = library.QwenImageInpaintPipeline(
        scheduler=flow_scheduler(),
        vae=make_autoencoder(),
        text_encoder=_text_encoder(),
        tokenizer=qwen_tokenizer(),
        transformer=make_transformer(),
    )
    _shorten_preamble(pipeline)
    pipeline.save_pretrained(directory, safe_serialization=True)
    return directory


def build_with_controlnet(directory: Path) -> Path:
    """Build the plain pipeline, and its ControlNet in `controlnet` beside the other parts."""
    build(directory)
    _controlnet().save_pretrained(directory / "controlnet", safe_serialization=True)
    return directory


def _shorten_preamble(pipeline: Any) -> None:
    """Make one token of most of what the pipeline writes before a prompt.

    It drops a fixed number of tokens for it; letter by letter it would drop too few, and the prompt
    would lie beyond the length that prompts are cut to.
    """
    tokenizer = pipeline.tokenizer
    preamble = pipeline.prompt_template_encode.split("{}")[0]
    surplus = len(tokenizer(preamble).input_ids) - pipeline.prompt_template_encode_start_idx
    start = preamble.index("Describe")
    tokenizer.add_tokens([preamble[start : start + surplus + 1]])


def make_autoencoder() -> Any:
    """Make an autoencoder of four channels."""
    torch.manual_seed(2)
    return library.AutoencoderKLQwenImage(
        base_dim=4,
        z_dim=CHANNELS,
        dim_mult=[1, 2, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1, -0.2, 0.0, 0.3],
        latents_std=[1.0, 0.8, 1.2, 0.9],
    ).eval()


def _text_encoder() -> Any:
    torch.manual_seed(1)
    attention = {"num_attention_heads": 2, "num_key_value_heads": 2}
    config = text_library.Qwen2_5_VLConfig(
        text_config={
            "vocab_size": 260,
            "bos_token_id": 256,
            "eos_token_id": 258,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "max_position_embeddings": 2048,
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default"},
            **attention,
        },
        vision_config={
            "depth": 1,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": 16,
        },
    )
    return text_library.Qwen2_5_VLForConditionalGeneration(config).eval()


def make_transformer(**changes: Any) -> Any:
    """Make a transformer of two layers."""
    torch.manual_seed(3)
    return library.QwenImageTransformer2DModel(out_channels=CHANNELS, **_sizes(), **changes).eval()


def _controlnet() -> Any:
    torch.manual_seed(4)
    controlnet = library.QwenImageControlNetModel(
        # The mask's one channel, packed two by two.
        extra_condition_channels=4,
        **_sizes(),
    ).eval()
    # They start at zero, so that an untrained ControlNet does nothing: it would hide its inputs.
    for module in (controlnet.controlnet_x_embedder, *controlnet.controlnet_blocks):
        torch.nn.init.normal_(module.weight, std=0.1)
    return controlnet


def _sizes() -> dict[str, Any]:
    return {
        "patch_size": 2,
        "in_channels": CHANNELS * 4,
        "num_layers": 2,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 16,
        "axes_dims_rope": (8, 4, 4),
    }
