"""The engines of a worker: those of its queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.contract.catalogue import SELF_MODEL, Catalogue, ModelEntry
from service.contract.errors import MethodUnavailable
from service.contract.finders import FinderEntry
from service.contract.methods import METHODS
from service.contract.names import CPU_QUEUE, gpu_queue
from service.contract.setting_errors import SettingsError
from worker.config import WorkerSettings
from worker.engines.base import Engine, UnloadableEngine
from worker.engines.finders.base import Finder, UnloadableFinder
from worker.engines.finders.building import build_finder
from worker.engines.lookup import EngineRegistry
from worker.engines.mirror import MirrorEngine
from worker.engines.models import GroupFinder, GroupModel, ModelEngines, count_memory
from worker.engines.patch import PatchEngine
from worker.engines.pattern import PatternEngine

FIND = ("mask", "find")
"""The operation and method of masks, of every worker with the weight-free methods."""


@dataclass(frozen=True)
class QueueEngines:
    """Engines and finders that are loaded once and stay.

    Attributes:
        by_key: the engine of each operation, method and model; `None` for weight-free methods.
        finders: by name.
    """

    by_key: Mapping[tuple[str, str, str | None], Engine]
    finders: Mapping[str, Finder] = field(default_factory=dict)

    def get(self, operation: str, method: str, model: str | None) -> Engine:
        """Return the engine, not yet loaded.

        Raises:
            KeyError: this worker has no such engine.
        """
        return self.by_key[operation, method, model]

    def get_finder(self, name: str) -> Finder:
        """Return a finder, not yet loaded.

        Raises:
            MethodUnavailable: this worker has no such finder.
        """
        try:
            return self.finders[name]
        except KeyError:
            raise MethodUnavailable(f"this worker has no finder {name}") from None

    def methods(self) -> list[tuple[str, str]]:
        """Return the (operation, method) pairs that this worker serves."""
        found = {(operation, method) for operation, method, _ in self.by_key}
        return sorted({FIND, *found}) if found else []

    def models(self) -> list[str]:
        """Return the names of the models that this worker holds."""
        return sorted({model for _, _, model in self.by_key if model is not None})

    def loaded_models(self) -> list[str]:
        """Return the names of the models that are loaded now."""
        return self.models()

    def warm(self) -> None:
        """Load every engine of the queue."""
        # One engine may serve both operations; loading it again does nothing.
        for engine in self.by_key.values():
            engine.load()
        for finder in self.finders.values():
            finder.load()


def build_engines(settings: WorkerSettings, catalogue: Catalogue) -> EngineRegistry:
    """Build the engines of a worker's queue, without loading them.

    Raises:
        ValueError: no model is configured for the queue's model group, or the libraries of a
            finder are not installed.
    """
    everywhere = {
        entry.name: build_finder(entry, settings.torch_threads)
        for entry in catalogue.finders
        if entry.group is None
    }
    if settings.queue == CPU_QUEUE:
        return QueueEngines(_weight_free_engines(), everywhere)
    return _build_model_engines(settings, catalogue, everywhere)


def _weight_free_engines() -> dict[tuple[str, str, str | None], Engine]:
    engines: dict[str, Engine] = {
        "patch": PatchEngine(),
        "mirror": MirrorEngine(),
        "pattern": PatternEngine(),
    }
    served = (info for info in METHODS if not info.needs_model and info.name in engines)
    return {(info.operation, info.name, None): engines[info.name] for info in served}


def _build_model_engines(
    settings: WorkerSettings, catalogue: Catalogue, everywhere: Mapping[str, Finder]
) -> ModelEngines:
    entries = [
        entry
        for entry in catalogue.models
        if gpu_queue(entry.group) == settings.queue and catalogue.allows(entry)
    ]
    finders = {
        entry.name: GroupFinder(_build_group_finder(entry, settings), count_memory(entry))
        for entry in catalogue.finders
        if entry.group and gpu_queue(entry.group) == settings.queue and catalogue.allows(entry)
    }
    if not (entries or finders):
        raise ValueError(f"no model is configured for the queue {settings.queue}")
    models = {
        entry.name: GroupModel(_build_model_engine(entry, settings), count_memory(entry))
        for entry in entries
    }
    # Whose jobs have a mask to be found are painted here, too, by whatever method.
    others = QueueEngines(_weight_free_engines() if finders else {}, everywhere)
    default = next((entry.name for entry in entries if entry.default), None)
    first = default or next(iter((*models, *finders)))
    return ModelEngines(models, first, settings.model_memory_bytes, finders, others)


def _build_group_finder(entry: FinderEntry, settings: WorkerSettings) -> UnloadableFinder:
    finder = build_finder(entry, settings.torch_threads)
    if not isinstance(finder, UnloadableFinder):
        raise ValueError(f"the finder {entry.name} belongs to no group: leave out its group")
    return finder


def _build_model_engine(entry: ModelEntry, settings: WorkerSettings) -> UnloadableEngine:
    try:
        return _import_engine(entry, settings)
    except ImportError as error:
        raise SettingsError(
            f"PAINTJOB_QUEUE={settings.queue}: the model {entry.name} needs the package "
            f"{error.name}: install the extra `{entry.traits.extra}`, or give the model another "
            "group in PAINTJOB_MODELS_FILE, which a worker that has it serves"
        ) from error


def _import_engine(entry: ModelEntry, settings: WorkerSettings) -> UnloadableEngine:
    # Imported here: each worker runs with the libraries of its own models alone.
    threads = settings.torch_threads
    if entry.kind == "eraser":
        return _import_eraser(entry, threads)
    if entry.family == SELF_MODEL.family:
        from worker.engines.diffusion.self_engine import SelfDiffusionEngine

        return SelfDiffusionEngine(entry, threads)
    from worker.engines.diffusion.engine import DiffusionEngine

    return DiffusionEngine(entry, threads, settings.call_memory_bytes)


def _import_eraser(entry: ModelEntry, threads: int) -> UnloadableEngine:
    from worker.engines.erasers.engine import EraserEngine

    if entry.family == "lama":
        from worker.engines.diffusion.lama.eraser import load_lama

        return EraserEngine(entry, load_lama, threads)
    from worker.engines.erasers.mi_gan import load_mi_gan
    from worker.engines.erasers.moebius import load_moebius

    load_net = load_mi_gan if entry.family == "mi-gan" else load_moebius
    return EraserEngine(entry, load_net, threads)
