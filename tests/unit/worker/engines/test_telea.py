from __future__ import annotations

import numpy as np
import pytest

from service.contract.params import InpaintParams
from tests.support.pictures import make_blob_mask, make_rgb
from worker.engines.base import Canvas
from worker.engines.patch import PatchEngine
from worker.engines.pattern import PatternEngine
from worker.engines.telea import TeleaEngine
from worker.reporting import Aborted


def canvas_of(seed: int) -> Canvas:
    image = make_rgb("texture", 90, 70, seed)
    return Canvas(image, make_blob_mask(90, 70, seed), InpaintParams(), seed)


@pytest.mark.parametrize("engine", [PatchEngine(), PatternEngine()])
def test_telea_is_named_in_the_recipe(engine: TeleaEngine) -> None:
    assert engine.load().engine == "opencv-telea"
    assert engine.load() == engine.load()


def test_telea_paints_a_batch_as_it_paints_singly() -> None:
    engine = PatchEngine()
    canvases = [canvas_of(seed) for seed in range(3)]
    together = engine.paint(canvases, lambda step, steps: None)
    for canvas, painted in zip(canvases, together, strict=True):
        assert np.array_equal(engine.paint([canvas], lambda step, steps: None)[0], painted)


def test_telea_counts_stages_over_the_batch() -> None:
    steps: list[tuple[int, int]] = []
    PatchEngine().paint(
        [canvas_of(0), canvas_of(1)], lambda step, total: steps.append((step, total))
    )
    assert steps == [(0, 4), (1, 4), (2, 4), (2, 4), (3, 4), (4, 4)]


def test_telea_paints_the_same_after_an_abort() -> None:
    engine, canvas = PatchEngine(), canvas_of(0)
    before = engine.paint([canvas], lambda step, steps: None)

    def abort(_step: int, _steps: int) -> None:
        raise Aborted

    with pytest.raises(Aborted):
        engine.paint([canvas], abort)
    assert np.array_equal(engine.paint([canvas], lambda step, steps: None), before)
