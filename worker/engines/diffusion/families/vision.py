"""The processor of models whose text encoder also sees the picture, without torchvision.

transformers' own processor of Qwen2-VL holds one for videos too, which cannot be built without
torchvision. Inpainting needs pictures only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import transformers
from PIL import Image

IMAGE_MARK = "<|image_pad|>"

_library: Any = transformers


class PictureProcessor(_library.Qwen2VLProcessor):  # type: ignore[misc]
    """Makes a text encoder's inputs from texts and pictures, as Qwen2-VL's processor does.

    Args:
        image_processor: cuts pictures into patches.
        tokenizer: knows the mark of a picture.
    """

    def __init__(self, image_processor: Any, tokenizer: Any) -> None:
        # Not the library's: it asks for a processor of videos.
        self.image_processor = image_processor
        self.tokenizer = tokenizer

    def __call__(self, text: Sequence[str], images: Sequence[Image.Image], **_options: Any) -> Any:
        """Return `input_ids`, `attention_mask`, `pixel_values` and `image_grid_thw`.

        Args:
            text: one for each picture, with one mark of it.
            images: RGB.
        """
        seen = self.image_processor(images=list(images), return_tensors="pt")
        merged = self.image_processor.merge_size**2
        counts = [int(grid.prod()) // merged for grid in seen["image_grid_thw"]]
        texts = [
            one.replace(IMAGE_MARK, IMAGE_MARK * count, 1)
            for one, count in zip(text, counts, strict=True)
        ]
        tokens = self.tokenizer(texts, padding=True, return_tensors="pt")
        return _library.BatchFeature({**tokens, **seen})

    def save_pretrained(self, save_directory: str | Path, **_options: Any) -> None:
        """Write the files that `read_processor` reads."""
        self.image_processor.save_pretrained(save_directory)
        self.tokenizer.save_pretrained(save_directory)


def read_processor(source: str, folder: str, origin: dict[str, Any]) -> PictureProcessor:
    """Read the processor of a directory or repository in diffusers' layout.

    Args:
        source: the directory or repository.
        folder: of the processor in it.
        origin: where it may be looked for.
    """
    options = {"subfolder": folder, **origin}
    image_processor = _library.Qwen2VLImageProcessorPil.from_pretrained(source, **options)
    tokenizer = _library.Qwen2Tokenizer.from_pretrained(source, **options)
    return PictureProcessor(image_processor, tokenizer)
