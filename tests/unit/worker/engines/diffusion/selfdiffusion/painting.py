"""What the tests of this package share: pictures, and one way to call the pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from tests.support.pictures import make_box_mask, make_rgb
from worker.engines.diffusion.selfdiffusion.pipeline import (
    SelfDiffusionOutput,
    SelfDiffusionPipeline,
)
from worker.imaging import ImageArray, MaskArray

STEPS = 5


def holed(width: int = 96, height: int = 80) -> tuple[ImageArray, MaskArray]:
    """Return a texture and a hole wide enough that it is sampled."""
    mask = make_box_mask(width, height, (30, 20, 70, 55))
    return make_rgb("texture", width, height, 3), mask


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def paint(
    pipeline: SelfDiffusionPipeline,
    image: ImageArray,
    mask: MaskArray,
    *seeds: int,
    source_mask: MaskArray | None = None,
    **options: Any,
) -> SelfDiffusionOutput:
    """Paint one picture with each seed."""
    count = len(seeds)
    given: dict[str, Any] = {
        "num_inference_steps": STEPS,
        "output_type": "uint8",
        "quality": "fast",
    }
    output: SelfDiffusionOutput = pipeline(
        [image] * count,
        [mask] * count,
        None if source_mask is None else [source_mask] * count,
        generator=generators(*seeds),
        **(given | options),
    )
    return output


def keeps(image: ImageArray, painted: Any, mask: MaskArray) -> bool:
    return bool(np.array_equal(image[mask == 0], painted[mask == 0]))
