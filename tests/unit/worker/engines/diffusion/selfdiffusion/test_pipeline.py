from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.pictures import make_box_mask, make_rgb
from tests.unit.worker.engines.diffusion.selfdiffusion.painting import (
    STEPS,
    generators,
    holed,
    keeps,
    paint,
)
from worker.engines.diffusion.selfdiffusion.pipeline import SelfDiffusionPipeline


class Stopped(Exception):
    pass


def test_pipeline_paints_the_hole_and_nothing_else(pipeline: SelfDiffusionPipeline) -> None:
    image, mask = holed()
    output = paint(pipeline, image, mask, 0)
    [painted] = output.images
    assert painted.dtype == np.uint8 and painted.shape == image.shape
    assert keeps(image, painted, mask)
    assert not np.array_equal(image[mask > 0], painted[mask > 0])
    assert 0 <= output.estimates[0] <= 1
    assert output.reasons == [None]
    [region] = output.details[0]["regions"]
    assert region["sampled"] and sum(region["steps"]) == STEPS
    json.dumps(output.details[0])


def test_pipeline_does_not_look_under_the_mask(pipeline: SelfDiffusionPipeline) -> None:
    image, mask = holed()
    other = image.copy()
    other[mask > 0] = 7
    first, second = paint(pipeline, image, mask, 1), paint(pipeline, other, mask, 1)
    assert np.array_equal(first.images[0][mask > 0], second.images[0][mask > 0])


@pytest.mark.slow
def test_pipeline_gives_the_same_bytes_on_any_number_of_threads(
    pipeline: SelfDiffusionPipeline,
) -> None:
    image, mask = holed()
    before, images = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            images.append(paint(pipeline, image, mask, 4).images[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(images[0], images[1]) and np.array_equal(images[0], images[2])


def test_pipeline_paints_other_seeds_otherwise(pipeline: SelfDiffusionPipeline) -> None:
    image, mask = holed()
    first, second = paint(pipeline, image, mask, 0, 1).images
    assert not np.array_equal(first, second)


@pytest.mark.slow
def test_pipeline_paints_a_call_as_it_paints_singly(pipeline: SelfDiffusionPipeline) -> None:
    pictures = [holed(96, 80), holed(88, 72)]
    chosen = [0, 1, 0]
    together = pipeline(
        [pictures[which][0] for which in chosen],
        [pictures[which][1] for which in chosen],
        generator=generators(5, 6, 7),
        num_inference_steps=STEPS,
        quality="fast",
        output_type="uint8",
    )
    for place, which in enumerate(chosen):
        single = paint(pipeline, *pictures[which], 5 + place)
        assert np.array_equal(single.images[0], together.images[place])
        assert single.estimates[0] == together.estimates[place]


def test_pipeline_tells_every_step_and_ends_with_the_last(pipeline: SelfDiffusionPipeline) -> None:
    told: list[int] = []
    image, mask = holed()

    def tell(_pipeline: Any, step: int, _level: Any, _tensors: dict[str, Any]) -> None:
        told.append(step)

    paint(pipeline, image, mask, 0, callback_on_step_end=tell)
    assert told == sorted(told)
    assert set(told) == set(range(STEPS))
    assert told.count(STEPS - 1) == 1


@pytest.mark.parametrize("when", [1, 6, 40])
def test_pipeline_can_be_left_and_paints_the_same_afterwards(
    pipeline: SelfDiffusionPipeline, when: int
) -> None:
    image, mask = holed()
    before, calls = paint(pipeline, image, mask, 2).images[0], [0]
    threads = torch.get_num_threads()

    def stop(*_: Any) -> None:
        calls[0] += 1
        if calls[0] == when:
            raise Stopped

    with pytest.raises(Stopped):
        paint(pipeline, image, mask, 2, callback_on_step_end=stop, quality="best")
    assert calls[0] == when
    assert torch.get_num_threads() == threads
    assert np.array_equal(before, paint(pipeline, image, mask, 2).images[0])


def test_pipeline_finishes_early_when_interrupted(pipeline: SelfDiffusionPipeline) -> None:
    image, mask = holed()

    def interrupt(running: Any, _step: int, _level: Any, _tensors: Any) -> None:
        running.interrupt = True

    painted = paint(pipeline, image, mask, 0, callback_on_step_end=interrupt).images[0]
    assert keeps(image, painted, mask)
    assert not np.array_equal(painted, paint(pipeline, image, mask, 0).images[0])


def test_pipeline_shows_what_it_guesses(pipeline: SelfDiffusionPipeline) -> None:
    shown = []
    image, mask = holed(300, 200)

    def look(running: Any, _step: int, _level: Any, _tensors: Any) -> None:
        shown.append(running.preview(0))

    paint(pipeline, image, mask, 0, callback_on_step_end=look)
    assert {one.shape for one in shown} == {(171, 256, 3)}
    assert {one.dtype for one in shown} == {np.dtype(np.uint8)}


def test_pipeline_survives_saving_and_loading(
    pipeline: SelfDiffusionPipeline, tmp_path: Path
) -> None:
    pipeline.save_pretrained(tmp_path)
    loaded = SelfDiffusionPipeline.from_pretrained(tmp_path)
    image, mask = holed()
    again = paint(loaded, image, mask, 0).images[0]
    assert np.array_equal(again, paint(pipeline, image, mask, 0).images[0])
    assert not [*tmp_path.rglob("*.safetensors"), *tmp_path.rglob("*.bin")]


def test_pipeline_copies_only_from_the_source_mask(pipeline: SelfDiffusionPipeline) -> None:
    image = make_rgb("texture", 120, 90, 1) // 2
    image[:, 60:] = 255 - image[:, 60:]
    mask = make_box_mask(120, 90, (70, 30, 100, 60))
    dark = make_box_mask(120, 90, (0, 0, 60, 90))
    painted = paint(pipeline, image, mask, 0, source_mask=dark).images[0]
    free = paint(pipeline, image, mask, 0).images[0]
    # The blend brings the rim's brightness inside, but not all the way.
    assert painted[38:52, 78:92].mean() < free[38:52, 78:92].mean() - 30


def test_pipeline_takes_and_gives_pil(pipeline: SelfDiffusionPipeline) -> None:
    image, mask = holed()
    output = pipeline(
        [Image.fromarray(image)],
        [Image.fromarray(mask)],
        generator=generators(0),
        num_inference_steps=STEPS,
        quality="fast",
        output_type="pil",
    )
    assert np.array_equal(np.asarray(output.images[0]), paint(pipeline, image, mask, 0).images[0])


def test_pipeline_gives_floats_that_round_to_the_same_bytes(
    pipeline: SelfDiffusionPipeline,
) -> None:
    image, mask = holed()
    floats = paint(pipeline, image, mask, 0, output_type="np").images
    assert floats.dtype == np.float32 and floats.shape == (1, *image.shape)
    rounded = (floats * 255).round().astype(np.uint8)
    assert np.array_equal(rounded, paint(pipeline, image, mask, 0).images)


@pytest.mark.parametrize(
    "change",
    [
        {"generator": []},
        {"mask_image": [np.zeros((5, 5), np.uint8)]},
        {"image": [np.zeros((80, 96), np.uint8)]},
        {"image": [np.zeros((80, 96, 3), np.float32)]},
        {"mask_image": [np.zeros((80, 96, 1), np.uint8)]},
        {"num_inference_steps": 0},
    ],
)
def test_pipeline_refuses_what_does_not_fit(
    pipeline: SelfDiffusionPipeline, change: dict[str, Any]
) -> None:
    image, mask = holed()
    given: dict[str, Any] = {"image": [image], "mask_image": [mask], "generator": generators(0)}
    with pytest.raises(ValueError):
        pipeline(**(given | change))
