from __future__ import annotations

import numpy as np
import pytest

from service.contract.catalogue import ModelEntry
from service.contract.params import InpaintParams
from tests.support.pictures import make_box_mask, make_rgb
from worker.engines.base import Canvas
from worker.engines.diffusion.framing import frame_canvas, resize

ENTRY = ModelEntry(name="m", family="stable-diffusion-inpaint", source="/nowhere")


@pytest.mark.parametrize(("width", "height"), [(64, 64), (900, 300), (200, 1400)])
def test_frame_canvas_has_the_model_area_and_multiples(width: int, height: int) -> None:
    canvas = Canvas(
        make_rgb("gradient", width, height),
        make_box_mask(width, height, (3, 3, 9, 9)),
        InpaintParams(),
        0,
    )
    frame = frame_canvas(canvas, ENTRY, 8)
    assert frame.image.shape[:2] == frame.mask.shape
    assert all(side % 8 == 0 for side in frame.size)
    assert 0.9 < frame.mask.size / ENTRY.native_pixels < 1.1


def test_frame_canvas_keeps_a_stroke_of_one_pixel_in_every_latent_cell_it_crosses() -> None:
    mask = make_box_mask(2048, 2048, (0, 1003, 2048, 1004))
    frame = frame_canvas(
        Canvas(make_rgb("gradient", 2048, 2048), mask, InpaintParams(), 0), ENTRY, 8
    )
    # What the pipeline sees of the mask: one pixel in eight, each way.
    assert frame.mask[::8, ::8].any(axis=0).all()


def test_resize_gives_the_same_array_when_the_size_fits() -> None:
    image = make_rgb("gradient", 40, 30)
    assert resize(image, 40, 30) is image
    assert np.array_equal(resize(np.full((30, 40, 3), 9, np.uint8), 17, 90)[0, 0], [9, 9, 9])
