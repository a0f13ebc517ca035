from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from structlog.testing import capture_logs
from torch import nn
from torch.nn import functional

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from tests.support.tiny_pipelines.parts import library
from tests.unit.worker.engines.diffusion.painting import (
    LIBRARY_WARNINGS,
    calls_of,
    canvas_of,
    model_of,
)
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families.base import Settings
from worker.engines.diffusion.loading import LoadedModel, load_model
from worker.engines.diffusion.previews import Previewer, decode_small, fit_map
from worker.engines.diffusion.prompts import PromptCache

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]


def test_preview_is_small_and_keeps_the_aspect_ratio(tiny_engine: DiffusionEngine) -> None:
    settings = Settings(width=1024, height=512, steps=1, strength=1, guidance_scale=1)
    latents = torch.randn((2, 4, 64, 128))
    first, second = Previewer().preview(model_of(tiny_engine), latents, settings)
    assert first.shape == second.shape == (128, 256, 3)
    assert first.dtype == np.uint8 and not np.array_equal(first, second)


def test_preview_bears_latents_that_are_no_numbers(tiny_engine: DiffusionEngine) -> None:
    settings = Settings(width=64, height=64, steps=1, strength=1, guidance_scale=1)
    [image] = Previewer().preview(
        model_of(tiny_engine), torch.full((1, 4, 8, 8), torch.nan), settings
    )
    assert image.shape == (64, 64, 3)


@pytest.mark.parametrize(
    "family", ["stable-diffusion", "flux-fill", "chroma", "z-image", "qwen-image", "flux2-klein"]
)
def test_to_decodable_undoes_what_the_pipeline_packs(
    family: str, engine_of: Callable[[str], DiffusionEngine]
) -> None:
    model, last = model_of(engine_of(family)), list[torch.Tensor]()
    [call] = calls_of([canvas_of(0)], model)
    inputs = call.to_inputs(model.entry)
    embed = partial(PromptCache().embed, model.adapter, model.pipeline, max_sequence_length=64)
    output = model.pipeline(
        **model.adapter.arguments(model.pipeline, inputs, embed),
        **model.adapter.callbacks(lambda latents: last.append(torch.as_tensor(latents))),
    )
    decodable = model.adapter.to_decodable(model.pipeline, last[-1], inputs.settings)
    with torch.no_grad():
        frames = decodable[:, :, None] if family == "qwen-image" else decodable
        decoded = model.autoencoder.decode(frames, return_dict=False)[0]
    wanted = torch.from_numpy(output.images[0]).permute(2, 0, 1)
    found = (decoded.reshape(wanted.shape) / 2 + 0.5).clamp(0, 1)
    assert torch.allclose(found, wanted, atol=1e-4)


class ShrinkingAutoencoder(nn.Module):
    """Its latents are the colors themselves, in -1..1, at an eighth of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def encode(self, pictures: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(latents=functional.avg_pool2d(pictures, 8))


def test_fit_map_finds_colors_that_lie_in_the_latents(tiny_engine: DiffusionEngine) -> None:
    model = model_of(tiny_engine)
    pipeline = SimpleNamespace(vae=ShrinkingAutoencoder())
    wanted = torch.cat((torch.eye(3) / 2, torch.full((1, 3), 0.5)))
    found = fit_map(LoadedModel(model.entry, model.adapter, pipeline))
    assert torch.allclose(found, wanted, atol=1e-4)
    assert fit_map(model).shape == (5, 3)


def test_prepare_bears_an_autoencoder_that_cannot_encode(tiny_engine: DiffusionEngine) -> None:
    model = model_of(tiny_engine)
    pipeline = SimpleNamespace(vae=nn.Linear(1, 1), maybe_free_model_hooks=lambda: None)
    with capture_logs() as logs:
        Previewer().prepare(LoadedModel(model.entry, model.adapter, pipeline))
    assert [entry["event"] for entry in logs] == ["preview_map_failed"]


def build_small_decoder(directory: Path, channels: int = 4) -> str:
    torch.manual_seed(5)
    decoder = library.AutoencoderTiny(
        latent_channels=channels,
        encoder_block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1),
        num_decoder_blocks=(1, 1, 1, 1),
    )
    decoder.save_pretrained(directory, safe_serialization=True)
    return str(directory)


def test_preview_comes_from_the_small_decoder_where_there_is_one(
    tiny_entry: ModelEntry, tmp_path: Path
) -> None:
    entry = tiny_entry.model_copy(update={"preview_vae": build_small_decoder(tmp_path)})
    model = load_model(entry, "cpu")
    latents = torch.randn((2, 4, 8, 16))
    settings = Settings(width=128, height=64, steps=1, strength=1, guidance_scale=1)
    previewer = Previewer()
    previewer.prepare(model)
    for latent, image in zip(latents, previewer.preview(model, latents, settings), strict=True):
        # As the denoiser has them is how such decoders take them.
        with torch.no_grad():
            [decoded] = model.preview_vae.decode(latent[None]).sample
        wanted = (decoded.permute(1, 2, 0).numpy() / 2 + 0.5).clip(0, 1) * 255
        assert image.shape == (64, 128, 3)
        assert np.abs(image - wanted).max() <= 0.51


def test_paint_shows_previews_of_the_small_decoder(tiny_entry: ModelEntry, tmp_path: Path) -> None:
    entry = tiny_entry.model_copy(update={"preview_vae": build_small_decoder(tmp_path)})
    engine, shown = DiffusionEngine(entry, threads=1), list[int]()
    engine.paint([canvas_of(0)], lambda *_: None, lambda make: shown.append(len(make())))
    assert shown == [1, 1, 1]


@pytest.mark.parametrize("family", ["flux-fill", "z-image"])
def test_decode_small_undoes_the_shift_of_the_autoencoder(
    family: str, entry_of: Callable[[str], ModelEntry], tmp_path: Path
) -> None:
    channels = 16 if family == "z-image" else 4
    decoder = build_small_decoder(tmp_path, channels)
    changes = {"preview_vae": decoder}
    model = load_model(entry_of(family).model_copy(update=changes), "cpu")
    config, latents = model.autoencoder.config, torch.randn((1, channels, 8, 8))
    decodable = latents / config.scaling_factor + config.shift_factor
    with torch.no_grad():
        [wanted] = model.preview_vae.decode(latents).sample
    [found] = decode_small(model, decodable)
    assert torch.allclose(found, wanted.permute(1, 2, 0) / 2 + 0.5, atol=1e-4)


@pytest.mark.parametrize(
    ("family", "said"),
    [("stable-diffusion", "fit the model.s latents"), ("flux2-klein", "do not take a preview_vae")],
)
def test_load_model_refuses_a_small_decoder_that_does_not_fit(
    family: str, said: str, entry_of: Callable[[str], ModelEntry], tmp_path: Path
) -> None:
    changes = {"preview_vae": build_small_decoder(tmp_path, 16)}
    with pytest.raises(ModelUnavailable, match=said):
        load_model(entry_of(family).model_copy(update=changes), "cpu")
