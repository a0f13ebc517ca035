"""A text encoder that also sees a picture, and its processor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_pipelines.parts import qwen_tokenizer, text_library
from worker.engines.diffusion.families.vision import PictureProcessor

MARKS = ("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>")


def make_processor() -> PictureProcessor:
    """Make a processor that shows pictures as at most four tokens."""
    tokenizer = qwen_tokenizer()
    marks = ["<|im_start|>", "<|im_end|>", *MARKS]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    shrinks = text_library.Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=4 * 28 * 28)
    return PictureProcessor(shrinks, tokenizer)


def make_text_encoder(tokenizer: Any) -> Any:
    """Make Qwen2.5-VL, 16 wide, that knows the marks of the tokenizer."""
    torch.manual_seed(1)
    start, image, end, video = map(tokenizer.convert_tokens_to_ids, MARKS)
    config = text_library.Qwen2_5_VLConfig(
        image_token_id=image,
        video_token_id=video,
        vision_start_token_id=start,
        vision_end_token_id=end,
        text_config={
            "vocab_size": len(tokenizer) + 1,
            "bos_token_id": 256,
            "eos_token_id": 258,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "max_position_embeddings": 4096,
            "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default"},
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


def name_processor(directory: Path, component: str) -> Path:
    """Name the processor in the index as published weights do; gives the directory."""
    index = directory / "model_index.json"
    document = json.loads(index.read_text())
    document[component] = ["transformers", "Qwen2VLProcessor"]
    index.write_text(json.dumps(document))
    return directory
