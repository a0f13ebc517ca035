"""Pipelines as one file, in the names of the checkpoints that Stable Diffusion is passed on as.

Source: CompVis/stable-diffusion, ldm/modules/diffusionmodules (openaimodel.py, model.py), and
diffusers' scripts/convert_diffusers_to_original_stable_diffusion.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

CLIP_OF_SD = "cond_stage_model.transformer."
CLIP_OF_SDXL = "conditioner.embedders.0.transformer."
SECOND_CLIP_OF_SDXL = "conditioner.embedders.1.model.positional_embedding"

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_UNET = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.attentions.0": "middle_block.1",
}
_AUTOENCODER = {
    "conv_norm_out": "norm_out",
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "conv_shortcut": "nin_shortcut",
}


def write_single_file(directory: Path, file: Path, clip: str) -> None:
    """Move a pipeline's denoiser, autoencoder and first text encoder into one file.

    Args:
        directory: of the pipeline, in diffusers' layout; settings and the rest stay there.
        file: to write.
        clip: what the names of the text encoder begin with.
    """
    whole: dict[str, torch.Tensor] = {}
    for folder, prefix, rename in (
        ("unet", "model.diffusion_model.", rename_unet),
        ("vae", "first_stage_model.", rename_autoencoder),
        ("text_encoder", clip, rename_clip),
    ):
        [weights] = (directory / folder).glob("*.safetensors")
        whole |= {prefix + rename(name): value for name, value in load_file(weights).items()}
        weights.unlink()
    if clip == CLIP_OF_SDXL:
        # diffusers looks for the first encoder only where it finds the second.
        whole[SECOND_CLIP_OF_SDXL] = torch.zeros(77, 16)
    save_file(whole, file)


def rename_unet(name: str) -> str:
    """For a UNet with one layer a block, as the tiny ones are."""
    for ours, theirs in _find_unet_blocks():
        if name.startswith(f"{ours}."):
            rest = name.removeprefix(f"{ours}.")
            return f"{theirs}.{_replace(rest, _RESNET) if '.resnets.' in ours else rest}"
    return _replace(name, _UNET)


def _find_unet_blocks(blocks: int = 2, layers: int = 1) -> Iterator[tuple[str, str]]:
    """Blocks are counted through from the input on, and the samplers between them count too."""
    yield "mid_block.resnets.0", "middle_block.0"
    yield "mid_block.resnets.1", "middle_block.2"
    for block in range(blocks):
        first = 1 + block * (layers + 1)
        for layer in range(layers):
            yield f"down_blocks.{block}.resnets.{layer}", f"input_blocks.{first + layer}.0"
            yield f"down_blocks.{block}.attentions.{layer}", f"input_blocks.{first + layer}.1"
        sampler = f"input_blocks.{first + layers}.0.op"
        yield f"down_blocks.{block}.downsamplers.0.conv", sampler
        first = block * (layers + 1)
        for layer in range(layers + 1):
            yield f"up_blocks.{block}.resnets.{layer}", f"output_blocks.{first + layer}.0"
            yield f"up_blocks.{block}.attentions.{layer}", f"output_blocks.{first + layer}.1"
        # After the attention, which of the tiny ones' blocks only the first has.
        sampler = f"output_blocks.{first + layers}.{1 if block else 2}.conv"
        yield f"up_blocks.{block}.upsamplers.0.conv", sampler


def rename_autoencoder(name: str, levels: int = 4) -> str:
    """For an autoencoder without attention; its decoder's levels are counted from the picture."""
    for level in range(levels):
        down, up = f"down_blocks.{level}.", f"up_blocks.{level}."
        theirs = f"up.{levels - 1 - level}."
        name = name.replace(f"{down}resnets", f"down.{level}.block")
        name = name.replace(f"{down}downsamplers.0", f"down.{level}.downsample")
        name = name.replace(f"{up}resnets", f"{theirs}block")
        name = name.replace(f"{up}upsamplers.0", f"{theirs}upsample")
    return _replace(name, _AUTOENCODER)


def rename_clip(name: str) -> str:
    """Transformers has dropped a level of names since."""
    return name if name.startswith("text_model.") else f"text_model.{name}"


def _replace(name: str, names: Mapping[str, str]) -> str:
    for ours, theirs in names.items():
        name = name.replace(ours, theirs)
    return name
