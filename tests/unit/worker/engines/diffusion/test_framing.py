from __future__ import annotations

import numpy as np
import pytest

from service.contract.catalogue import SELF_MODEL, ModelEntry
from service.contract.families import FAMILIES
from tests.support.pictures import make_box_mask, make_rgb
from worker.engines.diffusion.framing import cut_size, fit_frame, make_frame, resize

ENTRY = ModelEntry(name="m", family="stable-diffusion", source="/nowhere")


def test_fit_frame_leaves_a_picture_at_its_size_for_a_model_of_its_own_patches() -> None:
    assert fit_frame(1237, 91, SELF_MODEL) == (1237, 91)


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "self"])
@pytest.mark.parametrize(("width", "height"), [(64, 64), (900, 300), (200, 1400)])
def test_fit_frame_gives_the_model_area_in_multiples(width: int, height: int, family: str) -> None:
    entry = ENTRY.model_copy(update={"family": family})
    size = fit_frame(width, height, entry)
    assert all(side % entry.size_multiple == 0 for side in size)
    # Within what a snap of both sides may do.
    slack = entry.size_multiple / min(size)
    assert 1 - slack <= size[0] * size[1] / entry.native_pixels <= 1 + slack


def test_make_frame_keeps_a_stroke_of_one_pixel_in_every_latent_cell_it_crosses() -> None:
    image = make_rgb("gradient", 2048, 2048)
    mask = make_box_mask(2048, 2048, (0, 1003, 2048, 1004))
    for family in ("stable-diffusion", "flux2-klein"):
        cell = FAMILIES[family].cell
        frame = make_frame(image, mask, (512, 512), cell)
        assert frame.image.shape[:2] == frame.mask.shape
        # What the pipeline sees of the mask: one pixel a cell, each way.
        assert frame.mask[::cell, ::cell].any(axis=0).all()


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((1024, 1024), (1024, 1024)),
        ((1104, 960), (1088, 960)),
        ((960, 1104), (960, 1088)),
        ((64, 16400), (64, 16384)),
        ((16, 2_000_000), (16, 65536)),
    ],
)
def test_cut_size_shortens_the_longer_side(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert cut_size(*size, 1024 * 1024, 16) == wanted


def test_resize_gives_the_same_array_when_the_size_fits() -> None:
    image = make_rgb("gradient", 40, 30)
    assert resize(image, 40, 30) is image
    assert np.array_equal(resize(np.full((30, 40, 3), 9, np.uint8), 17, 90)[0, 0], [9, 9, 9])
