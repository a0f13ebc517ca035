from __future__ import annotations

from typing import Any

import diffusers
import pytest
import torch

from tests.unit.worker.engines.diffusion.painting import LIBRARY_WARNINGS
from worker.engines.diffusion.estimates import CleanLatents

pytestmark = LIBRARY_WARNINGS

library: Any = diffusers
CLEAN = torch.full((1, 4, 8, 8), 0.7)


def noise_in(scheduler: Any, latents: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """What a model that knows the clean latents would predict."""
    name = type(scheduler).__name__
    if name.startswith("FlowMatch"):
        return (latents - CLEAN) / (float(time) / 1000)
    if name.startswith("Euler"):
        return (latents - CLEAN) / float(scheduler.sigmas[scheduler.step_index])
    alpha = float(scheduler.alphas_cumprod[int(time)]) ** 0.5
    noise: torch.Tensor = (latents - CLEAN * alpha) / (1 - alpha**2) ** 0.5
    return noise


def run(scheduler: Any, clean: CleanLatents) -> list[torch.Tensor]:
    """Denoise in five steps; gives the estimate after each."""
    scheduler.set_timesteps(5)
    latents = torch.randn(CLEAN.shape) * getattr(scheduler, "init_noise_sigma", 1.0)
    estimates = []
    for time in scheduler.timesteps:
        if hasattr(scheduler, "scale_model_input"):
            scheduler.scale_model_input(latents, time)
        noise = noise_in(scheduler, latents, time)
        latents = scheduler.step(noise, time, latents).prev_sample
        estimates.append(clean.estimate(scheduler, latents))
    return estimates


@pytest.mark.parametrize(
    "name",
    [
        "FlowMatchEulerDiscreteScheduler",
        "EulerDiscreteScheduler",
        "DPMSolverMultistepScheduler",
        "UniPCMultistepScheduler",
    ],
)
def test_estimate_finds_the_clean_latents_from_the_second_step_on(name: str) -> None:
    clean = CleanLatents()
    # Twice: what is left of the first run must not count in the second.
    for _ in range(2):
        first, *others = run(getattr(library, name)(), clean)
        assert first.shape == CLEAN.shape
        for estimate in others:
            assert torch.allclose(estimate, CLEAN, atol=0.02)


def test_estimate_gives_the_latents_where_there_is_none() -> None:
    scheduler, latents = library.DDIMScheduler(), torch.randn(CLEAN.shape)
    assert CleanLatents().estimate(scheduler, latents) is latents
