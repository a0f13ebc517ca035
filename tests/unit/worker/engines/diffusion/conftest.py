"""Tiny pipelines on disk, and engines that hold them."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

# Before torch is imported: spinning barriers make a busy machine four times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from service.contract.catalogue import ModelDefaults, ModelEntry
from tests.support.tiny_pipelines import BUILDERS
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families import ADAPTERS


@pytest.fixture(scope="session")
def entry_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelEntry]:
    """Return the entry of a family's tiny pipeline, built when it is first asked for."""

    @cache
    def build(family: str) -> ModelEntry:
        directory = BUILDERS[family](tmp_path_factory.mktemp(family))
        adapter = ADAPTERS[family]
        return ModelEntry(
            name="tiny",
            family=family,
            source=str(directory),
            controlnet=str(directory / "controlnet") if adapter.controlnet else None,
            native_pixels=64 * 64,
            max_batch=4,
            max_sequence_length=None if adapter.sequence_length is None else 64,
            defaults=ModelDefaults(num_inference_steps=3, guidance_scale=3.0),
        )

    return build


@pytest.fixture(scope="session")
def engine_of(entry_of: Callable[[str], ModelEntry]) -> Callable[[str], DiffusionEngine]:
    """Return an engine that holds a family's tiny pipeline."""

    @cache
    def load(family: str) -> DiffusionEngine:
        engine = DiffusionEngine(entry_of(family), threads=1)
        engine.load()
        return engine

    return load


@pytest.fixture(scope="session")
def tiny_entry(entry_of: Callable[[str], ModelEntry]) -> ModelEntry:
    return entry_of("stable-diffusion")


@pytest.fixture(scope="session")
def tiny_directory(tiny_entry: ModelEntry) -> Path:
    return Path(tiny_entry.source)


@pytest.fixture(scope="session")
def tiny_engine(engine_of: Callable[[str], DiffusionEngine]) -> DiffusionEngine:
    return engine_of("stable-diffusion")
