from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.errors import ModelUnavailable
from service.contract.jobs import Recipe
from service.contract.loras import LoraEntry
from worker.config import WorkerSettings
from worker.engines.base import Canvas, Painted, StepCallback, UnloadableEngine
from worker.engines.models import GroupModel, ModelEngines, count_memory
from worker.engines.registry import build_engines


@dataclass
class Weights:
    """An engine that is nothing but loaded or not."""

    is_loaded: bool = False
    is_broken: bool = False

    def load(self) -> Recipe:
        if self.is_broken:
            raise ModelUnavailable
        self.is_loaded = True
        return Recipe(engine="weights")

    def unload(self) -> None:
        self.is_loaded = False

    def paint(self, canvases: Sequence[Canvas], on_step: StepCallback) -> list[Painted]:
        return []


def engines_of(limit_bytes: int = 0, /, first: str = "a", **sizes: int) -> ModelEngines:
    models = {name: GroupModel(Weights(), size) for name, size in sizes.items()}
    return ModelEngines(models, first, limit_bytes)


def use(engines: ModelEngines, *names: str) -> list[str]:
    """Load models one after another, as jobs do; gives what is loaded then."""
    for name in names:
        engines.get("inpaint", "generate", name).load()
    return engines.loaded_models()


def test_warm_loads_all_where_memory_has_no_limit() -> None:
    engines = engines_of(0, a=5, b=7, c=9)
    assert engines.loaded_models() == []
    engines.warm()
    assert sorted(engines.loaded_models()) == ["a", "b", "c"]
    assert sorted(use(engines, "b", "c")) == ["a", "b", "c"]


def test_warm_loads_the_first_alone_where_memory_is_limited() -> None:
    engines = engines_of(10, first="b", a=5, b=7)
    engines.warm()
    assert engines.loaded_models() == ["b"]
    assert engines.models() == ["a", "b"]
    assert engines.methods() == [("inpaint", "generate"), ("outpaint", "generate")]


def test_get_unloads_what_was_not_used_for_longest() -> None:
    engines = engines_of(10, a=4, b=4, c=4, d=9)
    assert use(engines, "a", "b") == ["a", "b"]
    assert use(engines, "a", "c") == ["a", "c"]
    assert use(engines, "c", "a", "b") == ["a", "b"]
    assert use(engines, "d") == ["d"]
    assert use(engines, "b") == ["b"]


def test_get_makes_no_room_for_what_is_loaded() -> None:
    engines = engines_of(10, a=4, b=6)
    assert use(engines, "a", "b", "a", "b", "a") == ["b", "a"]


def test_model_too_large_for_the_budget_is_loaded_alone() -> None:
    engines = engines_of(10, a=4, b=20)
    assert use(engines, "a", "b") == ["b"]
    assert use(engines, "a") == ["a"]


def test_models_of_unknown_size_count_nothing() -> None:
    engines = engines_of(10, a=10, b=0, c=0)
    assert use(engines, "a", "b", "c") == ["a", "b", "c"]


def test_model_that_cannot_be_loaded_does_not_count_as_loaded() -> None:
    broken = GroupModel(Weights(is_broken=True), 8)
    engines = ModelEngines({"a": GroupModel(Weights(), 8), "b": broken}, "a", 10)
    use(engines, "a")
    with pytest.raises(ModelUnavailable):
        use(engines, "b")
    assert engines.loaded_models() == []
    assert use(engines, "a") == ["a"]


@pytest.mark.parametrize(
    "key", [("inpaint", "generate", "z"), ("inpaint", "generate", None), ("inpaint", "patch", "a")]
)
def test_get_raises_for_what_is_not_of_the_group(key: tuple[str, str, str | None]) -> None:
    engines = engines_of(1, a=1)
    engines.warm()
    with pytest.raises(KeyError):
        engines.get(*key)
    assert engines.loaded_models() == ["a"]


def test_get_gives_both_operations_one_engine() -> None:
    engines = engines_of(a=1)
    assert engines.get("inpaint", "generate", "a") is engines.get("outpaint", "generate", "a")


def entry_of(**fields: object) -> ModelEntry:
    return ModelEntry.model_validate({"name": "m", "family": "stable-diffusion", **fields})


def test_count_memory_believes_the_entry(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(bytes(100))
    assert count_memory(entry_of(source=str(tmp_path), memory_bytes=7)) == 7


def test_count_memory_weighs_local_files(tmp_path: Path) -> None:
    for name, size in (("unet/x", 100), ("vae/x", 20), ("controlnet/x", 3)):
        file = tmp_path / f"{name}.safetensors"
        file.parent.mkdir()
        file.write_bytes(bytes(size))
    (tmp_path / "unet" / "config.json").write_bytes(bytes(1000))
    lora = tmp_path.parent / f"{tmp_path.name}-lora.safetensors"
    lora.write_bytes(bytes(5000))
    # The controlnet lies in the directory, and is counted once.
    entry = entry_of(
        source=str(tmp_path),
        controlnet=str(tmp_path / "controlnet"),
        loras=(LoraEntry(source=str(lora)),),
    )
    assert count_memory(entry) == 5123


def test_count_memory_knows_nothing_of_what_is_elsewhere() -> None:
    assert count_memory(entry_of(source="someone/something", revision="1")) == 0
    assert count_memory(entry_of()) == 0


@pytest.mark.slow
def test_build_engines_begins_with_the_default_model() -> None:
    entries = [entry_of(name=name, memory_bytes=5, default=name == "b") for name in "abc"]
    settings = WorkerSettings(queue="paint-gpu:default", model_memory_bytes=6)
    engines = build_engines(settings, Catalogue(models=tuple(entries)))
    assert isinstance(engines, ModelEngines)
    assert engines._first == "b"
    assert engines.models() == ["a", "b", "c"]
    assert engines.loaded_models() == []
    assert isinstance(engines.get("inpaint", "generate", "a"), UnloadableEngine)
