from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from worker.engines.diffusion.loading import load_pipeline

pytestmark = pytest.mark.slow

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copied_entry(tiny_entry: ModelEntry, tmp_path: Path) -> ModelEntry:
    """The tiny model in a directory of the test's own, to be broken."""
    directory = tmp_path / "copied"
    shutil.copytree(tiny_entry.source, directory)
    return tiny_entry.model_copy(update={"source": str(directory)})


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_load_pipeline_takes_the_dtype(tiny_entry: ModelEntry, dtype: str) -> None:
    pipeline = load_pipeline(tiny_entry.model_copy(update={"dtype": dtype}), "cpu")
    assert pipeline.unet.dtype is getattr(torch, dtype)
    assert pipeline.safety_checker is None


def test_load_pipeline_refuses_weights_that_are_pickled(copied_entry: ModelEntry) -> None:
    safe = Path(copied_entry.source, WEIGHTS)
    torch.save(load_file(safe), safe.with_suffix(".bin"))
    safe.unlink()
    with pytest.raises(ModelUnavailable):
        load_pipeline(copied_entry, "cpu")


def test_load_pipeline_refuses_weights_that_are_cut(copied_entry: ModelEntry) -> None:
    weights = Path(copied_entry.source, WEIGHTS)
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelUnavailable):
        load_pipeline(copied_entry, "cpu")


def test_load_pipeline_refuses_a_variant_that_is_absent(copied_entry: ModelEntry) -> None:
    with pytest.raises(ModelUnavailable):
        load_pipeline(copied_entry.model_copy(update={"variant": "fp16"}), "cpu")


def test_load_pipeline_asks_no_hub_when_it_is_offline(
    tiny_entry: ModelEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    away = tiny_entry.model_copy(update={"source": "paintjob/absent", "revision": "main"})
    with pytest.raises(ModelUnavailable):
        load_pipeline(away, "cpu")


def test_load_pipeline_refuses_the_hub_without_a_revision(tiny_entry: ModelEntry) -> None:
    with pytest.raises(ModelUnavailable, match="revision"):
        load_pipeline(tiny_entry.model_copy(update={"source": "paintjob/absent"}), "cpu")
