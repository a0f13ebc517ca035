"""The expected clean value of noisy pixels, given the patches of a single picture."""

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

# Loading a pipeline looks for the base class of a component in the component's own module.
ModelMixin: Any = _diffusers.ModelMixin

CHUNK: Final = 256
"""Pixels processed at once: bounds the memory, and is the same for any number of threads, so that
all sums have the same order."""


@dataclass(frozen=True, eq=False)
class Guess:
    """The denoiser's estimate for noisy pixels.

    Attributes:
        color: float32 (N, 5, P), the expected planes of each variant and pixel of the hole.
        best: int64 (N, P), the most likely source.
    """

    color: torch.Tensor
    best: torch.Tensor


class PatchDenoiser(ModelMixin, _diffusers.ConfigMixin):  # type: ignore[misc]
    """Denoises with the picture's own patches; has no trained parameters.

    For Gaussian noise and a prior of the patches of one picture, the posterior mean of a pixel is
    the mean of the patches' centers, weighted by the likelihood of the noisy neighborhood under
    each patch. Known pixels have no noise, yet no patch fits them exactly: they count as if they
    had some noise, less than the hole.

    Args:
        known_share: noise of known pixels as a share of the present level.
        known_floor: lowest noise of known pixels, in units of -1..1.
        hole_floor: lowest noise of the hole's pixels.

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
        """Always the processor: there are no weights to move."""
        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """The type of all computations."""
        return torch.float32

    def save_pretrained(self, save_directory: Any, **_: Any) -> None:
        """Save the constants; there are no weights."""
        self.save_config(save_directory)

    @classmethod
    def from_pretrained(cls, path: Any, **_: Any) -> Self:
        """Load the constants that `save_pretrained` saved."""
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
        """Estimate the hole's pixels.

        Args:
            noisy: float32 (N, 5, H, W), about the stage's mean; known pixels without noise.
            sigma: noise level of the hole's pixels.
            stage: has the known pixels.
            patches: that may be copied.
            workers: that run the chunks.
        """
        count, pixels = len(noisy), int((stage.hole != 0).sum())
        color = torch.empty(count, pixels, noisy.shape[1])
        best = torch.empty(count, pixels, dtype=torch.int64)
        for number in range(count):
            # One by one: several variants need no more memory, and sum in the same order.
            asking = self._ask(noisy[number], sigma, stage, patches.radius)
            run = partial(_answer, asking, patches, color[number], best[number])
            workers.run(run, [*range(0, pixels, CHUNK), pixels])
        return Guess(color.transpose(1, 2), best)

    def _ask(self, noisy: torch.Tensor, sigma: float, stage: Stage, radius: int) -> torch.Tensor:
        """Return float32 (P, 6 k²); times a source's terms it is the source's log likelihood.

        The log is -Σ m (q - y)²; the part that does not depend on the source y is left out.
        """
        at = torch.from_numpy(np.flatnonzero(stage.hole))
        precision = self._precision(sigma, stage)
        weights = unfold(precision[None, None], radius)[0].index_select(1, at)
        colors = unfold(noisy[None], radius)[0].index_select(1, at)
        weighted = colors.view(len(noisy), -1, len(at)) * (2 * weights)
        return torch.cat((weighted.view(-1, len(at)), -weights)).T.contiguous()

    def _precision(self, sigma: float, stage: Stage) -> torch.Tensor:
        """Return the weight of each pixel, float32 (H, W); 0 where nothing is known."""
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
    """Return the estimate for pixels `first` to `last`."""
    likelihood = asking[first:last] @ patches.terms
    best[first:last] = likelihood.argmax(1)
    color[first:last] = torch.softmax(likelihood, 1) @ patches.centers
