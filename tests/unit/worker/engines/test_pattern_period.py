from __future__ import annotations

import numpy as np
import pytest

from service.contract.geometry import Margins
from tests.support.pictures import make_rgb
from tests.support.tiles import make_tiles
from worker.engines.pattern.extension import MIN_FORECAST, MIN_SCORE
from worker.engines.pattern.forecast import foretell_rim
from worker.engines.pattern.period import find_period
from worker.imaging import ImageArray

ALL_SIDES = Margins(left=40, top=40, right=40, bottom=40)


def check() -> None:
    return None


def lengths_of(image: ImageArray) -> list[float]:
    period = find_period(image, check)
    assert period is not None
    return sorted(float(np.hypot(*step)) for step in period.steps)


@pytest.mark.parametrize("tile", [(48, 61), (33, 70), (16, 23)])
def test_find_period_finds_it_exactly(tile: tuple[int, int]) -> None:
    period = find_period(make_tiles(300, 320, tile, slope=0.2), check)
    assert period is not None
    steps = sorted(np.abs(period.steps).tolist(), reverse=True)
    assert np.allclose(steps, [[tile[0], 0], [0, tile[1]]], atol=0.1)
    assert period.score > 0.9


def test_find_period_finds_a_turned_lattice_to_a_part_of_a_pixel() -> None:
    image = make_tiles(300, 300, (40, 56), angle=12)
    assert np.allclose(lengths_of(image), [40, 56], atol=0.1)


def test_find_period_gives_the_shortest_and_no_multiple() -> None:
    assert np.allclose(lengths_of(make_tiles(400, 120, (20, 20))), [20, 20], atol=0.1)


@pytest.mark.slow
def test_find_period_finds_small_and_large_ones_in_a_large_picture() -> None:
    assert np.allclose(lengths_of(make_tiles(1700, 1200, (21, 26))), [21, 26], atol=0.1)
    assert np.allclose(lengths_of(make_tiles(1700, 1500, (470, 400))), [400, 470], atol=2)


@pytest.mark.parametrize("side", [1, 5, 7, 40])
def test_find_period_finds_none_in_a_constant_picture(side: int) -> None:
    assert find_period(np.full((side, side, 3), 90, np.uint8), check) is None


def test_find_period_gives_at_most_a_weak_one_for_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    period = find_period(noise, check)
    assert period is None or period.score < MIN_SCORE


@pytest.mark.parametrize("seed", range(4))
def test_foretell_rim_refuses_what_has_no_period(seed: int) -> None:
    image = make_rgb("graphics", 200, 180, seed)
    period = find_period(image, check)
    if period is not None and period.score >= MIN_SCORE:
        assert foretell_rim(image, ALL_SIDES, period, check).correlation < MIN_FORECAST


def test_foretell_rim_refuses_a_pattern_that_ends_before_the_border() -> None:
    image = make_tiles(300, 240, (40, 30)).copy()
    image[:, 230:] = make_rgb("texture", 70, 240)
    period = find_period(image, check)
    assert period is not None
    margins = Margins(left=0, top=0, right=50, bottom=0)
    assert foretell_rim(image, margins, period, check).correlation < MIN_FORECAST
    elsewhere = Margins(left=50, top=0, right=0, bottom=0)
    assert foretell_rim(image, elsewhere, period, check).correlation > 0.9


def test_foretell_rim_sees_that_the_light_is_uneven() -> None:
    for slope, terms in ((0.0, 0), (0.25, 2)):
        image = make_tiles(300, 240, (40, 30), slope=slope)
        period = find_period(image, check)
        assert period is not None
        forecast = foretell_rim(image, ALL_SIDES, period, check)
        assert forecast.correlation > 0.95
        assert (forecast.terms > 0) == (terms > 0)


def test_find_period_finds_none_where_any_step_would_do() -> None:
    rng = np.random.default_rng(0)
    rows = np.linspace(120, 230, 160)[:, None, None] * np.ones((1, 300, 3))
    rows[110:] = (90, 140, 60)
    rows[110:] += rng.normal(0, 18, (50, 300, 3))
    image = (rows + rng.normal(0, 1, rows.shape)).clip(0, 255).astype(np.uint8)
    assert find_period(image, check) is None


def test_find_period_finds_stripes() -> None:
    row = np.where(np.arange(300) // 14 % 2, 60, 230)[None, :, None]
    noise = np.random.default_rng(0).normal(0, 5, (200, 300, 3))
    period = find_period((row + noise).clip(0, 255).astype(np.uint8), check)
    assert period is not None
    assert any(np.allclose(np.abs(step), [28, 0], atol=1) for step in period.steps)
