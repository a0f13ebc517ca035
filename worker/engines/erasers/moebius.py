"""Moebius by its three graphs in ONNX' format: the denoiser, and both halves of the autoencoder.

Source: K. Duan et al., "Moebius: 0.2B Lightweight Image Inpainting Framework", ECCV 2026; names and
    shapes are those of the graphs in `simonw/Moebius-ONNX`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import cv2
import numpy as np

from service.contract.catalogue import ModelEntry
from worker.engines.erasers import ddim
from worker.engines.erasing import Check, Floats, NetInputs, NetSettings
from worker.engines.sessions import (
    Graph,
    Tensor,
    check_float32,
    describe_runtime,
    find_file,
)
from worker.imaging import ImageArray, MaskArray

SIDE: Final = 512
LATENT_SIDE: Final = 64
LATENT_SCALE: Final = 0.13025
NOISE_OFFSET: Final = 0.0357
"""Of the authors: how far each channel of the noise is shifted as a whole."""

IDS: Final = 10
"""Learned ids of each side of the guidance: the first ten for it, the last ten against it."""

_PICTURE = (None, 3, SIDE, SIDE)
_LATENT = (None, 4, LATENT_SIDE, LATENT_SIDE)
_WHOLE = "tensor(int64)"

GRAPHS: Final = {
    "unet.onnx": (
        (
            Tensor((None, 9, LATENT_SIDE, LATENT_SIDE), name="latent"),
            Tensor((None,), _WHOLE, "timesteps"),
            Tensor((None, IDS), _WHOLE, "input_ids"),
        ),
        (Tensor(_LATENT, name="noise"),),
    ),
    "vae_encoder.onnx": (
        (Tensor(_PICTURE, name="image"),),
        (Tensor((None, 8, LATENT_SIDE, LATENT_SIDE), name="moments"),),
    ),
    "vae_decoder.onnx": (
        (Tensor(_LATENT, name="latent"),),
        (Tensor(_PICTURE, name="image"),),
    ),
}
"""Inputs and outputs of each graph."""


class Moebius:
    """The three graphs in memory.

    Args:
        denoiser: finds the noise in latents.
        encoder: makes latents of a picture.
        decoder: makes a picture of latents.
    """

    side: int | None = SIDE

    def __init__(self, denoiser: Graph, encoder: Graph, decoder: Graph) -> None:
        self._denoiser, self._encoder, self._decoder = denoiser, encoder, decoder

    @property
    def repaints_all(self) -> bool:
        """True: its autoencoder paints kept pixels too, nearly as they are."""
        return True

    def count_steps(self, settings: NetSettings) -> int:
        """Return the number of steps of the sampler."""
        return settings.steps

    def erase(self, inputs: NetInputs, check: Check) -> Floats:
        """Paint the pictures of a call, one after the other."""
        every = zip(inputs.images, inputs.masks, inputs.seeds, strict=True)
        return np.stack([self._paint(*each, inputs.settings, check) for each in every])

    def describe(self) -> Mapping[str, Any]:
        """Return what a recipe says of the net."""
        return {**describe_runtime(self._denoiser), "scheduler": "DDIM"}

    def _paint(
        self, image: ImageArray, mask: MaskArray, seed: int, settings: NetSettings, check: Check
    ) -> Floats:
        hole = (mask > 0).astype(np.float32)
        known = self._encode(image, hole, lambda: check(0))
        small = cv2.resize(hole, (LATENT_SIDE, LATENT_SIDE), interpolation=cv2.INTER_NEAREST)
        latents, signal = draw_noise(seed), ddim.sum_signal()
        timesteps = ddim.list_timesteps(settings.steps)
        for done, timestep in enumerate(timesteps):
            joined = np.concatenate((latents, small[None], known)).astype(np.float32)
            noise = self._find_noise(
                joined, timestep, settings.guidance_scale, partial(check, done)
            )
            following = signal[timesteps[done + 1]] if done + 1 < len(timesteps) else 1.0
            latents = ddim.step(latents, noise, float(signal[timestep]), float(following))
        return self._decode(latents, partial(check, len(timesteps)))

    def _encode(self, image: ImageArray, hole: Floats, check: Callable[[], None]) -> Floats:
        """Return the latents of what is kept, float32 (4, h, w)."""
        kept = (image.transpose(2, 0, 1) * np.float32(2 / 255) - 1) * (1 - hole)
        [moments] = self._encoder.run([kept[None]], check)
        # The mean alone; the second half is the spread that training draws from.
        return np.asarray(moments[0, :4] * LATENT_SCALE, np.float32)

    def _find_noise(
        self, joined: Floats, timestep: int, scale: float, check: Callable[[], None]
    ) -> Floats:
        """Return the noise in latents, guided away from the second half of the ids."""
        ids = np.stack((np.arange(IDS, 2 * IDS), np.arange(IDS))).astype(np.int64)
        pair = np.stack((joined, joined))
        times = np.full(2, timestep, np.int64)
        [(against, towards)] = self._denoiser.run([pair, times, ids], check)
        return np.asarray(against + scale * (towards - against), np.float32)

    def _decode(self, latents: Floats, check: Callable[[], None]) -> Floats:
        [pictures] = self._decoder.run([(latents / LATENT_SCALE).astype(np.float32)[None]], check)
        return np.asarray(pictures[0].transpose(1, 2, 0) / 2 + 0.5, np.float32)


def draw_noise(seed: int) -> Floats:
    """Return the latents that painting begins with, float32 (4, h, w)."""
    random = np.random.default_rng(seed)
    noise = random.standard_normal((4, LATENT_SIDE, LATENT_SIDE), np.float32)
    return np.asarray(noise + NOISE_OFFSET * random.standard_normal((4, 1, 1), np.float32))


def load_moebius(entry: ModelEntry, threads: int) -> Moebius:
    """Read the graphs.

    Raises:
        ModelUnavailable: one is missing or another graph.
    """
    check_float32(entry)
    graphs = [
        Graph(entry, find_file(entry, name), *GRAPHS[name], threads) for name in entry.traits.files
    ]
    return Moebius(*graphs)
