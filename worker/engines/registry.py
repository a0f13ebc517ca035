"""Which engines a worker has: those of its queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.contract.catalogue import METHODS, Catalogue, MethodInfo
from service.contract.names import CPU_QUEUE, gpu_queue
from worker.config import WorkerSettings
from worker.engines.base import Engine, EngineRegistry
from worker.engines.mirror import MirrorEngine
from worker.engines.patch import PatchEngine
from worker.engines.pattern import PatternEngine


@dataclass(frozen=True)
class QueueEngines:
    """The engines of one queue.

    Attributes:
        by_key: the engine for each operation, method and model; no model without weights.
    """

    by_key: Mapping[tuple[str, str, str | None], Engine]

    def get(self, operation: str, method: str, model: str | None) -> Engine:
        """Give the engine, not yet loaded.

        Raises:
            KeyError: this worker has none for it.
        """
        return self.by_key[operation, method, model]

    def methods(self) -> list[tuple[str, str]]:
        """Give the (operation, method) pairs that this worker paints."""
        return sorted({(operation, method) for operation, method, _ in self.by_key})

    def models(self) -> list[str]:
        """Give the names of the models that this worker holds or can load."""
        return sorted({model for _, _, model in self.by_key if model is not None})

    def warm(self) -> None:
        """Load every engine of the queue.

        Raises:
            ModelUnavailable: a model cannot be loaded.
        """
        # One engine may serve both operations; loading it again does nothing.
        for engine in self.by_key.values():
            engine.load()


def build_engines(settings: WorkerSettings, catalogue: Catalogue) -> EngineRegistry:
    """Build the engines of a worker's queue, none of them loaded.

    Raises:
        ValueError: the queue belongs to a model group that no model is configured for.
    """
    if settings.queue == CPU_QUEUE:
        return QueueEngines(_weight_free_engines())
    return QueueEngines(_model_engines(settings, catalogue))


def _weight_free_engines() -> dict[tuple[str, str, str | None], Engine]:
    engines: dict[str, Engine] = {
        "patch": PatchEngine(),
        "mirror": MirrorEngine(),
        "pattern": PatternEngine(),
    }
    return {(info.operation, info.name, None): engines[info.name] for info in _methods(False)}


def _model_engines(
    settings: WorkerSettings, catalogue: Catalogue
) -> dict[tuple[str, str, str | None], Engine]:
    # Here and not at the top: a worker of weight-free methods runs where torch is not installed.
    from worker.engines.diffusion.engine import DiffusionEngine

    engines: dict[tuple[str, str, str | None], Engine] = {}
    for entry in catalogue.models:
        if gpu_queue(entry.group) != settings.queue:
            continue
        engine = DiffusionEngine(entry, threads=settings.torch_threads)
        for info in _methods(True):
            engines[info.operation, info.name, entry.name] = engine
    if not engines:
        raise ValueError(f"no model is configured for the queue {settings.queue}")
    return engines


def _methods(needs_model: bool) -> list[MethodInfo]:
    return [info for info in METHODS if info.needs_model is needs_model]
