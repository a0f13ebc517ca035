from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.support.pictures import make_blob_mask, make_box_mask, make_rgb
from worker.imaging import ImageArray, MaskArray
from worker.imaging.blending import fit_look, interpolate, match_rim
from worker.imaging.picture import to_uint8

BOX = make_box_mask(200, 160, (60, 40, 150, 120))


def drift(
    picture: ImageArray, *, gain: float = 1, shift: float = 0, slope: float = 0
) -> ImageArray:
    width = picture.shape[1]
    values = (picture.astype(np.float32) - 128) * gain + 128 + shift
    values += (np.linspace(-0.5, 0.5, width, dtype=np.float32) * slope)[None, :, None]
    return to_uint8(np.rint(values).clip(0, 255).astype(np.uint8))


def texture() -> ImageArray:
    """Return a picture that leaves room for a drift on both ends."""
    return (make_rgb("texture", 200, 160) * 0.7 + 38).astype(np.uint8)


def error_in(hole: MaskArray, result: ImageArray, truth: ImageArray) -> float:
    return float(np.abs(result.astype(int) - truth)[hole > 0].mean())


def test_match_rim_gives_the_very_array_back_when_nothing_kept_was_changed() -> None:
    kept = texture()
    painted = kept.copy()
    painted[BOX > 0] = 7
    assert match_rim(kept, painted, BOX) is painted


@pytest.mark.parametrize(
    ("faults", "most"),
    [
        ({"shift": 20}, 0.3),
        ({"slope": 40}, 0.7),
        ({"gain": 0.8, "shift": 4}, 0.7),
        ({"gain": 0.9, "shift": -8, "slope": 20}, 0.9),
    ],
)
def test_match_rim_takes_a_drift_out(faults: dict[str, float], most: float) -> None:
    truth = texture()
    painted = drift(truth, **faults)
    assert error_in(BOX, painted, truth) > 3.5
    assert error_in(BOX, match_rim(truth, painted, BOX), truth) < most


def test_match_rim_gives_lost_sharpness_back() -> None:
    truth = texture()
    painted = to_uint8(cv2.GaussianBlur(truth, (0, 0), 0.8))
    mended = match_rim(truth, painted, BOX)
    assert error_in(BOX, mended, truth) < 0.6 * error_in(BOX, painted, truth)


@pytest.mark.parametrize(
    "hole",
    [
        make_box_mask(200, 160, (0, 0, 80, 160)),
        make_box_mask(200, 160, (150, 100, 200, 160)),
        255 - make_box_mask(200, 160, (50, 40, 150, 120)),
        make_blob_mask(200, 160),
        make_box_mask(200, 160, (100, 0, 101, 160)),
        make_box_mask(200, 160, (1, 1, 199, 159)),
    ],
)
def test_match_rim_works_for_holes_of_any_place(hole: MaskArray) -> None:
    truth = texture()
    mended = match_rim(truth, drift(truth, shift=12), hole)
    assert error_in(hole, mended, truth) < 0.5


def test_match_rim_knows_gray_pictures() -> None:
    truth = texture()[..., 0]
    mended = match_rim(truth, truth + np.uint8(10), BOX)
    assert mended.shape == truth.shape
    assert error_in(BOX, mended, truth) < 0.5


@pytest.mark.parametrize("size", [(64, 64), (67, 65), (1, 9), (200, 3), (129, 257)])
def test_match_rim_knows_pictures_of_any_size(size: tuple[int, int]) -> None:
    width, height = size
    kept = np.full((height, width, 3), 100, np.uint8)
    hole = np.zeros((height, width), np.uint8)
    hole[height // 3 : height // 3 + 1 + height // 4, : max(1, width // 2)] = 255
    hole[0, -1] = 0
    if not (hole == 0).any():
        hole[-1, 0] = 0
    mended = match_rim(kept, kept + np.uint8(30), hole)
    assert np.abs(mended[hole > 0].astype(int) - 100).max(initial=0) <= 1


def test_fit_look_leaves_the_factors_alone_when_it_sees_another_picture() -> None:
    other = make_rgb("graphics", 200, 160, seed=4)
    look = fit_look(texture(), other, (BOX == 0).view(np.uint8))
    assert look.gain.tolist() == [1, 1, 1]
    assert look.sharpness.tolist() == [0, 0, 0]


def test_interpolate_makes_a_plane_of_a_plane() -> None:
    rows, columns = np.mgrid[:64, :64].astype(np.float32)
    plane = (rows + 2 * columns)[..., None]
    weight = np.ones((64, 64), np.float32)
    weight[20:44, 10:50] = 0
    surface = interpolate(plane * weight[..., None], weight)
    assert np.abs(surface - plane).max() < 4
    assert np.abs(surface - plane).mean() < 0.7
