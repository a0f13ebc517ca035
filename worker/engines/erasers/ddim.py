"""The sampler of Moebius: DDIM without noise.

Source: J. Song, C. Meng, S. Ermon, "Denoising Diffusion Implicit Models", ICLR 2021; the schedule
    is that of the model's authors (scaled linear, 0.00085 to 0.012, 1000 steps).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

TRAINED_STEPS: Final = 1000
FIRST_BETA: Final = 0.00085
LAST_BETA: Final = 0.012


def list_timesteps(steps: int) -> list[int]:
    """Return the timesteps of so many steps, the noisiest first."""
    ratio = TRAINED_STEPS // steps
    return [place * ratio for place in reversed(range(steps))]


def sum_signal() -> NDArray[np.float64]:
    """Return the share of the signal's variance that is left at each trained step."""
    roots = np.linspace(FIRST_BETA**0.5, LAST_BETA**0.5, TRAINED_STEPS)
    return np.asarray(np.cumprod(1 - roots**2))


def step(
    sample: NDArray[np.float32], noise: NDArray[np.float32], signal: float, next_signal: float
) -> NDArray[np.float32]:
    """Return the sample at the next timestep.

    Args:
        sample: the present one.
        noise: that the net found in it.
        signal: share of the signal's variance now.
        next_signal: the same after the step; 1 after the last.
    """
    clean = (sample - (1 - signal) ** 0.5 * noise) / signal**0.5
    return np.asarray(next_signal**0.5 * clean + (1 - next_signal) ** 0.5 * noise, np.float32)
