"""Z-Image, by itself and with a ControlNet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import (
    flow_scheduler,
    kl_autoencoder,
    library,
    qwen3_encoder,
    qwen_tokenizer,
)


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    library.ZImageInpaintPipeline(**_parts()).save_pretrained(directory, safe_serialization=True)
    return directory


def build_with_controlnet(directory: Path) -> Path:
    """Build the plain pipeline, and its ControlNet in `controlnet` beside the other parts."""
    build(directory)
    _controlnet().save_pretrained(directory / "controlnet", safe_serialization=True)
    return directory


def _parts() -> dict[str, Any]:
    return {
        "scheduler": flow_scheduler(),
        "vae": kl_autoencoder(2, latent_channels=16, shift_factor=0.1159, scaling_factor=0.3611),
        "text_encoder": qwen3_encoder(1, layers=2),
        "tokenizer": qwen_tokenizer(),
        "transformer": _transformer(),
    }


def _transformer() -> Any:
    torch.manual_seed(3)
    transformer = library.ZImageTransformer2DModel(
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 64, 64],
    ).eval()
    # Created empty, to be read from the weights: whatever lay in memory otherwise.
    for token in (transformer.x_pad_token, transformer.cap_pad_token):
        torch.nn.init.normal_(token, std=0.02)
    return transformer


def _controlnet() -> Any:
    torch.manual_seed(4)
    return library.ZImageControlNetModel(
        control_layers_places=[0, 1],
        control_refiner_layers_places=[0],
        # Latents of the control picture, one channel of mask, latents of the masked picture.
        control_in_dim=16 + 1 + 16,
        add_control_noise_refiner="control_noise_refiner",
        dim=32,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
    ).eval()
