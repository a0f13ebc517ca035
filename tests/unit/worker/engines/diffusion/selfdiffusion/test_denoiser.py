from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tests.support.pictures import make_box_mask, make_rgb
from worker.engines.diffusion.selfdiffusion.denoiser import Guess, PatchDenoiser
from worker.engines.diffusion.selfdiffusion.sources import Stage, gather_patches
from worker.engines.diffusion.selfdiffusion.stages import Region, choose_stages
from worker.engines.patch.strips import Workers

RADIUS = 2


def make_stage() -> Stage:
    image = make_rgb("texture", 48, 40)
    mask = make_box_mask(48, 40, (10, 10, 30, 30))
    stages = choose_stages(Region(image, mask, mask, 255 - mask))
    return stages[-1]


def denoise(stage: Stage, noisy: torch.Tensor, sigma: float, threads: int = 1) -> Guess:
    with Workers(lambda: None, threads) as workers:
        guess: Guess = PatchDenoiser()(noisy, sigma, stage, gather_patches(stage, RADIUS), workers)
    return guess


def guess_plainly(stage: Stage, noisy: torch.Tensor, sigma: float) -> list[list[float]]:
    """Do for every pixel what the formula says, one patch after the other."""
    height, width = stage.shape
    patches = gather_patches(stage, RADIUS)
    plane = noisy[0].double().numpy()
    color = stage.color.double().numpy()
    means = []
    for y, x in np.argwhere(stage.hole):
        costs = []
        for sy, sx in patches.places:
            cost = 0.0
            for dy in range(-RADIUS, RADIUS + 1):
                for dx in range(-RADIUS, RADIUS + 1):
                    qy, qx = y + dy, x + dx
                    if not (0 <= qy < height and 0 <= qx < width):
                        continue
                    noise = sigma if stage.hole[qy, qx] else max(0.25 * sigma, 0.08)
                    gap = plane[:, qy, qx] - color[:, sy + dy, sx + dx]
                    cost += float((gap**2).sum()) / (2 * noise**2)
            costs.append(cost)
        weights = np.exp(min(costs) - np.array(costs))
        at = patches.places
        mean = (weights[:, None] * color[:, at[:, 0], at[:, 1]].T).sum(0) / weights.sum()
        means.append([float(value) for value in mean])
    return means


def test_denoiser_gives_the_mean_that_the_formula_gives() -> None:
    image = make_rgb("texture", 22, 20)
    mask = make_box_mask(22, 20, (0, 8, 4, 12))
    color = torch.from_numpy(image.astype(np.float32).transpose(2, 0, 1) / 127.5 - 1)
    stage = Stage(0, color.contiguous(), torch.zeros(3), mask, 255 - mask, 255 - mask)
    noise = torch.randn(1, 3, 20, 22, generator=torch.Generator().manual_seed(0))
    noisy = torch.where(torch.from_numpy(mask != 0), color + 0.3 * noise, color)
    found = denoise(stage, noisy, 0.3).color[0].T
    assert torch.allclose(found, torch.tensor(guess_plainly(stage, noisy, 0.3)), atol=1e-4)


def test_denoiser_finds_the_place_that_a_hole_was_copied_from() -> None:
    stage = make_stage()
    noisy = stage.color.clone()
    at = np.argwhere(stage.hole)
    # The same picture shifted: every neighborhood deep inside has one perfect source.
    noisy[:, 4:16, 4:16] = stage.color[:, 4:16, 24:36] if stage.shape[1] > 36 else 0
    guess = denoise(stage, noisy[None], 0.02)
    assert guess.best.shape == (1, len(at))
    assert torch.isfinite(guess.color).all()


def test_denoiser_answers_alike_on_any_number_of_threads() -> None:
    stage = make_stage()
    noise = torch.randn(2, *stage.color.shape, generator=torch.Generator().manual_seed(0))
    guesses = [denoise(stage, stage.color + 0.5 * noise, 0.5, threads) for threads in (1, 3)]
    assert torch.equal(guesses[0].color, guesses[1].color)
    assert torch.equal(guesses[0].best, guesses[1].best)


def test_denoiser_has_no_weights_and_keeps_its_constants(tmp_path: Path) -> None:
    PatchDenoiser(known_floor=0.05).save_pretrained(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["config.json"]
    loaded = PatchDenoiser.from_pretrained(tmp_path)
    assert loaded.config.known_floor == 0.05
    assert not list(loaded.parameters())
