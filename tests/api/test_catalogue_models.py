"""What the shipped models declare, held against diffusers' own classes, built at tiny size."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import diffusers
import pytest
import torch

from service.contract.catalogue import ModelEntry, read_known_models
from tests.support.tiny_pipelines import BUILDERS
from tests.unit.worker.engines.diffusion.painting import (
    LIBRARY_WARNINGS,
    calls_of,
    canvas_of,
    ignore,
    model_of,
)
from worker.engines.diffusion.companions import DTYPES
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families import ADAPTERS
from worker.engines.diffusion.loading import load_model

pytestmark = LIBRARY_WARNINGS

KNOWN = [
    ModelEntry.model_validate(table)
    for table in read_known_models().values()
    if table.get("kind") != "finder"
]
SHIPPED = {entry.name: entry for entry in KNOWN if entry.kind == "diffusion"}
SHIPPED_PARAMS = [
    pytest.param(entry, id=name, marks=() if name == "sd15-inpaint" else pytest.mark.slow)
    for name, entry in SHIPPED.items()
]
"""The most common one always; the others, which take their time to build, when there is some."""

TakeTiny = Callable[[ModelEntry], ModelEntry]


@pytest.fixture(scope="module")
def tiny_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TakeTiny]:
    """Yield a shipped entry with tiny weights, all else as it is shipped."""

    @cache
    def build(family: str) -> str:
        return str(BUILDERS[family](tmp_path_factory.mktemp(family)))

    def take(entry: ModelEntry) -> ModelEntry:
        source = build(entry.family)
        changes: dict[str, Any] = {
            "source": source,
            "controlnet": f"{source}/controlnet" if entry.controlnet else None,
            # Only what lies on the Hub has these.
            "variant": None,
            "loras": (),
            "optional_loras": {},
        }
        return entry.model_copy(update=changes)

    yield take
    build.cache_clear()


@pytest.mark.parametrize("entry", SHIPPED_PARAMS)
def test_a_shipped_entry_loads_as_the_class_and_dtype_that_it_declares(
    entry: ModelEntry, tiny_of: TakeTiny
) -> None:
    pipeline = load_model(tiny_of(entry), "cpu").pipeline
    assert type(pipeline) is getattr(diffusers, entry.traits.pipeline)
    # What a library keeps in float32, such as norms, may be so.
    denoiser = getattr(pipeline, ADAPTERS[entry.family].denoiser)
    assert denoiser.dtype is DTYPES[entry.dtype]
    if entry.scheduler is not None:
        assert type(pipeline.scheduler).__name__ == entry.scheduler["class"]


@pytest.mark.parametrize("entry", SHIPPED_PARAMS)
def test_a_shipped_entry_declares_what_its_class_takes(
    entry: ModelEntry, tiny_of: TakeTiny
) -> None:
    traits, adapter = entry.traits, ADAPTERS[entry.family]
    pipeline_class = getattr(diffusers, traits.pipeline)
    taken = set(inspect.signature(pipeline_class.__call__).parameters)
    assert ("strength" in traits.honors) == ("strength" in taken)
    assert ("negative_prompt" in traits.honors) == ("negative_prompt" in taken)
    if "guidance_scale" in traits.honors:
        assert adapter.guidance in taken
        assert (adapter.guidance == "true_cfg_scale") == (traits.guidance == "true_cfg")
    assert (traits.guidance in ("cfg", "true_cfg")) == ("negative_prompt" in traits.honors)
    assert ("control_image" in taken) == (traits.conditioning == "control")
    assert (adapter.controlnet is not None) == (entry.controlnet is not None)
    assert entry.max_sequence_length is None or "max_sequence_length" in taken
    has_loras = entry.loras or entry.optional_loras
    assert not has_loras or hasattr(pipeline_class, "load_lora_weights")
    assert traits.takes_reference == ("image_reference" in taken)
    assert entry.max_batch == 1 or traits.shares_calls


@pytest.mark.parametrize("entry", SHIPPED_PARAMS)
def test_a_shipped_entry_sets_only_what_its_family_honors(entry: ModelEntry) -> None:
    refused = entry.traits.unsupported_fields
    assert not refused & {name for name in entry.defaults.model_fields_set if _changes(entry, name)}
    assert entry.native_pixels % entry.size_multiple == 0


def _changes(entry: ModelEntry, name: str) -> bool:
    """Return whether a default is another than what stands for "does not matter"."""
    return bool(getattr(entry.defaults, name) not in ("", 1.0))


@pytest.mark.parametrize("entry", SHIPPED_PARAMS)
def test_a_shipped_entry_has_the_grain_of_its_latents(entry: ModelEntry, tiny_of: TakeTiny) -> None:
    engine = DiffusionEngine(_quick(tiny_of(entry)), threads=1)
    model = model_of(engine)
    sizes, canvas = list[torch.Size](), canvas_of(0, 90, 66)

    def look(module: Any, args: Any, output: Any) -> None:
        sizes.append(_latents_of(output).shape[-2:])

    handle = model.autoencoder.encoder.register_forward_hook(look)
    [painted] = engine.paint([canvas], ignore)
    handle.remove()
    [call] = calls_of([canvas], model)
    width, height = call.settings.width, call.settings.height
    assert painted.details["painted_size"] == [width, height]
    assert painted.image.std() > 1
    # How many pixels a latent stands for; what is packed two by two stands for twice as many.
    grain = width // sizes[0][1]
    assert (height // sizes[0][0], width % grain, height % grain) == (grain, 0, 0)
    assert entry.traits.cell in (grain, 2 * grain)
    assert width % entry.size_multiple == height % entry.size_multiple == 0


def _quick(entry: ModelEntry) -> ModelEntry:
    """Return the entry with few pixels and steps, in a dtype that a processor is quick in."""
    steps = max(2, min(entry.defaults.num_inference_steps, 3))
    defaults = entry.defaults.model_copy(update={"num_inference_steps": steps})
    changes = {"native_pixels": 64 * 64, "dtype": "float32", "defaults": defaults}
    return entry.model_copy(update=changes)


def _latents_of(output: Any) -> torch.Tensor:
    found = output[0] if isinstance(output, tuple) else output
    assert isinstance(found, torch.Tensor)
    return found
