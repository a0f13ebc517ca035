from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.errors import (
    GpuOutOfMemory,
    InvalidField,
    ModelOutputInvalid,
    ModelUnavailable,
)
from service.contract.params import InpaintParams
from tests.support.pictures import make_box_mask, make_rgb
from worker.config import WorkerSettings
from worker.engines.base import Canvas, StepCallback
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.registry import build_engines
from worker.imaging import ImageArray
from worker.reporting import Aborted

pytestmark = [
    pytest.mark.slow,
    # diffusers' schedulers still hand tensors to numpy by the old protocol.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def canvas_of(seed: int, width: int = 90, height: int = 60, **params: object) -> Canvas:
    asked = InpaintParams.model_validate({"prompt": f"picture {seed}", **params})
    mask = make_box_mask(width, height, (10 + seed, 10, 50, 40))
    return Canvas(make_rgb("texture", width, height, seed), mask, asked, seed)


def ignore(_step: int, _steps: int) -> None:
    pass


def paint(
    engine: DiffusionEngine, canvases: list[Canvas], on_step: StepCallback = ignore
) -> list[ImageArray]:
    return [painted.image for painted in engine.paint(canvases, on_step)]


def largest_difference(first: ImageArray, second: ImageArray) -> int:
    return int(np.abs(first.astype(int) - second).max())


def test_load_tells_how_results_are_made(tiny_engine: DiffusionEngine) -> None:
    recipe = tiny_engine.load()
    assert recipe.engine == "diffusers"
    assert recipe.scheduler == "DPMSolverMultistepScheduler"
    assert recipe.dtype == "float32"
    assert recipe.versions["torch"] == torch.__version__
    assert recipe == tiny_engine.load()


def test_load_refuses_when_there_are_no_weights(tiny_entry: ModelEntry) -> None:
    entry = tiny_entry.model_copy(update={"source": tiny_entry.source + "/vae"})
    with pytest.raises(ModelUnavailable, match="tiny"):
        DiffusionEngine(entry).load()


def test_paint_gives_pictures_of_the_canvas_size(tiny_engine: DiffusionEngine) -> None:
    images = paint(tiny_engine, [canvas_of(0, 90, 61), canvas_of(1, 64, 201)])
    assert [image.shape for image in images] == [(61, 90, 3), (201, 64, 3)]
    assert all(image.dtype == np.uint8 for image in images)


def test_paint_gives_each_row_of_a_batch_what_it_gets_alone(tiny_engine: DiffusionEngine) -> None:
    canvases = [canvas_of(seed) for seed in range(5)]
    together = paint(tiny_engine, canvases)
    for canvas, image in zip(canvases, together, strict=True):
        assert largest_difference(paint(tiny_engine, [canvas])[0], image) <= 1


def test_paint_keeps_the_order_when_rows_need_calls_of_their_own(
    tiny_engine: DiffusionEngine,
) -> None:
    canvases = [
        canvas_of(0),
        canvas_of(1, num_inference_steps=2),
        canvas_of(2, 64, 201),
        canvas_of(3, guidance_scale=1.0),
        canvas_of(4, strength=0.5, num_inference_steps=4),
        canvas_of(5),
    ]
    together = paint(tiny_engine, canvases)
    for canvas, image in zip(canvases, together, strict=True):
        assert largest_difference(paint(tiny_engine, [canvas])[0], image) <= 1


def test_paint_gives_the_same_for_the_same_seed(tiny_engine: DiffusionEngine) -> None:
    first = paint(tiny_engine, [canvas_of(7)])[0]
    assert np.array_equal(paint(tiny_engine, [canvas_of(7)])[0], first)


@pytest.mark.parametrize("changed", [{"seed": 8}, {"params": InpaintParams(prompt="x" * 70)}])
def test_paint_gives_another_picture_for_another_seed_or_prompt(
    tiny_engine: DiffusionEngine, changed: dict[str, object]
) -> None:
    canvas = canvas_of(7)
    other = replace(canvas, **changed)  # type: ignore[arg-type]
    first, second = paint(tiny_engine, [canvas, other])
    assert largest_difference(first, second) > 0


def test_paint_does_not_see_under_the_mask(tiny_engine: DiffusionEngine) -> None:
    canvas = canvas_of(3)
    image = canvas.image.copy()
    # The whole cells of the latents are hidden, so what is taken away must lie well inside.
    image[20:30, 25:40] = 255
    hidden = replace(canvas, image=image)
    first, second = paint(tiny_engine, [canvas, hidden])
    assert largest_difference(first, second) <= 1


def test_paint_tells_every_step_over_all_calls(tiny_engine: DiffusionEngine) -> None:
    steps: list[tuple[int, int]] = []
    canvases = [canvas_of(0), canvas_of(1, num_inference_steps=4, strength=0.5)]
    paint(tiny_engine, canvases, lambda step, total: steps.append((step, total)))
    assert steps == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_paint_is_the_same_after_an_abort_in_the_middle(tiny_engine: DiffusionEngine) -> None:
    canvas = canvas_of(2)
    before = paint(tiny_engine, [canvas])[0]

    def abort_at_two(step: int, _steps: int) -> None:
        if step == 2:
            raise Aborted

    with pytest.raises(Aborted):
        paint(tiny_engine, [canvas], abort_at_two)
    assert np.array_equal(paint(tiny_engine, [canvas])[0], before)


def test_paint_refuses_when_strength_leaves_no_step(tiny_engine: DiffusionEngine) -> None:
    with pytest.raises(InvalidField):
        paint(tiny_engine, [canvas_of(0, num_inference_steps=2, strength=0.3)])


def test_paint_tells_when_the_accelerator_is_full(tiny_engine: DiffusionEngine) -> None:
    def fill_up(_step: int, _steps: int) -> None:
        raise torch.OutOfMemoryError

    with pytest.raises(GpuOutOfMemory):
        paint(tiny_engine, [canvas_of(0)], fill_up)


def test_paint_refuses_values_that_are_no_numbers(tiny_entry: ModelEntry) -> None:
    engine = DiffusionEngine(tiny_entry, threads=1)
    engine.load()
    with torch.no_grad():
        next(engine._pipeline.vae.decoder.parameters()).fill_(float("nan"))
    with pytest.raises(ModelOutputInvalid), np.errstate(invalid="ignore"):
        paint(engine, [canvas_of(0)])


def test_paint_logs_no_prompt_when_it_is_too_long(
    tiny_engine: DiffusionEngine,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        paint(tiny_engine, [canvas_of(0, prompt="secret " * 40)])
    captured = capfd.readouterr()
    assert "secret" not in captured.err + captured.out + caplog.text


def test_registry_paints_with_the_models_of_its_group(tiny_entry: ModelEntry) -> None:
    other = tiny_entry.model_copy(update={"name": "other", "group": "far"})
    settings = WorkerSettings(queue="paint-gpu:default", torch_threads=1)
    engines = build_engines(settings, Catalogue(models=(tiny_entry, other)))
    engines.warm()
    assert engines.methods() == [("inpaint", "generate"), ("outpaint", "generate")]
    assert engines.models() == ["tiny"]
    assert engines.get("inpaint", "generate", "tiny") is engines.get("outpaint", "generate", "tiny")
