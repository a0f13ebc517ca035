"""A tiny pipeline on disk, and an engine that holds it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before torch is imported: spinning barriers make a busy machine four times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from service.contract.catalogue import ModelDefaults, ModelEntry
from tests.support.tiny_pipeline import build_tiny_sd_inpaint
from worker.engines.diffusion.engine import DiffusionEngine


@pytest.fixture(scope="session")
def tiny_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_sd_inpaint(tmp_path_factory.mktemp("tiny-sd-inpaint"))


@pytest.fixture(scope="session")
def tiny_entry(tiny_directory: Path) -> ModelEntry:
    return ModelEntry(
        name="tiny",
        family="stable-diffusion-inpaint",
        source=str(tiny_directory),
        native_pixels=64 * 64,
        max_batch=4,
        defaults=ModelDefaults(num_inference_steps=3),
    )


@pytest.fixture(scope="session")
def tiny_engine(tiny_entry: ModelEntry) -> DiffusionEngine:
    engine = DiffusionEngine(tiny_entry, threads=1)
    engine.load()
    return engine
