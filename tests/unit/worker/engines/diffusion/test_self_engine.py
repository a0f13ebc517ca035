from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from service.contract.catalogue import SELF_MODEL, Catalogue
from tests.unit.worker.engines.diffusion.painting import canvas_of, ignore, outpaint_canvas
from worker.config import WorkerSettings
from worker.engines.base import MakePreviews
from worker.engines.diffusion.self_engine import SelfDiffusionEngine
from worker.engines.registry import build_engines
from worker.reporting import Aborted

CANVAS = canvas_of(0, 120, 90, num_inference_steps=4)


@pytest.fixture(scope="module")
def engine() -> SelfDiffusionEngine:
    """The engine, ready."""
    engine = SelfDiffusionEngine(SELF_MODEL)
    engine.load()
    return engine


def test_engine_paints_canvases_of_a_call_as_alone(engine: SelfDiffusionEngine) -> None:
    other = replace(CANVAS, seed=1)
    alone = replace(CANVAS, seed=2, params=CANVAS.params.model_copy(update={"deterministic": True}))
    wide = outpaint_canvas()
    together = engine.paint([CANVAS, wide, other, alone], ignore)
    for canvas, painted in zip([CANVAS, wide, other, alone], together, strict=True):
        (single,) = engine.paint([canvas], ignore)
        assert np.array_equal(painted.image, single.image)
        kept = canvas.mask == 0
        assert np.array_equal(painted.image[kept], canvas.image[kept])
        assert painted.estimate is not None
        assert painted.details["seed"] == canvas.seed
    assert not np.array_equal(together[0].image, together[2].image)


def test_engine_tells_every_step_over_all_calls(engine: SelfDiffusionEngine) -> None:
    told: list[tuple[int, int]] = []
    other = replace(CANVAS, params=CANVAS.params.model_copy(update={"num_inference_steps": 3}))
    engine.paint([CANVAS, other], lambda step, steps: told.append((step, steps)))
    assert {steps for _, steps in told} == {7}
    assert sorted({step for step, _ in told}) == [1, 2, 3, 4, 5, 6, 7]
    assert [step for step, _ in told] == sorted(step for step, _ in told)


def test_engine_offers_previews_of_its_canvases(engine: SelfDiffusionEngine) -> None:
    shown: list[set[int]] = []

    def look(make: MakePreviews) -> None:
        pictures = make()
        shown.append(set(pictures))
        assert {picture.shape[2] for picture in pictures.values()} == {3}

    engine.paint([CANVAS, replace(CANVAS, seed=1)], ignore, look)
    assert shown == [{0, 1}] * 3


def test_engine_paints_on_after_an_abort(engine: SelfDiffusionEngine) -> None:
    (before,) = engine.paint([CANVAS], ignore)

    def stop(step: int, _steps: int) -> None:
        if step == 2:
            raise Aborted

    with pytest.raises(Aborted):
        engine.paint([CANVAS], stop)
    (after,) = engine.paint([CANVAS], ignore)
    assert np.array_equal(before.image, after.image)


def test_registry_gives_it_the_built_in_model() -> None:
    settings = WorkerSettings(queue="paint-gpu:self")
    engines = build_engines(settings, Catalogue(models=(SELF_MODEL,)))
    found = engines.get("inpaint", "generate", "self")
    assert isinstance(found, SelfDiffusionEngine)
    assert not found.is_loaded
    found.load()
    assert found.is_loaded
    found.unload()
    assert not found.is_loaded
