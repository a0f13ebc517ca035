from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
import torch
from diffusers.models import attention_dispatch
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from service.contract.loras import LoraEntry, OptionalLora
from tests.unit.worker.engines.diffusion.painting import (
    LIBRARY_WARNINGS,
    canvas_of,
    ignore,
    paint,
)
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families import ADAPTERS
from worker.engines.diffusion.fitting import fit_pipeline
from worker.engines.diffusion.loading import load_model

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]


class Recorder:
    """A pipeline, and each of its components, that remembers what was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._repeated_blocks = ["Block"]
        self.use_slicing = False

    @property
    def unet(self) -> Recorder:
        return self

    @property
    def vae(self) -> Recorder:
        return self

    def modules(self) -> list[Any]:
        return []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def record(*values: Any, **options: Any) -> None:
            self.calls.append((name, values, options))

        return record

    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]


def fitted(entry: ModelEntry, device: str = "cuda", **changes: Any) -> Recorder:
    recorder = Recorder()
    changed = entry.model_copy(update=changes)
    fit_pipeline(recorder, changed, ADAPTERS[entry.family], device)
    return recorder


@pytest.fixture
def lora(tiny_entry: ModelEntry, tmp_path: Path) -> Path:
    """A LoRA of the tiny model's attention."""
    pipeline = load_model(tiny_entry, "cpu").pipeline
    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights=False)
    pipeline.unet.add_adapter(config)
    layers = get_peft_model_state_dict(pipeline.unet)
    pipeline.save_lora_weights(tmp_path, unet_lora_layers=layers)
    return tmp_path


def test_fit_pipeline_loads_loras_with_their_scales(tiny_entry: ModelEntry, lora: Path) -> None:
    file = lora / "pytorch_lora_weights.safetensors"
    canvas = canvas_of(1)
    [plain] = paint(DiffusionEngine(tiny_entry, threads=1), [canvas])
    images = {
        scales: paint(DiffusionEngine(with_loras(tiny_entry, file, scales), threads=1), [canvas])[0]
        for scales in ((1.0,), (0.0,), (2.0, -1.0))
    }
    assert not np.array_equal(images[1.0,], plain)
    assert np.array_equal(images[0.0,], plain)
    assert np.abs(images[2.0, -1.0].astype(int) - images[1.0,]).max() <= 1
    by_directory = tiny_entry.model_copy(update={"loras": (LoraEntry(source=str(lora)),)})
    assert np.array_equal(paint(DiffusionEngine(by_directory, 1), [canvas])[0], images[1.0,])


def with_loras(entry: ModelEntry, file: Path, scales: tuple[float, ...]) -> ModelEntry:
    loras = tuple(LoraEntry(source=str(file), scale=scale) for scale in scales)
    return entry.model_copy(update={"loras": loras})


def without(file: Path, *, of: str, renamed: str = "", marks: int = 1) -> Path:
    """Write a copy in which keys with a text are renamed, or left out."""
    tensors, changed, left = load_file(file), {}, marks
    for key, tensor in tensors.items():
        if of in key and left:
            left -= 1
            if renamed:
                changed[key.replace(of, renamed)] = tensor
        else:
            changed[key] = tensor
    target = file.with_name("changed.safetensors")
    save_file(changed, target)
    return target


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"of": "attn1.to_q", "renamed": "attn9.to_q", "marks": 99},
            "place for unet\\.\\S*attn9",
        ),
        ({"of": "unet.", "renamed": "unknown.", "marks": 2}, r"no place for unknown\.down_blocks"),
        ({"of": "lora_B"}, r"no place for unet\.\S*lora_A"),
        ({"of": "attn2.to_v.lora_A", "renamed": "attn2.to_v.lora_X"}, "no place for|does not fit"),
    ],
)
@pytest.mark.parametrize("kind", ["loras", "optional_loras"])
def test_a_lora_that_fits_only_in_part_fails_the_load_by_its_keys(
    tiny_entry: ModelEntry, lora: Path, change: dict[str, Any], text: str, kind: str
) -> None:
    file = without(lora / "pytorch_lora_weights.safetensors", **change)
    loras: Any = (LoraEntry(source=str(file)),)
    if kind == "optional_loras":
        loras = {"mine": OptionalLora(source=str(file), licence="MIT")}
    with pytest.raises(ModelUnavailable, match=text):
        load_model(tiny_entry.model_copy(update={kind: loras}), "cpu")


def test_optional_loras_are_switched_and_never_share_a_call(
    tiny_entry: ModelEntry, lora: Path
) -> None:
    file = str(lora / "pytorch_lora_weights.safetensors")
    optional = {name: OptionalLora(source=file, licence="MIT") for name in ("one", "two")}
    engine = DiffusionEngine(tiny_entry.model_copy(update={"optional_loras": optional}), threads=1)
    canvases = [
        canvas_of(1, loras=loras)
        for loras in (None, [{"name": "one", "scale": 1}], [{"name": "one", "scale": -1}], [])
    ]
    together = engine.paint(canvases, ignore)
    assert [painted.details["rows"] for painted in together] == [2, 1, 1, 2]
    assert [one.details.get("optional_loras") for one in together][1] == [
        {"name": "one", "revision": None, "scale": 1.0}
    ]
    plain, on, negative, off = (painted.image for painted in together)
    assert not np.array_equal(plain, on) and not np.array_equal(on, negative)
    [bare] = paint(DiffusionEngine(tiny_entry, threads=1), canvases[:1])
    assert np.array_equal(plain, off) and np.abs(plain.astype(int) - bare).max() <= 1
    [fixed] = paint(DiffusionEngine(with_loras(tiny_entry, Path(file), (1.0,)), 1), canvases[:1])
    assert np.abs(fixed.astype(int) - on).max() <= 1
    with pytest.raises(ModelUnavailable, match="has no LoRA three"):
        paint(engine, [canvas_of(1, loras=[{"name": "three", "scale": 1}])])


def test_fit_pipeline_refuses_a_lora_that_is_not_there(
    tiny_entry: ModelEntry, entry_of: Callable[[str], ModelEntry]
) -> None:
    loras = (LoraEntry(source="paintjob/absent"),)
    for entry, said in (
        (tiny_entry, "no revision"),
        (entry_of("kandinsky-2.2"), "do not take LoRAs"),
    ):
        with pytest.raises(ModelUnavailable, match=said):
            load_model(entry.model_copy(update={"loras": loras}), "cpu")


def test_fit_pipeline_replaces_the_scheduler(tiny_entry: ModelEntry) -> None:
    scheduler = {"class": "EulerDiscreteScheduler", "timestep_spacing": "trailing"}
    pipeline = load_model(tiny_entry.model_copy(update={"scheduler": scheduler}), "cpu").pipeline
    assert type(pipeline.scheduler).__name__ == "EulerDiscreteScheduler"
    assert pipeline.scheduler.config.timestep_spacing == "trailing"
    # What was not named stays as the weights have it.
    assert pipeline.scheduler.config.beta_schedule == "scaled_linear"


@pytest.mark.parametrize("field", ["scheduler", "cache"])
@pytest.mark.parametrize("settings", [{}, {"class": "Magic"}, {"class": "utils"}])
def test_fit_pipeline_refuses_what_diffusers_has_not(
    entry_of: Callable[[str], ModelEntry], field: str, settings: dict[str, Any]
) -> None:
    entry = entry_of("flux-fill").model_copy(update={field: settings})
    with pytest.raises(ModelUnavailable, match=f"{field} of the model tiny"):
        load_model(entry, "cpu")


def test_fit_pipeline_enables_a_cache_where_there_are_any(
    entry_of: Callable[[str], ModelEntry],
) -> None:
    cache = {"class": "FirstBlockCacheConfig", "threshold": 0.2}
    for family in ("flux-fill", "qwen-image"):
        engine = DiffusionEngine(entry_of(family).model_copy(update={"cache": cache}), threads=1)
        [image] = paint(engine, [canvas_of(0, num_inference_steps=6)])
        assert image.std() > 1
    for family in ("stable-diffusion", "chroma"):
        with pytest.raises(ModelUnavailable, match="do not take a cache"):
            load_model(entry_of(family).model_copy(update={"cache": cache}), "cpu")


@pytest.mark.parametrize("backend", ["flash", "sage", "nonsense"])
def test_fit_pipeline_goes_on_without_an_attention_backend_that_is_not_there(
    tiny_entry: ModelEntry, tiny_engine: DiffusionEngine, backend: str
) -> None:
    with structlog.testing.capture_logs() as logs:
        engine = DiffusionEngine(tiny_entry.model_copy(update={"attention": backend}), threads=1)
        [image] = paint(engine, [canvas_of(0)])
    found = [one["backend"] for one in logs if one["event"] == "attention_backend_unavailable"]
    assert found == [backend]
    assert np.array_equal(image, paint(tiny_engine, [canvas_of(0)])[0])


def test_attention_backend_of_one_model_is_not_that_of_the_others(tiny_entry: ModelEntry) -> None:
    registry: Any = attention_dispatch._AttentionBackendRegistry
    before = registry._active_backend
    model = load_model(tiny_entry.model_copy(update={"attention": "_native_math"}), "cpu")
    assert registry._active_backend is before
    model.denoiser.set_attention_backend("_native_math")
    # If this no longer holds, diffusers has mended it, and `set_attention` can go.
    assert registry._active_backend is not before
    registry.set_active_backend(before)


def test_fit_pipeline_passes_on_what_only_an_accelerator_can_do(tiny_entry: ModelEntry) -> None:
    assert ("to", ("cuda",), {}) in fitted(tiny_entry).calls
    for offload in ("model", "sequential"):
        calls = fitted(tiny_entry, offload=offload).calls
        assert (f"enable_{offload}_cpu_offload", (), {"device": "cuda"}) in calls
        assert ("to", ("cuda",), {}) not in calls
    assert ("compile_repeated_blocks", (), {"fullgraph": True}) in fitted(
        tiny_entry, compile=True
    ).calls
    assert ("set_attention_backend", ("sage",), {}) in fitted(tiny_entry, attention="sage").calls
    assert "enable_slicing" in fitted(tiny_entry).names()
    assert "enable_slicing" not in fitted(tiny_entry, max_batch=1).names()
    assert "compile_repeated_blocks" not in fitted(tiny_entry).names()


def test_fit_pipeline_goes_on_where_there_is_nothing_to_compile(tiny_entry: ModelEntry) -> None:
    recorder = Recorder()
    recorder._repeated_blocks = []
    entry = tiny_entry.model_copy(update={"compile": True})
    with structlog.testing.capture_logs() as logs:
        fit_pipeline(recorder, entry, ADAPTERS[entry.family], "cpu")
    assert [one["event"] for one in logs] == ["nothing_to_compile"]
    assert "compile_repeated_blocks" not in recorder.names()


def test_fit_pipeline_leaves_weights_where_they_are_on_a_processor(tiny_entry: ModelEntry) -> None:
    assert not {"to", "enable_model_cpu_offload"} & set(
        fitted(tiny_entry, "cpu", offload="model").names()
    )


def test_fit_pipeline_orders_the_memory_of_convolutions(tiny_engine: DiffusionEngine) -> None:
    weight = tiny_engine._loaded().denoiser.conv_in.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
