"""Tiny finders of transformers' classes: random weights, the same for the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from tests.support.tiny_pipelines.parts import clip_tokenizer

library: Any = transformers


def save_sam2(folder: Path, seed: int = 0) -> Any:
    """Save a SAM 2 that sees 64 x 64; return it."""
    config = library.Sam2Config(**_sam2_parts())
    torch.manual_seed(seed)
    return _save(library.Sam2Model(config), folder)


def save_sam2_video(folder: Path, seed: int = 0) -> Any:
    """Save a SAM 2 for videos, as its publisher does, which holds one for pictures; return it."""
    config = library.Sam2VideoConfig(
        **_sam2_parts(),
        image_size=64,
        memory_attention_hidden_size=32,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_encoder_hidden_size=32,
        memory_encoder_output_channels=16,
        mask_downsampler_embed_dim=32,
        memory_fuser_embed_dim=32,
        memory_fuser_num_layers=1,
    )
    torch.manual_seed(seed)
    return _save(library.Sam2VideoModel(config), folder)


def _sam2_parts() -> dict[str, Any]:
    """Return the settings that a SAM 2 for pictures and one for videos share."""
    backbone = {
        "hidden_size": 8,
        "image_size": [64, 64],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 4],
        "window_size_per_stage": [8, 4, 4, 4],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [2, 2],
    }
    vision = {
        "backbone_config": {"model_type": "sam2_hiera_det_model", **backbone},
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 32,
    }
    return {
        "vision_config": {"model_type": "sam2_vision_model", **vision},
        "prompt_encoder_config": {"hidden_size": 32, "image_size": 64, "patch_size": 16},
        "mask_decoder_config": {
            "hidden_size": 32,
            "mlp_dim": 32,
            "num_attention_heads": 4,
            "iou_head_hidden_dim": 32,
        },
    }


def save_sam3(folder: Path, seed: int = 0) -> Any:
    """Save a SAM 3 that sees 56 x 56, with a tokenizer of bytes; return it."""
    backbone = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 56,
        "pretrain_image_size": 28,
        "patch_size": 14,
        "window_size": 2,
        "global_attn_indexes": [1],
    }
    small = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32}
    config = library.Sam3Config(
        vision_config={
            "model_type": "sam3_vision_model",
            "backbone_config": {"model_type": "sam3_vit_model", **backbone},
            "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        text_config={
            "model_type": "clip_text_model",
            "vocab_size": 514,
            "hidden_size": 16,
            "intermediate_size": 32,
            "projection_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 32,
            "bos_token_id": 512,
            "eos_token_id": 513,
            "pad_token_id": 513,
        },
        geometry_encoder_config={**small, "num_layers": 1},
        detr_encoder_config={**small, "num_layers": 1},
        detr_decoder_config={**small, "num_layers": 1, "num_queries": 6},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 2},
    )
    torch.manual_seed(seed)
    model = _save(library.Sam3Model(config), folder)
    clip_tokenizer().save_pretrained(folder)
    return model


def save_owlv2(folder: Path, seed: int = 0) -> Any:
    """Save an OWLv2 that sees 32 x 32, with a tokenizer of bytes; return it."""
    small = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    config = library.Owlv2Config(
        text_config={
            **small,
            "vocab_size": 514,
            "max_position_embeddings": 16,
            "bos_token_id": 512,
            "eos_token_id": 513,
            "pad_token_id": 513,
        },
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    torch.manual_seed(seed)
    model = _save(library.Owlv2ForObjectDetection(config), folder)
    clip_tokenizer().save_pretrained(folder)
    return model


def save_grounding_dino(folder: Path, seed: int = 0) -> Any:
    """Save a Grounding DINO with a tokenizer of letters; return it."""
    config = library.GroundingDinoConfig(
        backbone_config=library.SwinConfig(
            image_size=32,
            embed_dim=8,
            depths=[1, 1, 1],
            num_heads=[1, 2, 4],
            window_size=2,
            out_features=["stage2", "stage3"],
        ),
        text_config=library.BertConfig(
            vocab_size=128,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
        ),
        num_queries=9,
        encoder_layers=2,
        encoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_layers=2,
        decoder_ffn_dim=32,
        decoder_attention_heads=2,
        d_model=32,
        num_feature_levels=3,
        encoder_n_points=2,
        decoder_n_points=2,
        max_text_len=32,
        positional_embedding_temperature=20,
    )
    torch.manual_seed(seed)
    model = _save(library.GroundingDinoForObjectDetection(config), folder)
    letter_tokenizer().save_pretrained(folder)
    return model


def letter_tokenizer() -> Any:
    """Return a tokenizer in which every printable character is a token, marked as BERT's are."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokens = special + [chr(code) for code in range(32, 127)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=special[1]))
    tokenizer.pre_tokenizer = Split("", "isolated")
    names = ("pad", "unk", "cls", "sep", "mask")
    marks = {f"{name}_token": token for name, token in zip(names, special, strict=True)}
    return library.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **marks)


def _save(model: Any, folder: Path) -> Any:
    model.eval().save_pretrained(folder)
    return model
