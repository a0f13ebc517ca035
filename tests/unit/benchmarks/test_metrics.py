from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from benchmarks.weightfree.masks import make_mask
from benchmarks.weightfree.metrics import find_rim, measure
from benchmarks.weightfree.pictures import load_picture
from benchmarks.weightfree.swd import measure_swd
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

SIDE = 160


@pytest.fixture
def truth() -> ImageArray:
    return load_picture("tile48x61", SIDE)


@pytest.fixture
def mask() -> MaskArray:
    return make_mask("blobs25", SIDE, SIDE, 1)


def fill(truth: ImageArray, mask: MaskArray, other: ImageArray) -> ImageArray:
    return to_uint8(np.where(mask[..., None] > 0, other, truth))


def blur(image: ImageArray) -> ImageArray:
    return to_uint8(cv2.GaussianBlur(image, (0, 0), 2))


def test_scores_of_the_original_are_perfect(truth: ImageArray, mask: MaskArray) -> None:
    scores = measure(truth, truth, mask)
    assert scores.psnr == 100
    assert scores.ssim == pytest.approx(1, abs=1e-5)
    assert scores.ms_ssim == pytest.approx(1, abs=1e-5)
    assert scores.swd == 0
    assert scores.sharp == scores.seam == 1


def test_scores_of_a_blur_tell_that_it_is_smooth(truth: ImageArray, mask: MaskArray) -> None:
    scores = measure(truth, fill(truth, mask, blur(truth)), mask)
    assert scores.sharp < 0.2
    assert scores.swd > 1
    assert scores.psnr < 40


def test_scores_of_noise_tell_that_it_is_rough(truth: ImageArray, mask: MaskArray) -> None:
    noise = np.random.default_rng(0).integers(0, 256, truth.shape, dtype=np.uint8)
    scores = measure(truth, fill(truth, mask, noise), mask)
    assert scores.sharp > 2
    assert scores.seam > 2
    assert scores.ssim < 0.1


def test_scores_fall_as_the_fill_gets_worse(truth: ImageArray, mask: MaskArray) -> None:
    rng = np.random.default_rng(0)
    scores = []
    for spread in (3, 12, 40):
        noisy = truth + rng.normal(0, spread, truth.shape)
        other = noisy.clip(0, 255).astype(np.uint8)
        scores.append(measure(truth, fill(truth, mask, other), mask))
    for better, worse in pairwise(scores):
        assert better.psnr > worse.psnr
        assert better.ssim > worse.ssim
        assert better.ms_ssim > worse.ms_ssim
        assert better.swd < worse.swd


def test_psnr_and_swd_look_into_the_hole_alone(truth: ImageArray, mask: MaskArray) -> None:
    outside = to_uint8(np.where(mask[..., None] > 0, truth, blur(truth)))
    scores = measure(truth, outside, mask)
    assert scores.psnr == 100
    assert scores.ssim > 0.9


def test_swd_forgives_a_shift_of_a_texture_but_not_smear() -> None:
    texture = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    texture = to_uint8(cv2.GaussianBlur(texture, (0, 0), 1))
    mask = make_mask("rect", 128, 128, 0)
    shifted = measure_swd(texture, np.roll(texture, 17, axis=1), mask)
    assert shifted < 0.2 * measure_swd(texture, blur(texture), mask)


def test_swd_is_the_same_every_time(truth: ImageArray, mask: MaskArray) -> None:
    painted = fill(truth, mask, blur(truth))
    assert measure_swd(truth, painted, mask) == measure_swd(truth, painted, mask)


@pytest.mark.parametrize(("height", "width"), [(9, 9), (8, 40), (33, 17)])
def test_scores_of_small_pictures_are_finite(height: int, width: int) -> None:
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    mask = np.zeros((height, width), np.uint8)
    mask[height // 2, width // 2] = 255
    scores = measure(first, fill(first, mask, second), mask)
    assert np.isfinite([scores.psnr, scores.ssim, scores.ms_ssim, scores.swd, scores.sharp]).all()


def test_rim_lies_on_both_sides_of_the_border() -> None:
    mask = np.zeros((9, 9), np.uint8)
    mask[3:6, 3:6] = 255
    rim = find_rim(mask)
    assert rim[3, 3] and rim[2, 2] and rim[2, 4]
    assert not rim[4, 4] and not rim[1, 4]
