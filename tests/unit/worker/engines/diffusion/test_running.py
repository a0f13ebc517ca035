from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelOutputInvalid, OutOfMemory
from tests.unit.worker.engines.diffusion.painting import (
    LIBRARY_WARNINGS,
    canvas_of,
    ignore,
    largest_difference,
    model_of,
    paint,
)
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.faults import DeviceLost

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]

BROKEN = "CUDA error: an illegal memory access was encountered"


@contextmanager
def hooked(module: Any, hook: Callable[..., Any], *, after: bool = False) -> Iterator[None]:
    """A hook before, or after, every run of a module."""
    register = module.register_forward_hook if after else module.register_forward_pre_hook
    handle = register(hook)
    try:
        yield
    finally:
        handle.remove()


@pytest.fixture
def half_engine(tiny_entry: ModelEntry) -> DiffusionEngine:
    """An engine of its own, in half precision."""
    engine = DiffusionEngine(tiny_entry.model_copy(update={"dtype": "bfloat16"}), threads=1)
    engine.load()
    return engine


@pytest.fixture
def short_engine(tiny_entry: ModelEntry) -> DiffusionEngine:
    """An engine of its own: what runs out of memory is remembered."""
    engine = DiffusionEngine(tiny_entry, threads=1)
    engine.load()
    return engine


def test_run_halves_a_call_that_memory_does_not_hold(short_engine: DiffusionEngine) -> None:
    canvases, seen = [canvas_of(seed) for seed in range(4)], list[int]()
    wanted = paint(short_engine, canvases)

    def refuse_more_than_one(_unet: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        # Twice as many as pictures: guidance.
        seen.append(len(inputs[0]) // 2)
        if seen[-1] > 1:
            raise torch.OutOfMemoryError

    told: list[tuple[int, int]] = []
    with hooked(model_of(short_engine).denoiser, refuse_more_than_one):
        painted = short_engine.paint(canvases, lambda step, steps: told.append((step, steps)))
        again = short_engine.paint(canvases, ignore)
    # The second time it is known beforehand.
    assert [count for count in seen if count > 1] == [4, 2, 2]
    assert [one.details["rows"] for one in again] == [1] * 4
    assert [one.details["rows"] for one in painted] == [1] * 4
    assert told[-1] == (4 * 3, 4 * 3)
    for image, one in zip(wanted, painted, strict=True):
        assert largest_difference(image, one.image) <= 1


def test_run_tiles_the_autoencoder_when_one_is_too_much(
    short_engine: DiffusionEngine,
) -> None:
    model, canvas = model_of(short_engine), canvas_of(1)
    wanted = paint(short_engine, [canvas])

    def refuse_whole_pictures(*_: Any) -> None:
        if not model.autoencoder.use_tiling:
            raise torch.OutOfMemoryError

    with hooked(model.autoencoder.decoder, refuse_whole_pictures):
        [painted] = short_engine.paint([canvas], ignore)
    assert painted.details["tiled"]
    assert not short_engine.paint([canvas], ignore)[0].details.get("tiled")
    assert np.array_equal(wanted[0], paint(short_engine, [canvas])[0])


def test_run_takes_no_step_back_that_it_has_told(short_engine: DiffusionEngine) -> None:
    model, told = model_of(short_engine), list[tuple[int, int]]()

    def refuse_whole_pictures(*_: Any) -> None:
        if not model.autoencoder.use_tiling:
            raise torch.OutOfMemoryError

    with hooked(model.autoencoder.decoder, refuse_whole_pictures):
        short_engine.paint([canvas_of(1)], lambda *step: told.append(step))
    assert [step for step, _ in told if step] == [1, 2, 3, 4, 5, 6]
    assert told[-1] == (6, 6)


def test_run_tells_when_memory_holds_not_even_one_picture(short_engine: DiffusionEngine) -> None:
    def refuse(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    canvas = canvas_of(0)
    before = paint(short_engine, [canvas])
    with hooked(model_of(short_engine).denoiser, refuse), pytest.raises(OutOfMemory):
        paint(short_engine, [canvas])
    assert np.array_equal(before, paint(short_engine, [canvas]))


def test_run_tells_a_broken_device_from_a_failed_job(tiny_engine: DiffusionEngine) -> None:
    def fail(message: str) -> Callable[..., None]:
        def raise_it(*_: Any) -> None:
            raise RuntimeError(message)

        return raise_it

    denoiser = model_of(tiny_engine).denoiser
    with hooked(denoiser, fail(BROKEN)), pytest.raises(DeviceLost):
        paint(tiny_engine, [canvas_of(0)])
    with hooked(denoiser, fail("shapes differ")), pytest.raises(RuntimeError, match="shapes"):
        paint(tiny_engine, [canvas_of(0)])


@pytest.mark.parametrize(("message", "told"), [(BROKEN, DeviceLost), ("other", RuntimeError)])
def test_run_tells_a_device_that_is_found_broken_when_weights_are_moved_back(
    tiny_engine: DiffusionEngine,
    monkeypatch: pytest.MonkeyPatch,
    message: str,
    told: type[BaseException],
) -> None:
    def fail() -> None:
        raise RuntimeError(message)

    monkeypatch.setattr(model_of(tiny_engine).pipeline, "maybe_free_model_hooks", fail)
    with pytest.raises(told):
        paint(tiny_engine, [canvas_of(0)])


def test_run_works_in_tiles_from_the_models_limit_on(tiny_entry: ModelEntry) -> None:
    engine = DiffusionEngine(tiny_entry.model_copy(update={"tile_pixels": 4500}), threads=1)
    small, large = engine.paint([canvas_of(0, 90, 60), canvas_of(0, 200, 20)], ignore)
    assert small.details["painted_size"] == [80, 56] and "tiled" not in small.details
    assert large.details["painted_size"] == [200, 24] and large.details["tiled"]


def test_run_paints_again_in_float32_what_overflowed(half_engine: DiffusionEngine) -> None:
    model = model_of(half_engine)
    canvases = [canvas_of(0), canvas_of(1)]
    before = {name: one.dtype for name, one in model.denoiser.state_dict().items()}

    def spoil_the_second(_decoder: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        # A call decodes its pictures one by one.
        runs.append(output.dtype)
        is_second = len(runs) % 2 == 0
        spoil = is_second and output.dtype is torch.bfloat16
        return torch.full_like(output, torch.nan) if spoil else output

    runs: list[torch.dtype] = []
    with hooked(model.autoencoder.decoder, spoil_the_second, after=True):
        first, second = half_engine.paint(canvases, ignore)
    assert runs == [torch.bfloat16, torch.bfloat16, torch.float32]
    assert "painted_in_float32" not in first.details and second.details["painted_in_float32"]
    assert second.image.std() > 1
    assert {name: one.dtype for name, one in model.denoiser.state_dict().items()} == before


@pytest.mark.parametrize("value", [float("nan"), -1.0])
def test_run_refuses_what_is_no_picture(
    tiny_engine: DiffusionEngine, half_engine: DiffusionEngine, value: float
) -> None:
    def spoil(_decoder: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return torch.full_like(output, value)

    for engine in (tiny_engine, half_engine):
        decoder = model_of(engine).autoencoder.decoder
        with hooked(decoder, spoil, after=True), pytest.raises(ModelOutputInvalid):
            paint(engine, [canvas_of(0)])


def test_run_refuses_what_there_is_no_memory_to_paint_again(
    half_engine: DiffusionEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(_decoder: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return torch.full_like(output, torch.nan)

    def refuse(_tensor: torch.Tensor) -> None:
        raise torch.OutOfMemoryError

    decoder = model_of(half_engine).autoencoder.decoder
    with hooked(decoder, spoil, after=True), monkeypatch.context() as patched:
        patched.setattr("worker.engines.diffusion.precision.raise_tensor", refuse)
        with pytest.raises(ModelOutputInvalid):
            paint(half_engine, [canvas_of(0)])
    assert model_of(half_engine).denoiser.dtype is torch.bfloat16
    assert paint(half_engine, [canvas_of(0)])[0].std() > 1


def test_run_lets_a_black_picture_stay_black(tiny_engine: DiffusionEngine) -> None:
    canvas = canvas_of(0)
    canvas.image[:] = 0

    def blacken(_decoder: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        return torch.full_like(output, -1.0)

    with hooked(model_of(tiny_engine).autoencoder.decoder, blacken, after=True):
        assert not paint(tiny_engine, [canvas])[0].any()


def test_run_after_a_cache_was_left_in_the_middle_starts_anew(
    entry_of: Callable[[str], ModelEntry],
) -> None:
    cache = {"class": "TaylorSeerCacheConfig", "cache_interval": 2, "disable_cache_before_step": 1}
    entry = entry_of("flux-fill").model_copy(update={"cache": cache})
    engine, canvas = DiffusionEngine(entry, threads=1), canvas_of(0, num_inference_steps=6)
    before = paint(engine, [canvas])

    def fail_at_three(step: int, _steps: int) -> None:
        if step == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        paint(engine, [canvas], fail_at_three)
    assert np.array_equal(before, paint(engine, [canvas]))
