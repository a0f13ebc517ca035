"""Previews: latents decoded by a small network, or by a linear map."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import structlog
import torch

from worker.engines.diffusion.estimates import CleanLatents
from worker.engines.diffusion.families.base import Settings
from worker.engines.diffusion.loading import LoadedModel
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

MAX_SIDE: Final = 256
"""Longest side of a preview, in pixels."""

log = structlog.get_logger()

_SIDE: Final = 128
_PICTURES: Final = 4


class Previewer:
    """Makes previews of one model."""

    def __init__(self) -> None:
        self._map: torch.Tensor | None = None
        self._clean = CleanLatents()

    def prepare(self, model: LoadedModel) -> None:
        """Fit the linear map, which costs more than all previews of a job; ignore a failure.

        After a failure the first preview tries again, and fails by itself. With a small decoder no
        map is needed.
        """
        if model.preview_vae is not None:
            return
        try:
            self._map = fit_map(model)
        except Exception as error:
            log.warning("preview_map_failed", model=model.entry.name, error=type(error).__name__)
        # With offloading, the autoencoder is on the device only while it works.
        model.pipeline.maybe_free_model_hooks()

    def preview(
        self, model: LoadedModel, latents: torch.Tensor, settings: Settings
    ) -> list[ImageArray]:
        """Return RGB uint8 (H, W, 3) for each picture, at most `MAX_SIDE` px a side, aspect kept.

        Args:
            model: of the latents.
            latents: after a step, packed as in the pipeline.
            settings: of the call.
        """
        clean = self._clean.estimate(model.pipeline.scheduler, latents)
        decodable = model.adapter.to_decodable(model.pipeline, clean, settings)
        pixels = self._to_pixels(model, decodable)
        scale = min(1.0, MAX_SIDE / max(settings.width, settings.height))
        size = round(settings.width * scale), round(settings.height * scale)
        return [_to_image(one, size) for one in pixels]

    def _to_pixels(self, model: LoadedModel, decodable: torch.Tensor) -> torch.Tensor:
        """Return RGB (N, h, w, 3), about 0..1, of latents as the autoencoder expects them."""
        if model.preview_vae is not None:
            return decode_small(model, decodable)
        if self._map is None:
            self._map = fit_map(model)
        return _flat(decodable.detach().float().cpu()) @ self._map


def decode_small(model: LoadedModel, decodable: torch.Tensor) -> torch.Tensor:
    """Decode latents with the model's small decoder.

    Args:
        model: with `preview_vae`.
        decodable: (N, C, h, w), as its own autoencoder expects them.

    Returns:
        RGB (N, H, W, 3), about 0..1, on the processor.
    """
    decoder = model.preview_vae
    small = model.adapter.to_small(model.pipeline, decodable.detach())
    config = decoder.config
    given = small / config.scaling_factor + config.shift_factor
    with torch.no_grad():
        decoded: torch.Tensor = decoder.decode(
            given.to(next(decoder.parameters())), return_dict=False
        )[0]
    return decoded.float().cpu().permute(0, 2, 3, 1) / 2 + 0.5


def fit_map(model: LoadedModel) -> torch.Tensor:
    """Fit a linear map from latents to colors by least squares, over a few smooth random pictures.

    Returns:
        (C + 1, 3): weights of each channel and a constant, to RGB in 0..1.
    """
    pictures = _smooth_pictures()
    with torch.no_grad():
        latents = _encode(model.autoencoder, pictures).float().cpu()
    colors = torch.nn.functional.interpolate(pictures, latents.shape[-2:], mode="area")
    inputs = _flat(latents).reshape(-1, latents.shape[1] + 1)
    wanted = colors.permute(0, 2, 3, 1).reshape(-1, 3)
    fitted: torch.Tensor = torch.linalg.lstsq(inputs, wanted, driver="gelsd").solution
    return fitted


def _encode(autoencoder: Any, pictures: torch.Tensor) -> torch.Tensor:
    """Return the latents of pictures (N, 3, H, W) in 0..1, as the decoder expects them."""
    weights = next(autoencoder.parameters())
    given = (pictures * 2 - 1).to(weights)
    is_video = hasattr(autoencoder, "temperal_downsample")
    encoded = autoencoder.encode(given[:, :, None] if is_video else given)
    latents: torch.Tensor
    latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
    return latents[:, :, 0] if is_video else latents


def _smooth_pictures() -> torch.Tensor:
    """Return (N, 3, H, W) in 0..1: enlarged coarse noise, so that colors fill whole latents."""
    generator = torch.Generator().manual_seed(0)
    cells = torch.rand((_PICTURES, 3, 6, 6), generator=generator)
    return torch.nn.functional.interpolate(cells, (_SIDE, _SIDE), mode="bicubic").clamp(0, 1)


def _flat(latents: torch.Tensor) -> torch.Tensor:
    """Reshape (N, C, h, w) to (N, h, w, C + 1), with a last channel of 1."""
    channels_last = latents.permute(0, 2, 3, 1)
    return torch.cat((channels_last, torch.ones_like(channels_last[..., :1])), dim=-1)


def _to_image(pixels: torch.Tensor, size: tuple[int, int]) -> ImageArray:
    values = np.nan_to_num(pixels.numpy() * 255).clip(0, 255).round().astype(np.uint8)
    return to_uint8(cv2.resize(values, size, interpolation=cv2.INTER_AREA))
