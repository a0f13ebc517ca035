from __future__ import annotations

import numpy as np
import pytest

from service.contract.geometry import Box
from worker.imaging import DeepArray, ImageArray
from worker.imaging.deepening import HALF_STEP, raise_to_16_bits
from worker.imaging.picture import DEEP_STEP, round_to_8_bits

BOX = Box(left=30, top=20, right=130, bottom=90)
INNER = np.s_[20:90, 30:130]
HOLE = np.full((70, 100), 255, np.uint8)


def make_sky(grain: float = 0, channels: int = 3) -> DeepArray:
    """Return a slope of a few steps of 8 bits, (H, W, C), or (H, W) for one channel."""
    rows, columns = np.mgrid[0:120, 0:160]
    slope = 30_000 + rows * 5 + columns * 3
    noise = np.random.default_rng(0).normal(0, grain, (120, 160, channels))
    sky: DeepArray = (slope[..., None] + noise).astype(np.uint16)
    return sky if channels > 1 else sky.reshape(120, 160)


def raise_part(deep: DeepArray, source: ImageArray, seed: int = 0) -> DeepArray:
    return raise_to_16_bits(source, deep, HOLE, BOX, seed)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_slope_goes_on_without_the_steps_of_8_bits(channels: int) -> None:
    deep = make_sky(channels=channels)
    raised = raise_part(deep, round_to_8_bits(deep)[INNER]).astype(int)
    error = np.abs(raised - deep[INNER])
    assert error.mean() < 20
    assert error.max() < HALF_STEP / 2
    assert np.abs(np.diff(raised, axis=1)).max() < 20


def test_what_is_raised_has_the_grain_around_it() -> None:
    deep = make_sky(grain=30)
    raised = raise_part(deep, round_to_8_bits(make_sky())[INNER])
    grains = [np.diff(part[..., 0].astype(int), axis=1).std() for part in (raised, deep[INNER])]
    assert 0.6 < grains[0] / grains[1] < 1.4


@pytest.mark.parametrize("grain", [20, 80, 200, 600])
def test_what_was_painted_with_grain_keeps_all_of_it(grain: int) -> None:
    deep = make_sky(grain=grain)
    raised = raise_part(deep, round_to_8_bits(deep)[INNER])
    grains = [np.diff(part.astype(int), axis=1).std() for part in (raised, deep[INNER])]
    assert 0.9 < grains[0] / grains[1] < 1.1


def test_what_is_raised_is_what_was_painted_when_rounded() -> None:
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 2**16, (120, 160, 3)).astype(np.uint16)
    source = rng.integers(0, 256, (70, 100, 3)).astype(np.uint8)
    assert np.array_equal(round_to_8_bits(raise_part(deep, source)), source)
    assert np.array_equal(raise_part(deep, source, 7), raise_part(deep, source, 7))
    assert not np.array_equal(raise_part(deep, source, 7), raise_part(deep, source, 8))


def test_a_picture_of_8_bits_in_16_stays_one() -> None:
    source = round_to_8_bits(make_sky())
    deep = source * np.uint16(DEEP_STEP)
    assert np.array_equal(raise_part(deep, source[INNER]), deep[INNER])
