"""Estimates the work of a job, so that tenants take turns by what their jobs occupy.

Unlike `cost`, which callers can compute and limits count, this follows what painting really takes:
the painted part counts more than the canvas, and by method and quality. Only ratios matter.
"""

from __future__ import annotations

from collections.abc import Mapping

from service.contract.params import AnyParams, MaskParams, OutpaintParams, Quality

FIXED = 0.05
"""Seconds that any job takes: claim, decoding, encoding and proof of a small picture."""

PER_CANVAS_MEGAPIXEL = 0.1
"""Seconds to decode, compose, encode and prove a megapixel."""

PER_PAINTED_MEGAPIXEL: Mapping[str, Mapping[Quality, float]] = {
    "patch": {"fast": 8.0, "balanced": 11.0, "best": 37.0},
    "pattern": {"fast": 8.0, "balanced": 10.0, "best": 35.0},
    "mirror": {"fast": 6.0, "balanced": 9.0, "best": 30.0},
}
"""Seconds of one core on a photo, as `python -m benchmarks.painting_work` measured them."""

PER_STEP_MEGAPIXEL = 0.05
DEFAULT_STEPS = 30
"""Of models, by whose steps the seconds grow; the queue of a model holds its like alone."""

PER_FOUND_MEGAPIXEL = 1.0
"""Of finders, roughly: from 0.2 of a detector of text to 5 of a large model."""


def estimate_work(
    method: str,
    params: AnyParams,
    canvas_pixels: int,
    painted_pixels: float,
    finders: int = 0,
) -> float:
    """Return about how many seconds of one core a job takes.

    Args:
        method: the chosen method.
        params: the effective parameters.
        canvas_pixels: of one result, and of its resized copy.
        painted_pixels: of them, those that are painted.
        finders: regions that a finder looks for.
    """
    found = PER_FOUND_MEGAPIXEL * finders * canvas_pixels / 1_000_000
    if isinstance(params, MaskParams):
        return FIXED + PER_CANVAS_MEGAPIXEL * canvas_pixels / 1_000_000 + found
    megapixels = painted_pixels / 1_000_000
    speeds = PER_PAINTED_MEGAPIXEL.get(method)
    if isinstance(params, OutpaintParams) and params.mirror_style == "exact":
        painting = 0.0
    elif speeds is None:
        painting = PER_STEP_MEGAPIXEL * (params.num_inference_steps or DEFAULT_STEPS) * megapixels
    else:
        painting = speeds[params.quality or "balanced"] * megapixels
    one = PER_CANVAS_MEGAPIXEL * canvas_pixels / 1_000_000 + painting
    return FIXED + one * (params.num_images or 1) + found
