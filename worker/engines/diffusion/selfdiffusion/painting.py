"""The variants of one call: those of one picture share its patches."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from service.contract.geometry import Box
from worker.engines.base import StepCallback
from worker.engines.diffusion.selfdiffusion.denoiser import PatchDenoiser
from worker.engines.diffusion.selfdiffusion.finishing import choose_quality, finish
from worker.engines.diffusion.selfdiffusion.sampling import Sampling
from worker.engines.diffusion.selfdiffusion.stages import Region, choose_stages, is_narrow
from worker.engines.patch import Completion, Quality
from worker.engines.patch.strips import Workers
from worker.engines.patch.windows import Window, find_windows
from worker.imaging import ImageArray, MaskArray

DENOISER: Final = "the picture's own patches; no weights, no prompt"

TOO_FEW: Final = "too few patches to sample from at any fit size: completed from the rim inward"

MOST_DESCRIBED: Final = 8
"""Most regions that a recipe lists: dust would fill pages."""

FEW_PARTS: Final = 4
"""Most regions whose neighborhoods are kept from step to step; more would take too much memory."""


@dataclass(frozen=True, eq=False)
class Variant:
    """One picture to be painted with one seed.

    Attributes:
        image: RGB uint8 (H, W, 3).
        mask: uint8 (H, W), 255 = repaint.
        source_mask: uint8 (H, W), 255 where pixels may be copied from; `None` for everywhere.
        generator: of all its noise.
        seed: of its finishing, 0 .. 2**32 - 1.
    """

    image: ImageArray
    mask: MaskArray
    source_mask: MaskArray | None
    generator: torch.Generator
    seed: int


@dataclass(frozen=True, eq=False)
class Result:
    """The result of one variant.

    Attributes:
        image: RGB uint8 (H, W, 3).
        estimate: of success, 0 .. 1.
        reason: why a simpler method was used; `None` if it was not.
        details: how it was made.
    """

    image: ImageArray
    estimate: float
    reason: str | None
    details: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Part:
    """One region of a picture.

    Attributes:
        box: where it lies.
        region: its pixels.
        sampling: of all variants; `None` if there is too little to sample from.
    """

    box: Box
    region: Region
    sampling: Sampling | None

    @property
    def lacks_sources(self) -> bool:
        """True if it was not sampled for want of patches."""
        return self.sampling is None and not is_narrow(self.region)


class Group:
    """Variants of one picture and mask.

    Args:
        variants: differ only in generator and seed.
        denoiser: estimates the pixels.
        scheduler: with its levels set; every region takes a copy.
    """

    def __init__(
        self, variants: Sequence[Variant], denoiser: PatchDenoiser, scheduler: Any
    ) -> None:
        self.variants = variants
        variant = variants[0]
        windows = (
            find_windows(variant.mask, whole=variant.source_mask is not None)
            if variant.mask.any()
            else []
        )
        generators = [one.generator for one in variants]
        self.parts = [self._part(one, denoiser, scheduler, generators) for one in windows]

    def _part(
        self,
        window: Window,
        denoiser: PatchDenoiser,
        scheduler: Any,
        generators: list[torch.Generator],
    ) -> Part:
        variant, box = self.variants[0], window.box
        inside = np.s_[box.top : box.bottom, box.left : box.right]
        hole = np.ascontiguousarray(variant.mask[inside])
        sources = np.where(hole == 0, np.uint8(255), np.uint8(0))
        if variant.source_mask is not None:
            sources &= variant.source_mask[inside]
        region = Region(np.ascontiguousarray(variant.image[inside]), window.own, hole, sources)
        stages = choose_stages(region)
        if not stages:
            return Part(box, region, None)
        return Part(box, region, Sampling(stages, denoiser, deepcopy(scheduler), generators))

    def step(self, index: int, workers: Workers) -> None:
        """Take one step in every region."""
        for part in self.parts:
            if part.sampling is not None:
                part.sampling.step(index, workers)
                if len(self.parts) > FEW_PARTS:
                    part.sampling.release()

    def settle(self, workers: Workers) -> None:
        """Find the source of every pixel, where the last step did not."""
        for part in self.parts:
            if part.sampling is not None:
                part.sampling.settle(workers)

    def finish(
        self, number: int, quality: Quality, on_step: StepCallback, threads: int | None
    ) -> Result:
        """Finish one variant at full size.

        Args:
            number: of the variant within the group.
            quality: of the finishing.
            on_step: called often; may raise to stop.
            threads: how many run at once.
        """
        variant = self.variants[number]
        image, done = variant.image.copy(), list[tuple[int, Completion]]()
        for part in self.parts:
            offsets = part.sampling.offsets(number) if part.sampling else None
            completion = finish(
                part.region,
                part.sampling.stage if part.sampling else None,
                offsets,
                seed=variant.seed,
                quality=quality,
                on_step=on_step,
                threads=threads,
            )
            box, own = part.box, part.region.own != 0
            target = image[box.top : box.bottom, box.left : box.right]
            np.copyto(target, completion.image, where=own[..., None])
            done.append((int(np.count_nonzero(own)), completion))
        return self._sum_up(image, done, quality)

    def _sum_up(
        self, image: ImageArray, done: list[tuple[int, Completion]], quality: Quality
    ) -> Result:
        total = sum(pixels for pixels, _ in done)
        estimate = sum(pixels * one.estimate for pixels, one in done) / total if total else 1.0
        reason = next((one.reason for _, one in done if one.reason), None)
        if reason is None and any(part.lacks_sources for part in self.parts):
            reason = TOO_FEW
        regions = [_describe(part, quality) for part in self.parts[:MOST_DESCRIBED]]
        details = {"denoiser": DENOISER, "regions": regions}
        return Result(image, estimate, reason, details)


def _describe(part: Part, quality: Quality) -> dict[str, Any]:
    if part.sampling is None:
        return {"sampled": False, "narrow": is_narrow(part.region), "finishing": quality}
    return {**part.sampling.describe(), "finishing": choose_quality(part.region, quality)}


def group_variants(
    variants: Sequence[Variant], denoiser: PatchDenoiser, scheduler: Any
) -> list[tuple[list[int], Group]]:
    """Group variants by picture.

    Args:
        variants: to paint; pictures are equal if they are the same objects.
        denoiser: estimates the pixels.
        scheduler: with its levels set.

    Returns:
        Groups, each with the indices of its variants.
    """
    places: dict[tuple[int, int, int], list[int]] = {}
    for place, variant in enumerate(variants):
        key = (id(variant.image), id(variant.mask), id(variant.source_mask))
        places.setdefault(key, []).append(place)
    return [
        (of, Group([variants[place] for place in of], denoiser, scheduler))
        for of in places.values()
    ]
