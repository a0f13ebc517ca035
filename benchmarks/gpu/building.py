"""Pipelines of real size with random weights, made where they are used: nothing is downloaded."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.sizes import Config, RealSize
from service.contract.catalogue import ModelDefaults, ModelEntry, load_catalogue
from tests.support.tiny_pipelines import BUILDERS
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families import ADAPTERS
from worker.engines.diffusion.fitting import fit_pipeline
from worker.engines.diffusion.loading import LoadedModel, load_model

STEPS = 4
MAX_ROWS = 8


def make_entry(family: str, side: int, folder: Path, **changes: Any) -> ModelEntry:
    """Build a family's tiny pipeline in a folder, and return an entry that serves it.

    Defaults are those of the first known model of the family, with few steps.
    """
    BUILDERS[family](folder)
    known = next((one for one in load_catalogue(None).known if one.family == family), None)
    told = known.defaults.model_dump() if known else {}
    fields = {
        "name": f"{family}-random",
        "family": family,
        "source": str(folder),
        "dtype": "bfloat16",
        "native_pixels": side * side,
        "max_batch": MAX_ROWS,
        "max_sequence_length": known.max_sequence_length if known else None,
        "defaults": ModelDefaults.model_validate({**told, "num_inference_steps": STEPS}),
        "tile_pixels": 4_000_000,
    }
    if ADAPTERS[family].controlnet is not None:
        fields["controlnet"] = str(folder / "controlnet")
    return ModelEntry.model_validate({**fields, **changes})


class GrownEngine(DiffusionEngine):
    """An engine whose pipeline is grown to its real size when it is loaded.

    Args:
        entry: serves a tiny pipeline.
        size: to grow it to.
        device: torch's name of the device that it is made and used on.
    """

    def __init__(self, entry: ModelEntry, size: RealSize, device: str) -> None:
        # On a busy processor, threads that wait for each other cost more than they save.
        super().__init__(entry, threads=1 if device == "cpu" else 0)
        self._size, self._device = size, device

    @property
    def model(self) -> LoadedModel:
        """The model, loaded."""
        return self._loaded()

    def _loaded(self) -> LoadedModel:
        if self._model is None:
            self._model = load_grown(self._entry, self._size, self._device)
            self._previewer.prepare(self._model)
        return self._model


def load_grown(entry: ModelEntry, size: RealSize, device: str) -> LoadedModel:
    """Load a tiny model, and return it with its components at their real size."""
    tiny = load_model(entry, "cpu")
    dtype = getattr(torch, entry.dtype)
    parts = {
        name: grow(getattr(tiny.pipeline, name), changes, device, dtype)
        for name, changes in size.parts.items()
    }
    pipeline = rebuild(tiny.pipeline, parts)
    fit_pipeline(pipeline, entry, tiny.adapter, device)
    tiny.adapter.prepare(pipeline)
    return LoadedModel(entry, tiny.adapter, pipeline)


def rebuild(pipeline: Any, parts: Mapping[str, Any]) -> Any:
    """Return a pipeline of the same class with other components; it measures them when made."""
    if not parts:
        return pipeline
    given = {**dict(pipeline.config), **pipeline.components, **parts}
    names = inspect.signature(type(pipeline).__init__).parameters
    return type(pipeline)(**{name: given[name] for name in names if name in given})


def grow(part: Any, changes: Config, device: str, dtype: torch.dtype) -> Any:
    """Return a component of the same class with other settings and random weights.

    Args:
        part: of diffusers or transformers.
        changes: to its settings.
        device: torch's name of the device that the weights are made on.
        dtype: of the weights.
    """
    with torch.device(device), default_dtype(dtype):
        if hasattr(type(part), "from_config") and hasattr(part, "register_to_config"):
            grown = type(part).from_config({**part.config, **changes})
        else:
            settings = merge(part.config.to_dict(), changes)
            grown = type(part)(type(part.config).from_dict(settings))
        for name, weight in grown.named_parameters():
            # Created empty, to be read from files: whatever lay in memory otherwise.
            if name.endswith("pad_token"):
                torch.nn.init.normal_(weight, std=0.02)
    return grown.to(dtype).eval()


def merge(settings: Config, changes: Config) -> dict[str, Any]:
    """Return settings with others in their place, group by group; `None` takes one out."""
    merged = dict(settings)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = merge(merged[name], value)
        else:
            merged[name] = value
    return merged


def count_billions(part: Any) -> float:
    """Return the parameters of a component, in billions."""
    count: int = sum(weight.numel() for weight in part.parameters())
    return count / 1e9


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Make floating point tensors of this type meanwhile."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
