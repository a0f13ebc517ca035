"""The plan of calls: which crops of which pictures a net sees together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.contract.catalogue import ModelEntry
from worker.engines.base import Canvas
from worker.engines.erasers.cropping import Crop, EraserCropper, find_crops
from worker.engines.erasers.framing import find_outer, fit_crop
from worker.engines.erasing import EraserNet, NetSettings


@dataclass(frozen=True)
class CropPlan:
    """One crop of a canvas.

    Attributes:
        index: of the canvas.
        crop: where it lies on the canvas.
        size: width and height at which the net sees it.
        outer: width and height of the net's picture, which it is continued to.
        seed: of the canvas.
    """

    index: int
    crop: Crop
    size: tuple[int, int]
    outer: tuple[int, int]
    seed: int


@dataclass(frozen=True)
class EraserCall:
    """One call of the net.

    Attributes:
        settings: that its crops share.
        crops: at least one; all have one `outer`.
    """

    settings: NetSettings
    crops: tuple[CropPlan, ...]


def plan_calls(canvases: Sequence[Canvas], entry: ModelEntry, net: EraserNet) -> list[EraserCall]:
    """Return the calls that paint some canvases.

    Crops of equal size and settings share a call, up to `max_batch`; those of a canvas with
    `deterministic` are painted one by one.

    Args:
        canvases: what to paint.
        entry: the model.
        net: its net.
    """
    groups: dict[tuple[NetSettings, tuple[int, int], int | None], list[CropPlan]] = {}
    for index, canvas in enumerate(canvases):
        alone = index if canvas.params.deterministic else None
        settings = find_settings(canvas, entry)
        for crop in _plan_crops(index, canvas, entry, net):
            groups.setdefault((settings, crop.outer, alone), []).append(crop)
    calls = []
    for (settings, _, alone), crops in groups.items():
        limit = entry.max_batch if alone is None and entry.traits.shares_calls else 1
        calls += [
            EraserCall(settings, tuple(crops[start : start + limit]))
            for start in range(0, len(crops), limit)
        ]
    return calls


def find_settings(canvas: Canvas, entry: ModelEntry) -> NetSettings:
    """Return a canvas' settings: as requested, else the model's; fixed where it has none."""
    refused, params, defaults = entry.traits.unsupported_fields, canvas.params, entry.defaults
    if "num_inference_steps" in refused:
        return NetSettings()
    scale = params.guidance_scale
    return NetSettings(
        steps=params.num_inference_steps or defaults.num_inference_steps,
        guidance_scale=defaults.guidance_scale if scale is None else scale,
    )


def _plan_crops(index: int, canvas: Canvas, entry: ModelEntry, net: EraserNet) -> list[CropPlan]:
    height, width = canvas.mask.shape
    params, multiple = canvas.params, entry.size_multiple
    cropper = EraserCropper(width, height, entry, params.padding, side=net.side)
    crops = []
    for crop in find_crops(canvas.mask, cropper, params.region):
        size = fit_crop(crop.box.width, crop.box.height, entry, net.side)
        outer = find_outer(size, multiple, net.side)
        crops.append(CropPlan(index, crop, size, outer, canvas.seed))
    return crops
