"""The inputs of the pipeline, checked and converted to arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from worker.engines.diffusion.selfdiffusion.painting import Variant
from worker.imaging import ImageArray, MaskArray


def make_variants(
    images: Sequence[Any],
    masks: Sequence[Any],
    source_masks: Sequence[Any] | None,
    generators: Sequence[torch.Generator],
) -> list[Variant]:
    """Return the variants of a call; inputs that are one object stay one object.

    Args:
        images: RGB uint8 (H, W, 3) or PIL.
        masks: uint8 (H, W) or PIL.
        source_masks: uint8 (H, W), PIL or `None`; or `None` for all variants.
        generators: one for each variant.

    Raises:
        ValueError: counts, shapes or types do not fit.
    """
    sources = [None] * len(images) if source_masks is None else list(source_masks)
    if not len(images) == len(masks) == len(sources) == len(generators) > 0:
        raise ValueError("image, mask_image, source_mask and generator must be equally many")
    arrays: dict[int, Any] = {}
    variants = []
    for image, mask, source, generator in zip(images, masks, sources, generators, strict=True):
        picture = arrays.setdefault(id(image), _to_image(image))
        hole = arrays.setdefault(id(mask), _to_mask(mask))
        free = None if source is None else arrays.setdefault(id(source), _to_mask(source))
        if picture.shape[:2] != hole.shape or (free is not None and free.shape != hole.shape):
            raise ValueError("a picture and its masks must have one size")
        variants.append(Variant(picture, hole, free, generator, _draw_seed(generator)))
    return variants


def _to_image(image: Any) -> ImageArray:
    array = np.asarray(image.convert("RGB") if isinstance(image, Image.Image) else image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise ValueError("a picture must be RGB uint8 (H, W, 3)")
    return array


def _to_mask(mask: Any) -> MaskArray:
    array = np.asarray(mask.convert("L") if isinstance(mask, Image.Image) else mask)
    if array.dtype != np.uint8 or array.ndim != 2:
        raise ValueError("a mask must be uint8 (H, W)")
    return np.where(array > 127, np.uint8(255), np.uint8(0))


def _draw_seed(generator: torch.Generator) -> int:
    """Draw a seed for random numbers that are not torch's."""
    return int(torch.randint(2**32, (), generator=generator, dtype=torch.int64))
