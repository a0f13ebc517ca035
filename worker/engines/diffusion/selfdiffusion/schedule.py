"""Noise levels of a sampler without a trained model: geometric, variance exploding."""

from __future__ import annotations

import warnings
from typing import Any, Final

import diffusers
import numpy as np
import torch
from diffusers.configuration_utils import register_to_config

_diffusers: Any = diffusers

# Loading a pipeline looks for the base class of a component in the component's own module.
SchedulerMixin: Any = _diffusers.SchedulerMixin

SIGMA_MAX: Final = 0.45
"""For a picture in -1..1. Sampling begins with a smooth fill, not with nothing: on four pictures
with 16 holes, 1.6 gave the same sharpness with 0.5 dB less, and 0.4 gave more dB with more
blur."""

SIGMA_MIN: Final = 0.05
"""Six of 255: below it, nothing changes visibly."""


class GeometricAncestralScheduler(_diffusers.EulerAncestralDiscreteScheduler):  # type: ignore[misc]
    """Ancestral Euler steps along a geometric sequence of noise levels.

    The parent class derives its levels from the betas of a model's training. Without a model the
    noise is simply added: the variance explodes, the picture keeps its scale.

    Args:
        sigma_max: first noise level; the picture lies in -1..1.
        sigma_min: last noise level before 0.

    Source: Y. Song, S. Ermon, "Improved Techniques for Training Score-Based Generative Models",
        NeurIPS 2020, section 3 (geometric levels).
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, sigma_max: float = SIGMA_MAX, sigma_min: float = SIGMA_MIN) -> None:
        with warnings.catch_warnings():
            # The parent's levels are not used, and their computation warns in numpy 2.
            warnings.simplefilter("ignore", DeprecationWarning)
            super().__init__(prediction_type="epsilon")

    def set_timesteps(self, num_inference_steps: int, device: Any = None) -> None:
        """Set the noise levels, largest first; each is its own timestep.

        Args:
            num_inference_steps: at least 1.
            device: of the timesteps; the levels stay on the processor.
        """
        config: Any = self.config
        levels = np.geomspace(config.sigma_max, config.sigma_min, num_inference_steps)
        self.num_inference_steps = num_inference_steps
        self.sigmas = torch.tensor([*levels, 0.0], dtype=torch.float32)
        self.timesteps = self.sigmas[:-1].to(device)
        self._step_index = None
        self._begin_index = None
