"""Crops, holes, passes and infills through a whole pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from service.contract.errors import InvalidField
from service.contract.geometry import Geometry, Margins, plan_margins
from service.contract.params import InpaintParams, OutpaintParams
from tests.support.pictures import make_blob_mask, make_box_mask, make_rgb
from tests.unit.worker.engines.diffusion.painting import (
    LIBRARY_WARNINGS,
    ignore,
    largest_difference,
    model_of,
    paint,
)
from worker.engines.base import Canvas
from worker.engines.diffusion.engine import DiffusionEngine
from worker.imaging import ImageArray, MaskArray
from worker.imaging.compositing import mask_around
from worker.imaging.geometry import shrink_original
from worker.reporting import Aborted

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]

WIDTH, HEIGHT = 331, 257


def speckles() -> MaskArray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[np.random.default_rng(1).random(mask.shape) < 0.001] = 255
    return mask


def corners() -> MaskArray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:5, :7] = mask[-1, -1] = mask[-9:, :3] = mask[100:140, -20:] = 255
    return mask


HOLES = [(5, 5, 25, 25), (300, 20, 320, 40), (20, 230, 40, 250)]


def three_holes() -> MaskArray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for hole in HOLES:
        mask |= make_box_mask(WIDTH, HEIGHT, hole)
    return mask


MASKS = {
    "box": make_box_mask(WIDTH, HEIGHT, (100, 80, 151, 117)),
    "pixel": make_box_mask(WIDTH, HEIGHT, (200, 99, 201, 100)),
    "corners": corners(),
    "speckles": speckles(),
    "blobs": make_blob_mask(WIDTH, HEIGHT),
    "nearly all": 255 - make_box_mask(WIDTH, HEIGHT, (40, 30, 60, 44)),
    "line": make_box_mask(WIDTH, HEIGHT, (0, 128, WIDTH, 129)),
}


def inpaint_canvas(mask: MaskArray, seed: int = 1, **params: object) -> Canvas:
    asked = InpaintParams.model_validate({"num_inference_steps": 2, **params})
    image = make_rgb("texture", WIDTH, HEIGHT, seed)
    image.flags.writeable = False
    return Canvas(image, mask, asked, seed)


def outpaint_canvas(
    margins: tuple[int, int, int, int], overlap: int = 0, seed: int = 3, **params: object
) -> Canvas:
    """A picture of 70 x 50 on its canvas; what lies beyond it is green."""
    left, top, right, bottom = margins
    whole = plan_margins(70, 50, Margins(left=left, top=top, right=right, bottom=bottom))
    image = np.zeros((whole.height, whole.width, 3), np.uint8)
    image[..., 1] = 255
    image[top : top + 50, left : left + 70] = make_rgb("texture", 70, 50)
    kept: Geometry = shrink_original(whole, overlap)
    asked = {"num_inference_steps": 2, "overlap": overlap, **params}
    return Canvas(image, mask_around(kept), OutpaintParams.model_validate(asked), seed, kept)


def check_kept(canvas: Canvas, image: ImageArray) -> None:
    assert image.shape == canvas.image.shape
    assert np.array_equal(image[canvas.mask == 0], canvas.image[canvas.mask == 0])
    assert not np.array_equal(image[canvas.mask > 0], canvas.image[canvas.mask > 0])


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"region": "box"},
        {"region": "box", "padding": 0},
        {"region": "box", "padding": 300},
        {"region": "full", "infill": "blur"},
        {"region": "auto", "infill": "edge", "padding": 9},
    ],
)
def test_paint_changes_nothing_outside_the_mask(
    tiny_engine: DiffusionEngine, name: str, params: dict[str, Any]
) -> None:
    canvas = inpaint_canvas(MASKS[name], **params)
    [painted] = tiny_engine.paint([canvas], ignore)
    check_kept(canvas, painted.image)
    assert painted.details["blend"] == "membrane"


def test_paint_takes_far_holes_as_pictures_of_one_call(tiny_engine: DiffusionEngine) -> None:
    [painted] = tiny_engine.paint([inpaint_canvas(three_holes(), padding=32)], ignore)
    crops = painted.details["crops"]
    assert painted.details["rows"] == len(crops) == 3
    assert {crop["seed"] for crop in crops} == {1}
    for hole in HOLES:
        alone = inpaint_canvas(make_box_mask(WIDTH, HEIGHT, hole), padding=32, region="box")
        inside = alone.mask > 0
        [image] = paint(tiny_engine, [alone])
        assert largest_difference(image[inside], painted.image[inside]) <= 1


def test_paint_gives_a_call_of_regions_and_passes_what_each_gets_alone(
    tiny_engine: DiffusionEngine,
) -> None:
    canvases = [
        inpaint_canvas(corners(), 1, padding=32),
        outpaint_canvas((0, 0, 150, 0)),
        inpaint_canvas(MASKS["box"], 2),
        outpaint_canvas((40, 90, 10, 3), overlap=7, seed=4),
        inpaint_canvas(corners(), 1, padding=32, deterministic=True),
    ]
    together = tiny_engine.paint(canvases, ignore)
    for canvas, painted in zip(canvases, together, strict=True):
        check_kept(canvas, painted.image)
        [alone] = tiny_engine.paint([canvas], ignore)
        assert alone.details["crops"] == painted.details["crops"]
        assert largest_difference(alone.image, painted.image) <= 1
    assert len(together[1].details["crops"]) > 2
    assert np.array_equal(together[4].image, paint(tiny_engine, [canvases[4]])[0])


@pytest.mark.parametrize(
    "margins", [(0, 0, 400, 0), (130, 90, 210, 70), (1, 0, 0, 0), (0, 3, 0, 99)]
)
@pytest.mark.parametrize("overlap", [0, 6])
@pytest.mark.parametrize("infill", ["auto", "none", "patch"])
def test_paint_extends_to_the_exact_size_and_keeps_the_original(
    tiny_engine: DiffusionEngine, margins: tuple[int, int, int, int], overlap: int, infill: str
) -> None:
    canvas = outpaint_canvas(margins, overlap, infill=infill)
    [painted] = tiny_engine.paint([canvas], ignore)
    check_kept(canvas, painted.image)
    # No more of the green than noise may have.
    green = (painted.image == (0, 255, 0)).all(axis=2)[canvas.mask > 0]
    assert green.mean() < 0.2


def test_paint_lets_each_pass_see_what_the_one_before_has_painted(
    tiny_engine: DiffusionEngine,
) -> None:
    seen: list[torch.Tensor] = []
    model = model_of(tiny_engine)
    canvas = outpaint_canvas((0, 0, 150, 0))

    def watch(_encoder: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        seen.append(inputs[0])

    handle = model.autoencoder.encoder.register_forward_pre_hook(watch)
    try:
        [painted] = tiny_engine.paint([canvas], ignore)
    finally:
        handle.remove()
    crops = painted.details["crops"]
    boxes = [crop["box"] for crop in crops]
    assert all(now[2] > before[2] for before, now in pairwise(boxes))
    assert boxes[-1][2] == 220
    assert len({crop["seed"] for crop in crops}) == len(crops)
    # The last pass was given what its picture still shows beyond the original.
    left, _, _, _ = boxes[-1]
    given = ((seen[-1][0].permute(1, 2, 0).numpy() + 1) * 127.5).round()
    scale = given.shape[1] / (220 - left)
    known = boxes[-2][2]
    shown = painted.image[:, max(left, 70) : known].mean(axis=(0, 1))
    columns = slice(round((max(left, 70) - left) * scale) + 1, round((known - left) * scale) - 9)
    assert given[:, columns].mean(axis=(0, 1)) == pytest.approx(shown, abs=12)


def test_paint_tells_progress_over_all_passes_and_can_be_left_in_any(
    tiny_engine: DiffusionEngine,
) -> None:
    canvas = outpaint_canvas((0, 0, 150, 0), infill="patch")
    told: list[tuple[int, int]] = []
    before = paint(tiny_engine, [canvas], lambda *step: told.append(step))
    steps = list(dict.fromkeys(told))
    total = steps[-1][1]
    assert steps == [(step, total) for step in range(total + 1)]

    def abort_at(last: int) -> Callable[[int, int], None]:
        def tell(step: int, _steps: int) -> None:
            if step == last:
                raise Aborted

        return tell

    for last in (0, 2, 3, total - 1):
        with pytest.raises(Aborted):
            paint(tiny_engine, [canvas], abort_at(last))
    assert np.array_equal(before[0], paint(tiny_engine, [canvas])[0])


def test_paint_shows_previews_of_the_whole_canvas(tiny_engine: DiffusionEngine) -> None:
    mask = make_box_mask(640, 400, (400, 300, 440, 340))
    image = np.full((400, 640, 3), 255, np.uint8)
    canvas = Canvas(image, mask, InpaintParams(num_inference_steps=2), 1)
    shown: list[dict[int, ImageArray]] = []
    tiny_engine.paint([canvas], ignore, lambda make: shown.append(dict(make())))
    seen = [previews[0] for previews in shown]
    assert [preview.shape for preview in seen] == [(160, 256, 3)] * 2
    rows, columns = np.nonzero((seen[-1] < 255).any(axis=2))
    assert rows.min() >= 119 and rows.max() <= 136
    assert columns.min() >= 159 and columns.max() <= 176


def test_paint_shows_one_preview_a_canvas_however_many_pictures_it_takes(
    tiny_engine: DiffusionEngine,
) -> None:
    seen: list[list[int]] = []
    canvas = inpaint_canvas(three_holes(), padding=32)
    tiny_engine.paint([canvas], ignore, lambda make: seen.append(list(make())))
    assert seen == [[0], [0]]


def test_paint_tells_what_filled_the_hole(tiny_engine: DiffusionEngine) -> None:
    canvas = inpaint_canvas(MASKS["box"], num_inference_steps=4)
    for asked, wanted in (
        ({}, "none"),
        ({"strength": 0.5}, "original"),
        ({"infill": "patch"}, "patch"),
    ):
        params = canvas.params.model_copy(update=asked)
        [painted] = tiny_engine.paint([replace(canvas, params=params)], ignore)
        assert painted.details["infill"] == wanted


def test_paint_follows_the_infill_where_strength_leaves_something_of_it(
    tiny_engine: DiffusionEngine,
) -> None:
    images = [
        paint(
            tiny_engine,
            [inpaint_canvas(MASKS["box"], strength=0.5, infill=infill, num_inference_steps=4)],
        )[0]
        for infill in ("original", "neutral", "none")
    ]
    assert largest_difference(images[0], images[1]) > 2
    assert np.array_equal(images[0], images[2])


def test_paint_refuses_an_original_beyond_the_border(tiny_engine: DiffusionEngine) -> None:
    with pytest.raises(InvalidField, match="infill"):
        paint(tiny_engine, [outpaint_canvas((5, 0, 0, 0), infill="original")])
