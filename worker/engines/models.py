"""The models of one group; only as many stay loaded as fit in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import structlog

from service.contract.catalogue import ModelEntry
from service.contract.errors import MethodUnavailable
from service.contract.finders import FinderEntry
from service.contract.methods import METHODS
from worker.engines.base import Engine, UnloadableEngine
from worker.engines.finders.base import Finder, UnloadableFinder
from worker.engines.lookup import EngineRegistry
from worker.engines.pinning import WEIGHTS

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


@dataclass(frozen=True)
class GroupFinder:
    """One finder of the group; attributes as of `GroupModel`."""

    finder: UnloadableFinder
    memory_bytes: int


class ModelEngines:
    """The models of one group; the least recently used ones are unloaded for others.

    Args:
        models: those that paint, by name.
        first: the model to load at the start if not all are loaded.
        limit_bytes: that loaded models may take together; 0 for no limit. A model that takes more
            is loaded alone.
        finders: those that find, by name.
        others: engines and finders that are no models, and always loaded.
    """

    def __init__(
        self,
        models: Mapping[str, GroupModel],
        first: str,
        limit_bytes: int = 0,
        finders: Mapping[str, GroupFinder] = MappingProxyType({}),
        others: EngineRegistry | None = None,
    ) -> None:
        self._models, self._finders = models, finders
        held: dict[str, UnloadableEngine | UnloadableFinder] = {
            **{name: model.engine for name, model in models.items()},
            **{name: one.finder for name, one in finders.items()},
        }
        # In order of use, the most recent last; unloading begins at the front.
        self._held = {name: one for name, one in held.items() if name != first}
        self._held[first] = held[first]
        self._memory = {name: model.memory_bytes for name, model in models.items()}
        self._memory |= {name: one.memory_bytes for name, one in finders.items()}
        self._first = first
        self._limit_bytes = limit_bytes
        self._others = others
        needed = {(info.operation, info.name) for info in METHODS if info.needs_model}
        self._methods = needed if models else set()

    def get(self, operation: str, method: str, model: str | None) -> Engine:
        """Return the engine, after unloading others if memory does not hold all.

        Raises:
            KeyError: this worker has no such engine.
        """
        found = self._models.get(model or "")
        if model and found is not None and (operation, method) in self._methods:
            self._use(model)
            return found.engine
        if self._others is None:
            raise KeyError((operation, method, model))
        return self._others.get(operation, method, model)

    def get_finder(self, name: str) -> Finder:
        """Return a finder, after unloading others if memory does not hold all.

        Raises:
            MethodUnavailable: this worker has no such finder.
        """
        if name in self._finders:
            self._use(name)
            return self._finders[name].finder
        if self._others is None:
            raise MethodUnavailable(f"this worker has no finder {name}")
        return self._others.get_finder(name)

    def methods(self) -> list[tuple[str, str]]:
        """Return the (operation, method) pairs that this worker serves."""
        return sorted({*self._methods, *(self._others.methods() if self._others else ())})

    def models(self) -> list[str]:
        """Return the names of the models that this worker holds or can load."""
        return sorted(self._held)

    def loaded_models(self) -> list[str]:
        """Return the names of the models that are loaded now, the most recently used last."""
        return [name for name, one in self._held.items() if one.is_loaded]

    def warm(self) -> None:
        """Load every model, or only the first one if memory is limited.

        Raises:
            ModelUnavailable: a model cannot be loaded.
        """
        for name in (self._first,) if self._limit_bytes else tuple(self._held):
            self._held[name].load()
        if self._others is not None:
            self._others.warm()

    def _use(self, name: str) -> None:
        """Make room for a model, and note that it is used."""
        self._make_room(name)
        self._held[name] = self._held.pop(name)

    def _make_room(self, name: str) -> None:
        if not self._limit_bytes or self._held[name].is_loaded:
            return
        for other in self.loaded_models():
            if self._taken() + self._memory[name] <= self._limit_bytes:
                return
            self._held[other].unload()
            log.info("model_unloaded", model=other, for_model=name)

    def _taken(self) -> int:
        return sum(self._memory[name] for name in self.loaded_models())


def count_memory(entry: ModelEntry | FinderEntry) -> int:
    """Return the memory of a model in bytes: from its entry, else the size of its local files.

    A model with neither counts as 0.
    """
    if entry.memory_bytes is not None:
        return entry.memory_bytes
    files = {file.resolve() for source in entry.revisions for file in _weight_files(Path(source))}
    return sum(file.stat().st_size for file in files)


def _weight_files(source: Path) -> list[Path]:
    """Return the weight files of a local source; none for another source."""
    if source.is_file():
        return [source]
    return [file for file in source.rglob("*") if file.suffix in WEIGHTS]
