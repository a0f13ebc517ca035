from __future__ import annotations

from typing import Any

import diffusers
import numpy as np
import torch

from service.contract.catalogue import ModelEntry
from tests.support.pictures import make_rgb
from worker.engines.erasers import ddim
from worker.engines.erasers.moebius import draw_noise, load_moebius
from worker.engines.erasing import NetInputs, NetSettings


def test_the_sampler_is_that_of_diffusers() -> None:
    """The schedule of the authors' `infer/utils.py` (commit 390735d8 of hustvl/Moebius)."""
    # The types of diffusers' lazy module are incomplete.
    scheduler: Any = diffusers.DDIMScheduler
    theirs = scheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        clip_sample=False,
    )
    theirs.set_timesteps(20)
    timesteps, signal = ddim.list_timesteps(20), ddim.sum_signal()
    assert theirs.timesteps.tolist() == timesteps
    sample, noise = draw_noise(1), draw_noise(2)
    for timestep, following in ((950, 900), (50, 0), (0, None)):
        expected = theirs.step(torch.from_numpy(noise), timestep, torch.from_numpy(sample))
        after = 1.0 if following is None else float(signal[following])
        ours = ddim.step(sample, noise, float(signal[timestep]), after)
        assert np.abs(ours - expected.prev_sample.numpy()).max() < 1e-4


def test_seed_guidance_and_surroundings_make_the_picture(moebius: ModelEntry) -> None:
    net = load_moebius(moebius, 1)
    mask = np.zeros((512, 512), np.uint8)
    mask[100:300, 200:400] = 255

    def paint(image: int = 1, seed: int = 1, scale: float = 2.5) -> np.ndarray:
        inputs = NetInputs(
            [make_rgb("texture", 512, 512, image)], [mask], [seed], NetSettings(2, scale)
        )
        return net.erase(inputs, lambda _: None)

    first = paint()
    assert first.shape == (1, 512, 512, 3)
    assert np.array_equal(first, paint())
    for other in (paint(image=2), paint(seed=2), paint(scale=1.0)):
        assert np.abs(first - other).max() > 1e-3
