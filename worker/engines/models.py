"""The models of one group; only as many stay loaded as fit in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from service.contract.catalogue import ModelEntry
from service.contract.methods import METHODS
from worker.engines.base import Engine, UnloadableEngine

WEIGHTS: Final = frozenset({".safetensors", ".onnx"})

log = structlog.get_logger()


@dataclass(frozen=True)
class GroupModel:
    """One model of the group.

    Attributes:
        engine: paints with it.
        memory_bytes: that it takes when loaded.
    """

    engine: UnloadableEngine
    memory_bytes: int


class ModelEngines:
    """The engines of one group's models; the least recently used ones are unloaded for others.

    Args:
        models: by name.
        first: the model to load at the start if not all are loaded.
        limit_bytes: that loaded models may take together; 0 for no limit. A model that takes more
            is loaded alone.
    """

    def __init__(self, models: Mapping[str, GroupModel], first: str, limit_bytes: int = 0) -> None:
        # In order of use, the most recent last; unloading begins at the front.
        self._models = {name: model for name, model in models.items() if name != first}
        self._models[first] = models[first]
        self._first = first
        self._limit_bytes = limit_bytes
        self._methods = {(info.operation, info.name) for info in METHODS if info.needs_model}

    def get(self, operation: str, method: str, model: str | None) -> Engine:
        """Return the engine, after unloading others if memory does not hold all.

        Raises:
            KeyError: this worker has no such engine.
        """
        if (operation, method) not in self._methods or model not in self._models:
            raise KeyError((operation, method, model))
        self._make_room(model)
        found = self._models[model] = self._models.pop(model)
        return found.engine

    def methods(self) -> list[tuple[str, str]]:
        """Return the (operation, method) pairs that this worker paints."""
        return sorted(self._methods)

    def models(self) -> list[str]:
        """Return the names of the models that this worker holds or can load."""
        return sorted(self._models)

    def loaded_models(self) -> list[str]:
        """Return the names of the models that are loaded now, the most recently used last."""
        return [name for name, model in self._models.items() if model.engine.is_loaded]

    def warm(self) -> None:
        """Load every model, or only the first one if memory is limited.

        Raises:
            ModelUnavailable: a model cannot be loaded.
        """
        for name in (self._first,) if self._limit_bytes else tuple(self._models):
            self._models[name].engine.load()

    def _make_room(self, name: str) -> None:
        if not self._limit_bytes or self._models[name].engine.is_loaded:
            return
        for other in self.loaded_models():
            if self._taken() + self._models[name].memory_bytes <= self._limit_bytes:
                return
            self._models[other].engine.unload()
            log.info("model_unloaded", model=other, for_model=name)

    def _taken(self) -> int:
        return sum(self._models[name].memory_bytes for name in self.loaded_models())


def count_memory(entry: ModelEntry) -> int:
    """Return the memory of a model in bytes: from its entry, else the size of its local files.

    A model with neither counts as 0.
    """
    if entry.memory_bytes is not None:
        return entry.memory_bytes
    loras = (lora.source for lora in entry.loras)
    sources = (entry.source, entry.controlnet, entry.preview_vae, *loras)
    files = {file.resolve() for source in sources if source for file in _weight_files(Path(source))}
    return sum(file.stat().st_size for file in files)


def _weight_files(source: Path) -> list[Path]:
    """Return the weight files of a local source; none for another source."""
    if source.is_file():
        return [source]
    return [file for file in source.rglob("*") if file.suffix in WEIGHTS]
