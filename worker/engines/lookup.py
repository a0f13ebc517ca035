"""The protocol of what has a worker's engines and finders, by name."""

from __future__ import annotations

from typing import Protocol

from worker.engines.base import Engine
from worker.engines.finders.base import Finder


class EngineRegistry(Protocol):
    """Returns the engines and finders of jobs."""

    def get(self, operation: str, method: str, model: str | None) -> Engine:
        """Return the engine, perhaps not yet loaded, but with room made for it.

        Raises:
            KeyError: this worker has no such engine.
        """
        ...

    def get_finder(self, name: str) -> Finder:
        """Return a finder by its name, perhaps not yet loaded, but with room made for it.

        Raises:
            MethodUnavailable: this worker has no such finder.
        """
        ...

    def methods(self) -> list[tuple[str, str]]:
        """Return the (operation, method) pairs that this worker paints."""
        ...

    def models(self) -> list[str]:
        """Return the names of the models that this worker holds or can load."""
        ...

    def loaded_models(self) -> list[str]:
        """Return the names of the models that are loaded now, the most recently used last."""
        ...

    def warm(self) -> None:
        """Load what must be ready before the worker is: the engines of its queue."""
        ...
