from __future__ import annotations

from pathlib import Path

import pytest
import torch

from worker.engines.diffusion.selfdiffusion.schedule import GeometricAncestralScheduler


@pytest.mark.parametrize("steps", [1, 2, 24])
def test_scheduler_goes_down_by_one_factor_and_ends_without_noise(steps: int) -> None:
    scheduler = GeometricAncestralScheduler(sigma_max=0.8, sigma_min=0.02)
    scheduler.set_timesteps(steps)
    assert len(scheduler.timesteps) == steps and len(scheduler.sigmas) == steps + 1
    assert scheduler.sigmas[0] == pytest.approx(0.8) and scheduler.sigmas[-1] == 0
    factors = scheduler.sigmas[1:-1] / scheduler.sigmas[:-2]
    assert torch.allclose(factors, factors[:1].expand_as(factors), atol=1e-5)


def test_scheduler_ends_at_the_guess() -> None:
    scheduler = GeometricAncestralScheduler()
    scheduler.set_timesteps(3)
    sample, guess = torch.ones(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.25)
    generator = torch.Generator().manual_seed(0)
    for level, sigma in zip(scheduler.timesteps, scheduler.sigmas, strict=False):
        scaled = scheduler.scale_model_input(sample, level)
        sample = scheduler.step((scaled - guess) / sigma, level, scaled, generator).prev_sample
    assert torch.allclose(sample, guess, atol=1e-6)


def test_scheduler_survives_saving_and_loading(tmp_path: Path) -> None:
    GeometricAncestralScheduler(sigma_max=0.7).save_pretrained(tmp_path)
    loaded = GeometricAncestralScheduler.from_pretrained(tmp_path)
    loaded.set_timesteps(4)
    assert float(loaded.sigmas[0]) == pytest.approx(0.7)
