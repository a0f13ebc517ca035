from __future__ import annotations

import logging
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.errors import InvalidField, ModelUnavailable
from service.contract.params import InpaintParams
from tests.unit.worker.engines.diffusion.painting import (
    LIBRARY_WARNINGS,
    canvas_of,
    ignore,
    largest_difference,
    model_of,
    paint,
)
from worker.config import WorkerSettings
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.registry import build_engines

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]


def test_load_tells_how_results_are_made(tiny_engine: DiffusionEngine) -> None:
    recipe = tiny_engine.load()
    assert recipe.engine == "diffusers"
    assert recipe.scheduler == "DPMSolverMultistepScheduler"
    assert recipe.dtype == "float32"
    assert recipe.versions["torch"] == torch.__version__
    assert recipe.details["device"] == "cpu"
    assert recipe == tiny_engine.load()


def test_load_tells_what_the_operator_changed_and_no_place(tiny_entry: ModelEntry) -> None:
    scheduler = {"class": "LCMScheduler"}
    entry = tiny_entry.model_copy(update={"scheduler": scheduler, "attention": "native"})
    recipe = DiffusionEngine(entry).load()
    assert recipe.scheduler == "LCMScheduler"
    assert recipe.details["scheduler_settings"] == scheduler
    assert recipe.details["attention"] == "native"
    assert tiny_entry.source not in recipe.model_dump_json()


def test_load_refuses_when_there_are_no_weights(tiny_entry: ModelEntry) -> None:
    entry = tiny_entry.model_copy(update={"source": tiny_entry.source + "/vae"})
    with pytest.raises(ModelUnavailable, match="tiny"):
        DiffusionEngine(entry).load()


def test_paint_keeps_the_order_when_pictures_need_calls_of_their_own(
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


def test_paint_gives_a_call_no_more_pictures_than_the_model_may_hold(
    tiny_engine: DiffusionEngine,
) -> None:
    painted = tiny_engine.paint([canvas_of(seed) for seed in range(5)], ignore)
    assert [one.details["rows"] for one in painted] == [4, 4, 4, 4, 1]


def test_paint_gives_a_deterministic_canvas_a_call_of_its_own(
    tiny_engine: DiffusionEngine,
) -> None:
    canvases = [canvas_of(0), canvas_of(1, deterministic=True), canvas_of(2)]
    painted = tiny_engine.paint(canvases, ignore)
    assert [one.details["rows"] for one in painted] == [2, 1, 2]


def test_paint_warns_of_what_it_cut_off_a_prompt(tiny_engine: DiffusionEngine) -> None:
    canvases = [
        canvas_of(0, prompt="x" * 75, negative_prompt="y" * 90),
        canvas_of(1, prompt="x" * 76),
        canvas_of(2),
    ]
    found = [one.warnings for one in tiny_engine.paint(canvases, ignore)]
    assert [[one.code for one in warnings] for warnings in found] == [
        ["prompt_cut"],
        ["prompt_cut"],
        [],
    ]
    assert found[0][0].detail.startswith("negative_prompt has 92 tokens")
    assert found[1][0].detail.startswith("prompt has 78 tokens, of which the model reads 77")


def test_paint_gives_each_region_of_a_deterministic_canvas_a_call_of_its_own(
    tiny_engine: DiffusionEngine,
) -> None:
    canvas = canvas_of(0, 400, 300, region="box", padding=32, deterministic=True)
    canvas.mask[280:290, 380:390] = 255
    [painted] = tiny_engine.paint([canvas], ignore)
    assert (painted.details["rows"], len(painted.details["crops"])) == (1, 2)


def test_paint_gives_another_picture_for_another_prompt(tiny_engine: DiffusionEngine) -> None:
    canvas = canvas_of(7)
    other = replace(canvas, params=InpaintParams(prompt="x" * 70))
    first, second = paint(tiny_engine, [canvas, other])
    assert largest_difference(first, second) > 0


def test_paint_takes_the_models_negative_prompt_where_none_is_asked(
    tiny_entry: ModelEntry, tiny_engine: DiffusionEngine
) -> None:
    defaults = tiny_entry.defaults.model_copy(update={"negative_prompt": "rain"})
    engine = DiffusionEngine(tiny_entry.model_copy(update={"defaults": defaults}), threads=1)
    [image] = paint(engine, [canvas_of(1)])
    assert np.array_equal(image, paint(tiny_engine, [canvas_of(1, negative_prompt="rain")])[0])
    assert not np.array_equal(image, paint(tiny_engine, [canvas_of(1)])[0])


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


@pytest.mark.parametrize("scheduler", ["PNDMScheduler", "HeunDiscreteScheduler", "LCMScheduler"])
def test_paint_foresees_the_steps_of_schedulers_that_take_others_than_asked(
    tiny_entry: ModelEntry, scheduler: str
) -> None:
    settings = {"class": scheduler, "skip_prk_steps": True}
    engine = DiffusionEngine(tiny_entry.model_copy(update={"scheduler": settings}), threads=1)
    for strength in (1.0, 0.6):
        steps: list[tuple[int, int]] = []
        canvas = canvas_of(0, num_inference_steps=6, strength=strength)
        engine.paint([canvas], lambda *told, steps=steps: steps.append(told))
        assert steps == [(step, len(steps)) for step in range(1, len(steps) + 1)]


def test_paint_refuses_when_strength_leaves_no_step(tiny_engine: DiffusionEngine) -> None:
    with pytest.raises(InvalidField):
        paint(tiny_engine, [canvas_of(0, num_inference_steps=2, strength=0.3)])


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


def test_unload_gives_the_weights_back_and_painting_loads_them_again(
    tiny_entry: ModelEntry, tiny_engine: DiffusionEngine
) -> None:
    engine = DiffusionEngine(tiny_entry, threads=1)
    engine.unload()
    assert not engine.is_loaded
    engine.load()
    assert engine.is_loaded
    weights = weakref.ref(model_of(engine).denoiser)
    paint(engine, [canvas_of(0)])
    engine.unload()
    assert not engine.is_loaded
    assert weights() is None
    [image] = paint(engine, [canvas_of(0)])
    assert engine.is_loaded
    assert np.array_equal(image, paint(tiny_engine, [canvas_of(0)])[0])
