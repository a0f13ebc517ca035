from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from service.contract.params import InpaintParams
from tests.support.grounds import (
    add_noise,
    as_jpeg,
    low_error,
    make_flat,
    make_graded,
    unlike,
)
from worker.engines.base import Canvas, Painted
from worker.engines.ground.inside import fill_grounds
from worker.engines.patch import PatchEngine
from worker.imaging import ImageArray, MaskArray

SEEDS = range(6)


def make_hole(seed: int, height: int, width: int) -> MaskArray:
    """Return a mask with a box, a disk, or a hole at the border."""
    mask = np.zeros((height, width), np.uint8)
    y, x = height // 2 - 10, width // 2 + 15
    if seed % 3 == 0:
        mask[y - 45 : y + 45, x - 60 : x + 60] = 255
    elif seed % 3 == 1:
        cv2.circle(mask, (x, y), 50, (255,), -1)
    else:
        mask[-60:, x - 40 : x + 40] = 255
    return mask


def inpaint(image: ImageArray, mask: MaskArray, seed: int = 0, **params: object) -> Painted:
    asked = InpaintParams.model_validate({"quality": "fast", "ground": "auto", **params})
    [painted] = PatchEngine().paint([Canvas(image, mask, asked, seed)], lambda _step, _steps: None)
    return painted


def put_thing_into(image: ImageArray, mask: MaskArray, seed: int) -> ImageArray:
    """Return the picture with something in the hole that is to be removed."""
    random = np.random.default_rng(seed + 100)
    filled = image.copy()
    inner = cv2.erode(mask, np.ones((7, 7), np.uint8), borderValue=(255,))
    filled[inner != 0] = unlike(random, image[0, 0])
    return filled


@pytest.mark.parametrize("seed", SEEDS)
def test_hole_in_a_flat_ground_gets_its_color(seed: int) -> None:
    random = np.random.default_rng(seed)
    ground = make_flat(random, 220, 260).astype(np.uint8)
    mask = make_hole(seed, 220, 260)
    painted = inpaint(put_thing_into(ground, mask, seed), mask)
    assert np.array_equal(painted.image, ground)
    assert painted.details["ground"] == {"holes": 1, "grain": [0.0]}


@pytest.mark.parametrize("quality", [60, 85])
@pytest.mark.parametrize("seed", SEEDS)
def test_hole_in_a_flat_jpeg_shows_nothing(seed: int, quality: int) -> None:
    random = np.random.default_rng(seed)
    ground = make_flat(random, 220, 260)
    mask = make_hole(seed, 220, 260)
    image = as_jpeg(put_thing_into(ground.astype(np.uint8), mask, seed), quality)
    wide = np.asarray(cv2.dilate(mask, np.ones((9, 9), np.uint8)), np.uint8)
    painted = inpaint(image, wide)
    assert np.abs(painted.image - ground)[wide != 0].max() <= 12


@pytest.mark.parametrize("low", [2.0, 60.0, 120.0, 225.0])
@pytest.mark.parametrize("sigma", [0.0, 2.0, 4.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_hole_in_a_graded_wall_is_even(seed: int, sigma: float, low: float) -> None:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:300, 0:320] / 320
    truth = low + 25 * (x * random.uniform(-1, 1) + y)[..., None] * np.ones(3)
    truth = truth.clip(0, 253)
    mask = make_hole(seed, 300, 320)
    painted = inpaint(add_noise(random, truth, sigma), mask)
    # Near black and white, noise is cut off at one end: its mean is what a wall there shows.
    many = [add_noise(random, truth, sigma).astype(np.float64) for _ in range(24)]
    shown = np.mean(many, axis=0)
    assert low_error(painted.image, shown, 6)[mask != 0].max() < 2.5
    if sigma and 60 <= low <= 120:
        assert 0.7 * sigma < (painted.image - shown)[mask != 0].std() < 1.4 * sigma


@pytest.mark.parametrize("seed", SEEDS)
def test_hole_keeps_bent_gradients_on(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = make_graded(random, 260, 300)
    y, x = np.mgrid[0:260, 0:300] / 300
    truth = truth + 8 * np.sin(4 * x + 3 * y)[..., None]
    mask = make_hole(seed, 260, 300)
    painted = inpaint(add_noise(random, truth, 1.0), mask)
    assert low_error(painted.image, truth, 6)[mask != 0].max() < 4


@pytest.mark.parametrize("angle", [0, 30, 75, 120])
@pytest.mark.parametrize("width", [3, 9, 25])
def test_hole_that_a_thing_crosses_is_no_ground(width: int, angle: float) -> None:
    image = np.full((240, 240, 3), 180, np.uint8)
    turn = np.deg2rad(angle)
    step = np.array([np.cos(turn), np.sin(turn)]) * 200
    first, last = (tuple(int(v) for v in 120 + sign * step) for sign in (-1, 1))
    cv2.line(image, first, last, (40, 90, 30), width, cv2.LINE_AA)
    mask = make_hole(1, 240, 240)
    found = fill_grounds(image, mask, seed=0)
    assert found.holes == 0
    assert np.array_equal(found.rest, mask)


def test_known_figures_that_meet_a_hole_are_left_out() -> None:
    image = np.full((200, 240, 3), 150, np.uint8)
    image[:, 110:130] = (200, 40, 40)
    figures = np.zeros((200, 240), np.uint8)
    figures[:, 108:132] = 255
    mask = make_hole(1, 200, 240)
    mask[figures != 0] = 0
    found = fill_grounds(image, mask, figures=figures, seed=0)
    assert not found.rest.any()
    assert np.abs(found.image[mask != 0].astype(int) - 150).max() == 0


def _stones(seed: int) -> ImageArray:
    random = np.random.default_rng(seed)
    image = np.full((240, 260, 3), 70, np.uint8)
    for _ in range(420):
        center = int(random.integers(0, 260)), int(random.integers(0, 240))
        level = int(random.integers(60, 220))
        cv2.circle(image, center, int(random.integers(7, 14)), (level,) * 3, -1)
    return image


def _leaves(seed: int) -> ImageArray:
    random = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(random.normal(128, 60, (240, 260, 3)), (0, 0), 2.5)
    return ((noise - 128) * 4 + 128).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("make", [_stones, _leaves])
@pytest.mark.parametrize("seed", SEEDS)
def test_texture_is_left_to_the_patches(seed: int, make: object) -> None:
    assert callable(make)
    mask = make_hole(seed, 240, 260)
    assert fill_grounds(make(seed), mask, seed=0).holes == 0


def test_grain_comes_from_allowed_pixels_alone() -> None:
    random = np.random.default_rng(1)
    image = np.full((200, 240, 3), 128.0)
    noise = random.normal(0, 1, image.shape) * np.where(np.arange(240) < 60, 3, 1)[:, None]
    picture = np.rint(image + noise).astype(np.uint8)
    mask = make_hole(1, 200, 240)
    sources = np.zeros((200, 240), np.uint8)
    sources[:, 120:] = 255
    found = fill_grounds(picture, mask, source_mask=sources, seed=0)
    assert found.holes == 1
    assert found.image[mask != 0].std() < 1.5


def test_hole_is_left_to_what_the_source_mask_wants() -> None:
    image = np.full((200, 240, 3), 128, np.uint8)
    sources = np.zeros((200, 240), np.uint8)
    sources[:, :30] = 255
    found = fill_grounds(image, make_hole(1, 200, 240), source_mask=sources, seed=0)
    assert found.holes == 0


@pytest.mark.parametrize("channels", [3, 4])
def test_any_number_of_planes_is_filled(channels: int) -> None:
    values: NDArray[np.uint8] = np.full((160, 180, channels), 90, np.uint8)
    values[..., -1] = 200
    mask = make_hole(1, 160, 180)
    found = fill_grounds(values, mask, seed=0)
    assert np.array_equal(found.image, values)
    assert not found.rest.any()


def test_ground_is_ignored_when_it_is_told() -> None:
    image = np.full((120, 140, 3), 90, np.uint8)
    mask = np.zeros((120, 140), np.uint8)
    mask[40:80, 50:90] = 255
    assert "ground" not in inpaint(image, mask, ground="ignore").details


def test_fill_is_the_same_for_the_same_seed() -> None:
    random = np.random.default_rng(2)
    image = add_noise(random, make_graded(random, 200, 220), 3)
    mask = make_hole(0, 200, 220)
    first, again, other = (inpaint(image, mask, seed).image for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
