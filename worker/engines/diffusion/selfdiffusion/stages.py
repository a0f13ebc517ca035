"""The sizes at which a region is sampled: large forms at half the size of the rest."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import torch

from worker.engines.diffusion.selfdiffusion.sources import Stage, count_patches
from worker.engines.patch.features import stack_planes
from worker.engines.patch.plan import COARSEST_HALF_WIDTH, choose_levels
from worker.engines.patch.pyramid import Scale, build_pyramid, fill_smoothly
from worker.imaging import ImageArray, MaskArray

LONGEST: Final = 96
"""Pixels of the longer side at the finer of the two sizes: a neighborhood of 9 is a tenth."""

MAX_PAIRS: Final = 24_000_000
"""Most pairs of a pixel and a source: above, a step takes more than about half a second."""

MIN_PATCHES: Final = 250
"""Neighborhoods wanted: fewer repeat visibly, so smaller ones are used until there are enough."""

LEAST_PATCHES: Final = 48
"""Least number of the smallest neighborhoods: with fewer there is nothing to sample from."""

TEXTURE: Final = 7.0
"""Weight of roughness relative to color. It is sampled with the color: a small picture of grass is
as green and as flat as one of a wall."""

MIN_SIDE: Final = 20
"""Least side in pixels: in a smaller picture a neighborhood covers nearly everything."""

MAX_PIXELS: Final = 70_000
"""Most pixels of a sampled picture: bounds the memory of its neighborhoods."""

SMALLEST: Final = 2
"""Radius of the smallest neighborhood that distinguishes places."""


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a picture with one hole or several.

    Attributes:
        image: RGB uint8 (H, W, 3).
        own: uint8 (H, W), 255 where pixels are painted.
        hole: uint8 (H, W), 255 where nothing is known, `own` included.
        sources: uint8 (H, W), 255 where pixels may be copied from.
    """

    image: ImageArray
    own: MaskArray
    hole: MaskArray
    sources: MaskArray


def choose_stages(region: Region) -> list[Stage]:
    """Return the sizes to sample at, the smaller first; none if there are too few sources.

    A coarse pixel is a hole if more than half of its pixels are; if a hole vanishes at a size
    because it is thin, a larger size is used.
    """
    if is_narrow(region):
        return []
    coarsest = max(math.ceil(math.log2(max(region.own.shape) / LONGEST)), 0)
    # Not coarser than the hole's width needs: patches of the picture's own detail fit best.
    first = min(coarsest, choose_levels(_measure_depth(region), *region.own.shape))
    scales = _build(region, coarsest + 1)
    for level in _by_preference(first, len(scales)):
        stage = _find_stage(scales[level], region, level)
        if stage is not None:
            coarser = level + 1
            half = _find_stage(scales[coarser], region, coarser) if coarser < len(scales) else None
            return [stage] if half is None else [half, stage]
    return []


def is_narrow(region: Region) -> bool:
    """Return whether a hole is so narrow that its rim decides everything."""
    return _measure_depth(region) <= COARSEST_HALF_WIDTH


def _measure_depth(region: Region) -> float:
    """Return the distance of the hole's deepest pixel from its rim; the border is no rim."""
    return float(cv2.distanceTransform(region.own, cv2.DIST_L2, cv2.DIST_MASK_5).max())


def _by_preference(first: int, count: int) -> Iterator[int]:
    """Yield the sizes by preference: smaller ones are cheaper, larger ones have more sources."""
    yield from range(first, count)
    yield from range(min(first, count) - 1, -1, -1)


def _build(region: Region, levels: int) -> list[Scale]:
    possible = int(math.log2(max(min(region.own.shape) / MIN_SIDE, 1)))
    planes = stack_planes(region.image, region.hole, levels, TEXTURE)
    finest = Scale(planes, region.hole, region.sources)
    # Regions are small enough to be halved without checking for a stop.
    return build_pyramid(finest, min(levels, possible), lambda: None)


def _find_stage(scale: Scale, region: Region, level: int) -> Stage | None:
    """Return the stage of a size; `None` if it cannot be sampled."""
    if min(scale.hole.shape) < MIN_SIDE or scale.hole.size > MAX_PIXELS:
        return None
    stage = _stage(scale, region, level)
    asked, patches = int(np.count_nonzero(stage.hole)), count_patches(stage, SMALLEST)
    is_fit = asked > 0 and patches >= LEAST_PATCHES and asked * patches <= MAX_PAIRS
    return stage if is_fit else None


def _stage(scale: Scale, region: Region, level: int) -> Stage:
    known = np.where(scale.hole == 0, np.uint8(255), np.uint8(0))
    step = 2**level
    own = _reaches(region.own, step)[: known.shape[0], : known.shape[1]]
    hole = np.where((scale.hole != 0) & own, np.uint8(255), np.uint8(0))
    planes = fill_smoothly(scale.planes, scale.hole)
    color = torch.from_numpy(planes.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1)
    inside = torch.from_numpy(known != 0)
    mean = color[:, inside].mean(1) if known.any() else torch.zeros(len(color))
    return Stage(
        level, (color - mean[:, None, None]).contiguous(), mean, hole, known, scale.sources
    )


def _reaches(own: MaskArray, step: int) -> MaskArray:
    """Return for each coarse pixel whether any of `own` lies near it."""
    wide = cv2.dilate(own, np.ones((2 * step + 1, 2 * step + 1), np.uint8)) if step > 1 else own
    return np.asarray(wide[::step, ::step] != 0)
