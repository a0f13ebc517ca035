from __future__ import annotations

import subprocess
import sys

import pytest

from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.methods import METHODS
from worker.config import WorkerSettings
from worker.engines.registry import build_engines


def entry(name: str, group: str = "default", source: str = "/nowhere") -> ModelEntry:
    return ModelEntry(name=name, family="stable-diffusion", source=source, group=group)


def test_build_engines_gives_the_weight_free_methods_to_their_queue() -> None:
    engines = build_engines(WorkerSettings(), Catalogue(models=(entry("a"),)))
    engines.warm()
    assert engines.methods() == [
        ("inpaint", "patch"),
        ("mask", "find"),
        ("outpaint", "mirror"),
        ("outpaint", "pattern"),
    ]
    assert engines.models() == []


def test_build_engines_names_in_the_recipe_what_the_catalogue_says() -> None:
    engines = build_engines(WorkerSettings(), Catalogue())
    for info in METHODS:
        if not info.needs_model and info.operation != "mask":
            engine = engines.get(info.operation, info.name, None)
            assert engine.load().engine == info.engine


def test_get_raises_when_the_worker_has_no_such_method() -> None:
    with pytest.raises(KeyError):
        build_engines(WorkerSettings(), Catalogue()).get("inpaint", "generate", None)


def test_build_engines_needs_no_torch_when_the_methods_are_weight_free() -> None:
    program = (
        "import sys\n"
        "from service.contract.catalogue import Catalogue\n"
        "from worker.config import WorkerSettings\n"
        "from worker.engines.registry import build_engines\n"
        "import worker.operations.paint\n"
        "build_engines(WorkerSettings(), Catalogue()).warm()\n"
        "found = {'torch', 'diffusers', 'transformers'} & set(sys.modules)\n"
        "sys.exit(str(found) if found else 0)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_build_engines_refuses_a_group_without_models() -> None:
    settings = WorkerSettings(queue="paint-gpu:other")
    with pytest.raises(ValueError, match="paint-gpu:other"):
        build_engines(settings, Catalogue(models=()))
