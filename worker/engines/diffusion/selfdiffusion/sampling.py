"""Sampling one region from noise to offsets, for all seeds at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import cv2
import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from numpy.typing import NDArray

from worker.engines.diffusion.selfdiffusion.denoiser import Guess, PatchDenoiser
from worker.engines.diffusion.selfdiffusion.sources import (
    Patches,
    Stage,
    count_patches,
    gather_patches,
)
from worker.engines.diffusion.selfdiffusion.stages import MIN_PATCHES, SMALLEST
from worker.engines.patch.strips import Workers

TURN: Final = 0.36
"""Noise level at which sampling changes to the larger size. Staying longer at the smaller one gives
sharper pictures (a tenth in sliced Wasserstein distance), further from the truth (half a dB)."""

LARGE: Final = (4, 3)
"""Radius of the neighborhoods at the smaller size, at the first level and at `TURN`."""

SMALL: Final = (4, 3)
"""Radius at the larger size, at `TURN` and at the last level."""


class Sampling:
    """Samples one region.

    Args:
        stages: the sizes, the smaller first; one or two.
        denoiser: estimates the pixels.
        scheduler: of this region alone, with its levels set.
        generators: one for each variant.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        denoiser: PatchDenoiser,
        scheduler: Any,
        generators: list[torch.Generator],
    ) -> None:
        self._stages = stages
        self._denoiser = denoiser
        self._scheduler = scheduler
        self._generators = generators
        self._patches: Patches | None = None
        self._guess: torch.Tensor | None = None
        self._best: torch.Tensor
        self._places: NDArray[np.int64]
        self._steps_taken = 0
        self._steps_at = [0] * len(stages)
        self.stage = stages[0]
        self._sizes: list[int] = []
        self._noisy = self._paste(self.stage.color + self._draw() * float(scheduler.sigmas[0]))

    def step(self, index: int, workers: Workers) -> None:
        """Take one step.

        Args:
            index: of the noise level, from 0.
            workers: that run the chunks.
        """
        sigma, last = float(self._scheduler.sigmas[index]), len(self._scheduler.timesteps) - 1
        self._enter(self._stages[0] if sigma > TURN and index < last else self._stages[-1], sigma)
        guess = self._guess = self._denoise(sigma, workers)
        noise = (self._noisy - guess) / sigma
        scaled = self._scheduler.scale_model_input(self._noisy, self._scheduler.timesteps[index])
        moved = self._scheduler.step(
            noise, self._scheduler.timesteps[index], scaled, generator=self._generators
        )
        self._noisy = self._paste(moved.prev_sample)
        self._steps_taken = index + 1
        self._steps_at[self._stages.index(self.stage)] += 1

    def release(self) -> None:
        """Free the memory of the neighborhoods; they are gathered again when needed."""
        self._patches = None

    def settle(self, workers: Workers) -> None:
        """Find the most likely sources now, if the last step was skipped."""
        if self._steps_taken < len(self._scheduler.timesteps):
            sigma = float(self._scheduler.sigmas[-2])
            self._enter(self._stages[-1], sigma)
            self._denoise(sigma, workers)

    def offsets(self, number: int) -> NDArray[np.int32]:
        """Return int32 (H, W, 2): offsets from the last stage's hole pixels to their sources."""
        at = np.argwhere(self.stage.hole)
        offsets = np.zeros((*self.stage.shape, 2), np.int32)
        found = self._places[self._best[number].numpy()] - at
        offsets[at[:, 0], at[:, 1]] = found
        return offsets

    def picture(self, number: int) -> NDArray[np.float32]:
        """Return the present estimate, float32 (H, W, 3) in -1..1; noise before the first step."""
        planes = self._noisy if self._guess is None else self._guess
        color = (planes[number] + self.stage.mean[:, None, None])[:3]
        return np.ascontiguousarray(color.permute(1, 2, 0).numpy())

    def describe(self) -> dict[str, Any]:
        """Return the details of the sampling, for a recipe."""
        sizes = [f"{stage.shape[1]}x{stage.shape[0]}" for stage in self._stages]
        return {
            "sampled": True,
            "sizes": sizes,
            "steps": list(self._steps_at),
            "neighborhoods": list(self._sizes),
        }

    def _denoise(self, sigma: float, workers: Workers) -> torch.Tensor:
        """Return the estimate as planes, float32 (N, 5, H, W)."""
        patches = self._patches = self._choose_patches(sigma)
        guess: Guess = self._denoiser(self._noisy, sigma, self.stage, patches, workers)
        self._best, self._places = guess.best, patches.places
        planes = self._noisy.clone()
        planes[:, :, torch.from_numpy(self.stage.hole != 0)] = guess.color
        return planes

    def _choose_patches(self, sigma: float) -> Patches:
        radius = self._radius(sigma)
        while radius > SMALLEST and count_patches(self.stage, radius) < MIN_PATCHES:
            radius -= 1
        if self._patches is None or self._patches.radius != radius:
            if self._sizes[-1:] != [2 * radius + 1]:
                self._sizes.append(2 * radius + 1)
            return gather_patches(self.stage, radius)
        return self._patches

    def _radius(self, sigma: float) -> int:
        levels = self._scheduler.sigmas
        if self.stage is not self._stages[-1]:
            (first, last), high, low = LARGE, float(levels[0]), TURN
        else:
            (first, last), high, low = SMALL, TURN, float(levels[-2])
        share = math.log(high / sigma) / max(math.log(high / low), 1e-6)
        return round(first + (last - first) * min(max(share, 0.0), 1.0))

    def _enter(self, stage: Stage, sigma: float) -> None:
        """Continue at another size, from the enlarged estimate with new noise."""
        if stage is self.stage:
            return
        guess = self._noisy if self._guess is None else self._guess
        planes = guess + self.stage.mean[:, None, None]
        self.stage, self._patches, self._guess = stage, None, None
        height, width = stage.shape
        enlarged = np.empty((*planes.shape[:2], height, width), np.float32)
        for at in np.ndindex(*planes.shape[:2]):
            enlarged[at] = cv2.pyrUp(planes[at].numpy(), dstsize=(width, height))
        begun = torch.from_numpy(enlarged) - stage.mean[:, None, None]
        self._noisy = self._paste(begun + sigma * self._draw())

    def _draw(self) -> torch.Tensor:
        shape = (len(self._generators), *self.stage.color.shape)
        noise: torch.Tensor = randn_tensor(shape, generator=self._generators)
        return noise

    def _paste(self, planes: torch.Tensor) -> torch.Tensor:
        """Return the planes, with the picture outside the sampled hole."""
        return torch.where(torch.from_numpy(self.stage.hole != 0), planes, self.stage.color)
