from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract.geometry import Margins, plan_margins
from tests.support.pictures import encode, make_box_mask, make_image, make_rgb
from worker.imaging.compositing import mask_around, paste_back, place_on_canvas
from worker.imaging.decoding import decode_picture
from worker.imaging.encoding import encode_picture
from worker.imaging.feathering import WeightArray
from worker.imaging.picture import Picture
from worker.imaging.proving import prove

MODES = st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA"])


def picture_of(mode: str, width: int = 40, height: int = 30, seed: int = 0) -> Picture:
    return decode_picture(encode(make_image(mode, width, height, seed)), 1_000_000)


@given(mode=MODES, seed=st.integers(0, 2**32 - 1), share=st.floats(0.01, 0.99))
def test_paste_back_keeps_every_pixel_outside_the_mask(mode: str, seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    picture = picture_of(mode, seed=seed)
    mask = (rng.random((30, 40)) < share).astype(np.uint8) * 255
    painted = rng.integers(0, 256, (30, 40, 3), np.uint8)
    result = paste_back(picture, mask, painted)
    assert (result.width, result.height) == (40, 30)
    encoded = encode_picture(result, "png")
    back = decode_picture(encoded, 1_000_000)
    assert back.mode == picture.mode
    assert np.array_equal(back.channels()[mask == 0], picture.channels()[mask == 0])
    if not picture.is_gray:
        assert np.array_equal(back.color[mask != 0], painted[mask != 0])
    assert prove(picture, mask, encoded, "png", lossless=True).kept_pixels == (mask == 0).sum()


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_paste_back_is_opaque_under_the_mask(mode: str) -> None:
    picture = picture_of(mode)
    mask = np.zeros((30, 40), np.uint8)
    mask[5:20, 8:30] = 255
    result = paste_back(picture, mask, make_rgb("gradient", 40, 30))
    assert result.alpha is not None
    assert picture.alpha is not None
    assert (result.alpha[mask != 0] == 255).all()
    assert np.array_equal(result.alpha[mask == 0], picture.alpha[mask == 0])


def test_paste_back_gives_a_gray_picture_the_luminance() -> None:
    painted = np.full((30, 40, 3), (255, 0, 0), np.uint8)
    result = paste_back(picture_of("L"), np.full((30, 40), 255, np.uint8), painted)
    assert result.mode == "L"
    assert np.unique(result.color).tolist() == [76]


@given(
    mode=MODES,
    left=st.integers(0, 50),
    top=st.integers(0, 50),
    right=st.integers(0, 50),
    bottom=st.integers(1, 50),
)
def test_place_on_canvas_keeps_the_original(
    mode: str, left: int, top: int, right: int, bottom: int
) -> None:
    picture = picture_of(mode)
    margins = Margins(left=left, top=top, right=right, bottom=bottom)
    geometry = plan_margins(40, 30, margins)
    canvas, mask = place_on_canvas(picture, geometry)
    inside = np.s_[top : top + 30, left : left + 40]
    assert (canvas.width, canvas.height) == (geometry.width, geometry.height)
    assert np.array_equal(canvas.channels()[inside], picture.channels())
    assert not mask[inside].any()
    assert (mask == 0).sum() == 40 * 30

    assert (canvas.channels()[-1, left] == picture.channels()[29, 0]).all()


HOLE = make_box_mask(40, 30, (5, 5, 35, 25))


def weights(value: int) -> WeightArray:
    return np.where(HOLE > 0, np.uint8(value), np.uint8(0))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_paste_back_with_weights_keeps_every_pixel_outside_the_mask(mode: str) -> None:
    picture = picture_of(mode)
    result = paste_back(picture, HOLE, make_rgb("graphics", 40, 30), weights(100))
    assert result.mode == picture.mode
    assert np.array_equal(result.channels()[HOLE == 0], picture.channels()[HOLE == 0])


def test_paste_back_takes_as_much_as_the_weight_says() -> None:
    picture = Picture(np.full((30, 40, 3), 100, np.uint8))
    painted = np.full((30, 40, 3), 200, np.uint8)
    for weight, expected in ((0, 100), (51, 120), (255, 200)):
        result = paste_back(picture, HOLE, painted, weights(weight))
        assert np.unique(result.color[HOLE > 0]).tolist() == [expected]


def test_paste_back_fades_alpha_to_opaque() -> None:
    alpha = np.full((30, 40), 55, np.uint8)
    picture = Picture(np.full((30, 40, 3), 100, np.uint8), alpha)
    result = paste_back(picture, HOLE, np.full((30, 40, 3), 200, np.uint8), weights(51))
    assert result.alpha is not None
    assert np.unique(result.alpha[HOLE > 0]).tolist() == [95]
    assert np.unique(result.alpha[HOLE == 0]).tolist() == [55]


def test_paste_back_gives_no_weight_to_the_color_of_what_is_transparent() -> None:
    picture = Picture(np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40), np.uint8))
    result = paste_back(picture, HOLE, np.full((30, 40, 3), 200, np.uint8), weights(128))
    assert result.alpha is not None
    assert np.unique(result.color[HOLE > 0]).tolist() == [200]
    assert np.unique(result.alpha[HOLE > 0]).tolist() == [128]


def test_mask_around_marks_all_but_the_original() -> None:
    geometry = plan_margins(40, 30, Margins(left=3, top=0, right=0, bottom=7))
    assert (mask_around(geometry) == 0).sum() == 40 * 30
