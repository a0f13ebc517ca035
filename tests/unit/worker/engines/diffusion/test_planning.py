from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.worker.engines.diffusion.painting import (
    LIBRARY_WARNINGS,
    calls_of,
    canvas_of,
    model_of,
)
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.planning import plan_rounds

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]


def model_with(engine: DiffusionEngine, **changes: object) -> LoadedModel:
    model = model_of(engine)
    return LoadedModel(model.entry.model_copy(update=changes), model.adapter, model.pipeline)


def test_plan_rounds_gives_klein_sizes_that_it_leaves_alone(
    engine_of: Callable[[str], DiffusionEngine],
) -> None:
    model = model_with(engine_of("flux2-klein"), native_pixels=1024 * 1024)
    # To the nearest multiples it would be 1104 x 960, which is more than a megapixel.
    [[call]] = plan_rounds([canvas_of(0, 1103, 957)], model)
    settings = call.settings
    assert settings.width * settings.height <= 1024 * 1024
    assert settings.width % 16 == settings.height % 16 == 0
    assert call.pieces[0].size == (settings.width, settings.height)


def test_plan_rounds_gives_kandinsky_one_picture_a_call(
    engine_of: Callable[[str], DiffusionEngine],
) -> None:
    model = model_with(engine_of("kandinsky-2.2"), max_batch=4)
    [calls] = plan_rounds([canvas_of(seed) for seed in range(3)], model)
    assert [len(call.pieces) for call in calls] == [1, 1, 1]


def test_plan_rounds_takes_the_models_length_of_prompts_or_the_familys(
    engine_of: Callable[[str], DiffusionEngine],
) -> None:
    engine = engine_of("flux-fill")
    for asked, wanted in ((128, 128), (None, 512)):
        model = model_with(engine, max_sequence_length=asked)
        [[call]] = plan_rounds([canvas_of(0)], model)
        assert call.settings.max_sequence_length == wanted


def test_call_halves_hold_all_pictures(tiny_engine: DiffusionEngine) -> None:
    [call] = calls_of([canvas_of(seed) for seed in range(3)], model_of(tiny_engine))
    first, second = call.halves()
    assert [one.index for one in (*first.pictures, *second.pictures)] == [0, 1, 2]


def test_a_call_is_given_the_prompt_within_its_template(tiny_engine: DiffusionEngine) -> None:
    model = model_of(tiny_engine)
    canvas = canvas_of(0, prompt="sand", prompt_template="background, {prompt}")
    [call] = calls_of([canvas], model)
    assert call.to_inputs(model.entry).prompts == ["background, sand"]
