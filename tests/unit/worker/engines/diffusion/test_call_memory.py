from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from service.contract.catalogue import ModelEntry
from tests.unit.worker.engines.diffusion.painting import LIBRARY_WARNINGS, canvas_of, ignore
from worker.engines.diffusion.call_memory import (
    CALLS_UNTIL_RETRY,
    MAX_SHAPES,
    CallMemory,
    Kind,
    MemoryModel,
    Shape,
    count_weights,
    describe_memory,
)
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.loading import load_model

pytestmark = LIBRARY_WARNINGS

PLAIN = Kind(is_guided=False, tiles=False, dtype="torch.float32")
GUIDED = replace(PLAIN, is_guided=True)


def shape(pictures: int, pixels: int = 100, kind: Kind = PLAIN) -> Shape:
    return Shape(kind, pictures, pixels)


def true_bytes(call: Shape) -> int:
    """Return the bytes of a device with a fixed part, one for the size and one for each picture."""
    return 500 + 3 * call.pixels + 20 * call.pictures * call.pixels


@dataclass
class StubProbe:
    """Tells what a test says."""

    free_bytes: int | None = None
    peak_bytes: int | None = None

    def free(self) -> int | None:
        return self.free_bytes

    def begin(self) -> None:
        pass

    def peak(self) -> int | None:
        return self.peak_bytes


def test_estimate_knows_nothing_at_first() -> None:
    assert MemoryModel().estimate(shape(1)) is None
    assert MemoryModel().most_pictures(shape(8), 1) == 8


def test_estimate_goes_by_the_prior_until_a_call_was_measured() -> None:
    model = MemoryModel(prior_bytes=1000, native_pixels=100)
    assert model.estimate(shape(3)) == 3000
    assert model.estimate(shape(3, 200)) == 6000
    assert model.most_pictures(shape(8), 4500) == 4
    model.learn(shape(1), 400)
    assert model.estimate(shape(3)) == 1200


@pytest.mark.parametrize("kind", [PLAIN, GUIDED])
def test_estimate_is_never_below_what_a_call_takes(kind: Kind) -> None:
    model = MemoryModel()
    for measured in (shape(1, 400, kind), shape(2, 100, kind), shape(4, 900, kind)):
        model.learn(measured, true_bytes(measured))
        for pictures in range(1, 9):
            for pixels in (50, 100, 250, 400, 900, 4000):
                wanted = shape(pictures, pixels, kind)
                found = model.estimate(wanted)
                assert found is not None and found >= true_bytes(wanted)
        assert model.estimate(measured) == true_bytes(measured)
    assert model.estimate(shape(1, 400, replace(kind, tiles=True))) is None


def test_estimate_does_not_multiply_weights_that_are_brought_in_for_a_call() -> None:
    model = MemoryModel(fixed_bytes=10_000)
    model.learn(shape(1), 10_500)
    assert model.estimate(shape(4)) == 12_000


def test_estimate_does_not_go_by_much_smaller_pictures() -> None:
    model = MemoryModel()
    model.learn(shape(1, 10), 1)
    model.learn(shape(1, 1000), 5000)
    assert model.estimate(shape(1, 2000)) == 10_000
    assert model.estimate(shape(1, 10)) == 1


def test_most_pictures_is_at_least_one() -> None:
    model = MemoryModel()
    model.learn(shape(1), 100)
    assert model.most_pictures(shape(8), 450) == 4
    assert model.most_pictures(shape(3), 450) == 3
    assert model.most_pictures(shape(8), 10) == 1


def test_learn_too_large_bounds_calls_that_take_no_less_until_there_is_more_memory() -> None:
    model = MemoryModel()
    model.learn_too_large(shape(4), 1000)
    assert model.most_pictures(shape(4), 1000) == 3
    assert model.most_pictures(shape(4, 50), 1000) == 4
    assert model.most_pictures(shape(4, 100, GUIDED), 1000) == 4
    assert model.most_pictures(shape(8), 2000) == 8
    for _ in range(CALLS_UNTIL_RETRY):
        model.learn(shape(1), 10)
    assert model.most_pictures(shape(4), 1000) == 4


def test_learn_forgets_that_a_call_was_too_large_once_it_fits() -> None:
    model = MemoryModel()
    model.learn_too_large(shape(2), 1000)
    model.learn(shape(4), 400)
    assert model.most_pictures(shape(4), 1000) == 4


def test_learn_remembers_only_so_many_shapes() -> None:
    model = MemoryModel()
    for pixels in range(1, MAX_SHAPES + 3):
        model.learn(shape(1, pixels), 1000 * pixels)
    assert model.estimate(shape(1, 1)) == 3000


def test_most_pictures_goes_by_the_lesser_of_what_is_free_and_what_is_allowed() -> None:
    model = MemoryModel()
    model.learn(shape(1), 100)
    assert CallMemory(model, StubProbe()).most_pictures(shape(8)) == 8
    assert CallMemory(model, StubProbe(), limit_bytes=300).most_pictures(shape(8)) == 3
    assert CallMemory(model, StubProbe(1000), limit_bytes=300).most_pictures(shape(8)) == 3
    # A tenth of what is free is left alone.
    assert CallMemory(model, StubProbe(310), limit_bytes=300).most_pictures(shape(8)) == 2
    assert CallMemory(model, StubProbe(450)).most_pictures(shape(8)) == 4


def test_watch_learns_from_the_peak_and_from_running_out_of_memory() -> None:
    model, probe = MemoryModel(), StubProbe(1000, 300)
    memory = CallMemory(model, probe)
    with memory.watch(shape(2)):
        pass
    assert model.estimate(shape(2)) == 300
    with pytest.raises(torch.OutOfMemoryError), memory.watch(shape(3)):
        raise torch.OutOfMemoryError
    assert model.estimate(shape(3)) == 1001
    with pytest.raises(RuntimeError), memory.watch(shape(2)):
        raise RuntimeError("shapes differ")
    probe.peak_bytes = None
    with memory.watch(shape(2)):
        pass
    assert model.estimate(shape(2)) == 300


@pytest.mark.slow
def test_describe_memory_takes_what_the_entry_leaves_beside_the_weights(
    tiny_entry: ModelEntry,
) -> None:
    weights = sum(count_weights(load_model(tiny_entry, "cpu")).values())
    assert weights > 100_000 * 4
    native = Shape(PLAIN, 1, tiny_entry.native_pixels)
    for memory_bytes, wanted in ((None, None), (weights, None), (weights + 500, 500)):
        entry = tiny_entry.model_copy(update={"memory_bytes": memory_bytes})
        assert describe_memory(load_model(entry, "cpu")).estimate(native) == wanted


@pytest.mark.slow
def test_describe_memory_counts_the_largest_component_that_is_brought_in(
    tiny_entry: ModelEntry,
) -> None:
    entry = tiny_entry.model_copy(update={"offload": "model"})
    model = load_model(entry, "cpu")
    memory, largest = describe_memory(model), max(count_weights(model).values())
    memory.learn(shape(1), largest + 10)
    assert memory.estimate(shape(2)) == largest + 20


@pytest.mark.slow
def test_paint_splits_many_canvases_into_calls_that_memory_holds(tiny_entry: ModelEntry) -> None:
    probe = StubProbe()
    engine = DiffusionEngine(tiny_entry, threads=1, probe=probe)
    canvases = [canvas_of(seed) for seed in range(4)]
    told: list[tuple[int, int]] = []

    def rows_of_calls() -> list[int | None]:
        told.clear()
        painted = engine.paint(canvases, lambda step, steps: told.append((step, steps)))
        assert told[-1] == (len(told), len(told))
        return [one.call_size for one in painted]

    # Nothing is known; then a call of four pictures takes all that there is; then there is more.
    assert rows_of_calls() == [4, 4, 4, 4]
    probe.free_bytes = probe.peak_bytes = 1000
    assert rows_of_calls() == [4, 4, 4, 4]
    assert rows_of_calls() == [1, 1, 1, 1]
    probe.free_bytes = 1400
    assert rows_of_calls() == [4, 4, 4, 4]


@pytest.mark.slow
def test_paint_obeys_the_operators_limit_from_the_entrys_memory_on(tiny_entry: ModelEntry) -> None:
    weights = sum(count_weights(load_model(tiny_entry, "cpu")).values())
    entry = tiny_entry.model_copy(update={"memory_bytes": weights + 1000})
    engine = DiffusionEngine(entry, threads=1, call_memory_bytes=2500, probe=StubProbe())
    painted = engine.paint([canvas_of(seed, 64, 64) for seed in range(5)], ignore)
    assert [one.details["rows"] for one in painted] == [2, 2, 2, 2, 1]
