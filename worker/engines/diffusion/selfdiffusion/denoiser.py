"""The best guess of what a noisy neighborhood was, for one who knows a single picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

import diffusers
import numpy as np
import torch
from diffusers.configuration_utils import register_to_config

from worker.engines.diffusion.selfdiffusion.sources import Patches, Stage, unfold
from worker.engines.patch.strips import Workers

_diffusers: Any = diffusers

# Loading a pipeline looks for the base class of a component's kind in the component's own module.
ModelMixin: Any = _diffusers.ModelMixin

CHUNK: Final = 256
"""Pixels asked at once: bounds the memory, and is the same on any number of threads, so that every
sum is made in the same order."""


@dataclass(frozen=True, eq=False)
class Guess:
    """What the denoiser makes of noisy pixels.

    Attributes:
        color: float32 (N, 5, P), for each row and pixel of the hole the expected planes.
        best: int64 (N, P), the likeliest source.
    """

    color: torch.Tensor
    best: torch.Tensor


class PatchDenoiser(ModelMixin, _diffusers.ConfigMixin):  # type: ignore[misc]
    """Denoises with the picture's own patches; has no parameters.

    For Gaussian noise and a prior that holds nothing but the patches of one picture, the posterior
    mean of a pixel is the mean of the patches' middles, weighted by how likely each patch explains
    the noisy neighborhood. Known pixels are noiseless, yet no patch fits them exactly: they count
    as if they had less noise than the hole, but some.

    Args:
        known_share: noise of known pixels as a part of the present level.
        known_floor: least noise of known pixels, in -1..1.
        hole_floor: least noise of the hole's pixels.

    Source: M. Kamb, S. Ganguli, "An analytic theory of creativity in convolutional diffusion
        models", arXiv 2412.20292; M. Niedoba et al., "Towards a Mechanistic Explanation of
        Diffusion Model Generalization", arXiv 2411.19339.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self, known_share: float = 0.25, known_floor: float = 0.08, hole_floor: float = 0.02
    ) -> None:
        super().__init__()

    @property
    def device(self) -> torch.device:
        """The processor: there is nothing to move."""
        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """What is computed in."""
        return torch.float32

    def save_pretrained(self, save_directory: Any, **_: Any) -> None:
        """Save the constants; weights there are none."""
        self.save_config(save_directory)

    @classmethod
    def from_pretrained(cls, path: Any, **_: Any) -> Self:
        """Load what `save_pretrained` saved."""
        loaded: Self = cls.from_config(cls.load_config(path))
        return loaded

    def forward(
        self,
        noisy: torch.Tensor,
        sigma: float,
        stage: Stage,
        patches: Patches,
        workers: Workers,
    ) -> Guess:
        """Guess the hole's pixels.

        Args:
            noisy: float32 (N, 5, H, W), about the stage's mean; known pixels without noise.
            sigma: noise level of the hole's pixels.
            stage: what is known.
            patches: what may be copied.
            workers: run the chunks.
        """
        count, pixels = len(noisy), int((stage.hole != 0).sum())
        color = torch.empty(count, pixels, noisy.shape[1])
        best = torch.empty(count, pixels, dtype=torch.int64)
        for row in range(count):
            # Row by row: a batch must neither cost more memory nor add up in another order.
            asking = self._ask(noisy[row], sigma, stage, patches.radius)
            run = partial(_answer, asking, patches, color[row], best[row])
            workers.run(run, [*range(0, pixels, CHUNK), pixels])
        return Guess(color.transpose(1, 2), best)

    def _ask(self, noisy: torch.Tensor, sigma: float, stage: Stage, radius: int) -> torch.Tensor:
        """Give float32 (P, 6 k²): times a source's terms it is the log of its likelihood.

        That log is -Σ m (q - y)²; the part without the source y is left out.
        """
        at = torch.from_numpy(np.flatnonzero(stage.hole))
        precision = self._precision(sigma, stage)
        weights = unfold(precision[None, None], radius)[0].index_select(1, at)
        colors = unfold(noisy[None], radius)[0].index_select(1, at)
        weighted = colors.view(len(noisy), -1, len(at)) * (2 * weights)
        return torch.cat((weighted.view(-1, len(at)), -weights)).T.contiguous()

    def _precision(self, sigma: float, stage: Stage) -> torch.Tensor:
        """Give each pixel's say, float32 (H, W); none where nothing is known."""
        config: Any = self.config
        known = max(config.known_share * sigma, config.known_floor)
        hole = max(sigma, config.hole_floor)
        precision = torch.zeros(stage.shape)
        precision[torch.from_numpy(stage.known != 0)] = 1 / (2 * known**2)
        precision[torch.from_numpy(stage.hole != 0)] = 1 / (2 * hole**2)
        return precision


def _answer(
    asking: torch.Tensor,
    patches: Patches,
    color: torch.Tensor,
    best: torch.Tensor,
    first: int,
    last: int,
) -> None:
    """Answer for pixels `first` to `last`."""
    likelihood = asking[first:last] @ patches.terms
    best[first:last] = likelihood.argmax(1)
    color[first:last] = torch.softmax(likelihood, 1) @ patches.centers
