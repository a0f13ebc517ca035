"""The real sizes of each family: what the tests' tiny pipelines lack.

Source: the `config.json` of each component as published; vocabularies stay those of the tests,
because their tokenizers are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

Config = Mapping[str, Any]
"""Settings of a component that replace the tiny ones."""

_CLIP_L: Final[Config] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "projection_dim": 768,
}
_CLIP_G: Final[Config] = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
}
_T5_XXL: Final[Config] = {
    "d_model": 4096,
    "d_kv": 64,
    "d_ff": 10240,
    "num_layers": 24,
    "num_heads": 64,
    "feed_forward_proj": "gated-gelu",
    "is_gated_act": True,
    "dense_act_fn": "gelu_new",
}
_QWEN3_4B: Final[Config] = {
    "hidden_size": 2560,
    "intermediate_size": 9728,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "layer_types": None,
}
_QWEN_VL_7B: Final[Config] = {
    "text_config": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "layer_types": None,
        "rope_parameters": {"mrope_section": [16, 24, 24], "rope_type": "default"},
    },
    "vision_config": {
        "depth": 32,
        "hidden_size": 1280,
        "intermediate_size": 3420,
        "num_heads": 16,
        "out_hidden_size": 3584,
    },
}
_KL: Final[Config] = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "mid_block_add_attention": True,
}
_KL_16: Final[Config] = {**_KL, "latent_channels": 16}
_QWEN_SIZES: Final[Config] = {
    "in_channels": 64,
    "attention_head_dim": 128,
    "num_attention_heads": 24,
    "joint_attention_dim": 3584,
    "axes_dims_rope": (16, 56, 56),
}
_QWEN_VAE: Final[Config] = {
    "base_dim": 96,
    "z_dim": 16,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "latents_mean": [0.0] * 16,
    "latents_std": [1.0] * 16,
}
_QWEN_IMAGE: Final[Mapping[str, Config]] = {
    "transformer": {**_QWEN_SIZES, "num_layers": 60, "out_channels": 16},
    "vae": _QWEN_VAE,
    "text_encoder": _QWEN_VL_7B,
}
_Z_IMAGE: Final[Mapping[str, Config]] = {
    "transformer": {
        "dim": 3840,
        "n_layers": 30,
        "n_refiner_layers": 2,
        "n_heads": 30,
        "n_kv_heads": 30,
        "cap_feat_dim": 2560,
        "axes_dims": [32, 48, 48],
        "axes_lens": [1536, 512, 512],
    },
    "vae": _KL_16,
    "text_encoder": _QWEN3_4B,
}
_FLUX: Final[Config] = {
    "num_layers": 19,
    "num_single_layers": 38,
    "attention_head_dim": 128,
    "num_attention_heads": 24,
    "joint_attention_dim": 4096,
    "axes_dims_rope": (16, 56, 56),
}


@dataclass(frozen=True)
class RealSize:
    """The real size of a family.

    Attributes:
        side: pixels of the pictures that it is measured with.
        billions: parameters of the denoiser, in billions, as published.
        parts: settings by component; none leaves a pipeline tiny.
    """

    side: int
    billions: float
    parts: Mapping[str, Config] = field(default_factory=dict)


SIZES: Final[Mapping[str, RealSize]] = MappingProxyType(
    {
        "flux2-klein": RealSize(
            1024,
            3.9,
            {
                "transformer": {
                    "in_channels": 128,
                    "num_layers": 5,
                    "num_single_layers": 20,
                    "attention_head_dim": 128,
                    "num_attention_heads": 24,
                    "joint_attention_dim": 7680,
                    "timestep_guidance_channels": 256,
                    "axes_dims_rope": (32, 32, 32, 32),
                },
                "vae": {**_KL, "latent_channels": 32},
                "text_encoder": _QWEN3_4B,
            },
        ),
        "stable-diffusion-xl": RealSize(
            1024,
            2.6,
            {
                "unet": {
                    "block_out_channels": (320, 640, 1280),
                    "layers_per_block": 2,
                    "norm_num_groups": 32,
                    "transformer_layers_per_block": (1, 2, 10),
                    "attention_head_dim": (5, 10, 20),
                    "cross_attention_dim": 2048,
                    "addition_time_embed_dim": 256,
                    "projection_class_embeddings_input_dim": 2816,
                    "down_block_types": (
                        "DownBlock2D",
                        "CrossAttnDownBlock2D",
                        "CrossAttnDownBlock2D",
                    ),
                    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
                },
                "vae": _KL,
                "text_encoder": _CLIP_L,
                "text_encoder_2": _CLIP_G,
            },
        ),
        "z-image": RealSize(1024, 6.2, _Z_IMAGE),
        "stable-diffusion": RealSize(
            512,
            0.86,
            {
                "unet": {
                    "block_out_channels": (320, 640, 1280, 1280),
                    "layers_per_block": 2,
                    "norm_num_groups": 32,
                    "attention_head_dim": 8,
                    "cross_attention_dim": 768,
                    "down_block_types": (*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
                    "up_block_types": ("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
                },
                "vae": _KL,
                "text_encoder": _CLIP_L,
            },
        ),
        "qwen-image": RealSize(1328, 20.4, _QWEN_IMAGE),
        "flux-fill": RealSize(
            1024,
            11.9,
            {
                "transformer": {
                    **_FLUX,
                    "in_channels": 384,
                    "out_channels": 64,
                    "pooled_projection_dim": 768,
                },
                "vae": _KL_16,
                "text_encoder": _CLIP_L,
                "text_encoder_2": _T5_XXL,
            },
        ),
        "stable-diffusion-3": RealSize(
            1024,
            2.0,
            {
                "transformer": {
                    "sample_size": 128,
                    "num_layers": 24,
                    "attention_head_dim": 64,
                    "num_attention_heads": 24,
                    "joint_attention_dim": 4096,
                    "caption_projection_dim": 1536,
                    "pooled_projection_dim": 2048,
                    "pos_embed_max_size": 192,
                },
                "vae": _KL_16,
                "text_encoder": _CLIP_L,
                "text_encoder_2": _CLIP_G,
                "text_encoder_3": _T5_XXL,
            },
        ),
        "chroma": RealSize(
            1024,
            8.9,
            {
                "transformer": {
                    **_FLUX,
                    "in_channels": 64,
                    "approximator_num_channels": 64,
                    "approximator_hidden_dim": 5120,
                    "approximator_layers": 5,
                },
                "vae": _KL_16,
                "text_encoder": _T5_XXL,
            },
        ),
        "z-image-controlnet": RealSize(
            1024,
            6.2,
            {
                **_Z_IMAGE,
                "controlnet": {
                    "control_layers_places": list(range(0, 30, 2)),
                    "control_refiner_layers_places": [0, 1],
                    "dim": 3840,
                    "n_refiner_layers": 2,
                    "n_heads": 30,
                    "n_kv_heads": 30,
                },
            },
        ),
        "qwen-image-controlnet": RealSize(
            1328, 20.4, {**_QWEN_IMAGE, "controlnet": {**_QWEN_SIZES, "num_layers": 6}}
        ),
        "kandinsky-2.2": RealSize(
            768,
            1.2,
            {
                "unet": {
                    "block_out_channels": (384, 768, 1152, 1536),
                    "layers_per_block": 3,
                    "norm_num_groups": 32,
                    "attention_head_dim": 64,
                    "cross_attention_dim": 768,
                    "encoder_hid_dim": 1280,
                    "down_block_types": (
                        "ResnetDownsampleBlock2D",
                        *("SimpleCrossAttnDownBlock2D",) * 3,
                    ),
                    "up_block_types": (
                        *("SimpleCrossAttnUpBlock2D",) * 3,
                        "ResnetUpsampleBlock2D",
                    ),
                },
                "movq": {"block_out_channels": (128, 256, 256, 512), "layers_per_block": 2},
                "prior_prior": {
                    "num_attention_heads": 32,
                    "attention_head_dim": 64,
                    "embedding_dim": 1280,
                    "num_layers": 20,
                },
                "prior_text_encoder": _CLIP_G,
                "prior_image_encoder": {
                    "hidden_size": 1664,
                    "projection_dim": 1280,
                    "intermediate_size": 8192,
                    "num_attention_heads": 16,
                    "num_hidden_layers": 48,
                },
            },
        ),
    }
)
"""Real sizes by family, in the order in which they are measured."""
