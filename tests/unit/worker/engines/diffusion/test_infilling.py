from __future__ import annotations

import numpy as np
import pytest

from service.contract.errors import InvalidField
from service.contract.families import FAMILIES
from service.contract.params import Infill, InpaintParams, OutpaintParams
from tests.support.pictures import make_box_mask, make_rgb
from worker.engines.base import Canvas
from worker.engines.diffusion.infilling import choose_infill, fill_hole
from worker.imaging import ImageArray, MaskArray

FILLS: list[Infill] = ["neutral", "blur", "edge", "patch"]
HOLE = make_box_mask(90, 70, (20, 15, 60, 50))


def fill(image: ImageArray, hole: MaskArray, infill: Infill) -> ImageArray:
    return fill_hole(image, hole, infill, 3, lambda: None)


def chosen(params: InpaintParams | OutpaintParams, family: str, strength: float = 1) -> Infill:
    canvas = Canvas(make_rgb("gradient", 90, 70), HOLE, params, 0)
    return choose_infill(canvas, FAMILIES[family], strength)


def test_choose_infill_goes_by_intent_and_by_what_the_model_sees() -> None:
    assert chosen(InpaintParams(), "stable-diffusion") == "none"
    assert chosen(InpaintParams(), "flux2-klein") == "patch"
    assert chosen(InpaintParams(), "stable-diffusion", 0.6) == "original"
    assert chosen(InpaintParams(infill="auto"), "flux2-klein", 0.6) == "original"
    assert chosen(OutpaintParams(), "stable-diffusion") == "edge"
    assert chosen(OutpaintParams(), "flux2-klein", 0.6) == "edge"


@pytest.mark.parametrize("infill", [*FILLS, "none"])
def test_choose_infill_does_what_is_asked(infill: Infill) -> None:
    assert chosen(InpaintParams(infill=infill), "flux2-klein", 0.6) == infill
    assert chosen(OutpaintParams(infill=infill), "stable-diffusion") == infill


def test_choose_infill_refuses_an_original_where_there_is_none() -> None:
    assert chosen(InpaintParams(infill="original"), "stable-diffusion") == "original"
    with pytest.raises(InvalidField, match="original"):
        chosen(OutpaintParams(infill="original"), "stable-diffusion")


@pytest.mark.parametrize("infill", FILLS)
def test_fill_hole_leaves_what_is_known_and_reads_nothing_else(infill: Infill) -> None:
    image = make_rgb("texture", 90, 70)
    before = image.copy()
    filled = fill(image, HOLE, infill)
    assert np.array_equal(image, before)
    assert np.array_equal(filled[HOLE == 0], image[HOLE == 0])
    assert not np.array_equal(filled, image)
    hidden = image.copy()
    hidden[20:45, 25:55] = (255, 0, 255)
    assert np.array_equal(fill(hidden, HOLE, infill)[20:45, 25:55], filled[20:45, 25:55])


@pytest.mark.parametrize("infill", ["none", "original"])
def test_fill_hole_gives_the_picture_itself_where_nothing_is_to_be_filled(infill: Infill) -> None:
    image = make_rgb("texture", 90, 70)
    assert fill(image, HOLE, infill) is image


@pytest.mark.parametrize("infill", FILLS)
@pytest.mark.parametrize("size", [(1, 9), (9, 1), (64, 33), (500, 40)])
def test_fill_hole_knows_pictures_of_any_size(infill: Infill, size: tuple[int, int]) -> None:
    width, height = size
    image = make_rgb("gradient", width, height)
    hole = make_box_mask(width, height, (0, 0, (width + 1) // 2, (height + 1) // 2))
    filled = fill(image, hole, infill)
    assert np.array_equal(filled[hole == 0], image[hole == 0])
    assert fill(image, np.full_like(hole, 255), infill) is image
    assert fill(image, np.zeros_like(hole), infill) is image


def test_fill_hole_by_edge_takes_the_nearest_known_color() -> None:
    image = make_rgb("texture", 90, 70)
    filled = fill(image, HOLE, "edge")
    assert np.array_equal(filled[15:20, 40], np.broadcast_to(image[14, 40], (5, 3)))
    assert np.array_equal(filled[30, 20:24], np.broadcast_to(image[30, 19], (4, 3)))
    around = 255 - HOLE
    stretched = fill(image, around, "edge")
    assert (stretched[:15, 20] == image[15, 20]).all()
    assert (stretched[50:, 60:] == image[49, 59]).all()


def test_fill_hole_by_blur_is_smooth_and_of_the_colors_around() -> None:
    image = make_rgb("gradient", 90, 70, seed=4)
    filled = fill(image, HOLE, "blur").astype(int)
    assert np.abs(np.diff(filled, axis=0)).max() <= 12
    assert np.abs(filled - image).mean() < 4


def test_fill_hole_by_patch_can_be_stopped_and_repeats() -> None:
    image = make_rgb("texture", 90, 70)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fill_hole(image, HOLE, "patch", 0, stop)
    assert np.array_equal(fill(image, HOLE, "patch"), fill(image, HOLE, "patch"))
