"""Qwen-Image-Edit, whose text encoder also sees the picture."""

from __future__ import annotations

from pathlib import Path

from tests.support.tiny_pipelines.parts import flow_scheduler, library
from tests.support.tiny_pipelines.qwen_image import make_autoencoder, make_transformer
from tests.support.tiny_pipelines.vision import make_processor, make_text_encoder, name_processor


def build(directory: Path) -> Path:
    """Build the pipeline and save it in diffusers' layout; gives the directory."""
    processor = make_processor()
    pipeline = library.QwenImageEditInpaintPipeline(
        scheduler=flow_scheduler(),
        vae=make_autoencoder(),
        text_encoder=make_text_encoder(processor.tokenizer),
        tokenizer=processor.tokenizer,
        processor=processor,
        # As in the weights of 2511: what is looked at has no noise.
        transformer=make_transformer(zero_cond_t=True),
    )
    pipeline.save_pretrained(directory, safe_serialization=True)
    return name_processor(directory, "processor")
