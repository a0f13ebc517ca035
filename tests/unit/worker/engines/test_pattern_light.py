from __future__ import annotations

import cv2
import numpy as np

from service.contract.geometry import Box, Margins
from tests.support.tiles import make_tiles
from worker.engines.pattern.forecast import foretell_rim
from worker.engines.pattern.lattice import Sheet, lay
from worker.engines.pattern.light import even_light, fit_light
from worker.engines.pattern.period import Period
from worker.imaging import ImageArray

STEPS = [(40, 0), (0, 30), (120, 60)]


def test_fit_light_extrapolates_a_slope() -> None:
    whole = make_tiles(400, 240, (40, 30), slope=0.3)
    light = fit_light(whole[:, :300], STEPS, 2)
    gain = light.gain(240, 400, 0, 0)
    right, middle = gain[120, 390], gain[120, 150]
    truth = (1 + 0.3 * (390 / 399 * 2 - 1)) / (1 + 0.3 * (150 / 399 * 2 - 1))
    assert abs(right / middle - truth) < 0.1


def test_fit_light_finds_even_light_even() -> None:
    gain = fit_light(make_tiles(300, 240, (40, 30)), STEPS, 5).gain(240, 300, 0, 0)
    assert np.ptp(gain) < 0.03


def page_of_icons() -> ImageArray:
    page = np.full((240, 360, 3), 255, np.uint8)
    colors = [(230, 70, 70), (70, 160, 230), (70, 190, 110), (240, 170, 50), (150, 90, 210)]
    for number, color in enumerate([*colors, (60, 60, 70)]):
        left, top = 20 + 115 * (number % 3), 20 + 110 * (number // 3)
        cv2.rectangle(page, (left, top), (left + 90, top + 90), color, -1)
        cv2.circle(page, (left + 45, top + 45), 20, (255, 255, 255), -1)
    return page


def test_fit_light_takes_no_colors_on_white_for_light() -> None:
    gain = fit_light(page_of_icons(), [(115, 0), (0, 110)], 2).gain(240, 480, 0, 0)
    assert gain.min() > 0.95


def test_foretell_rim_bends_no_light_to_colors() -> None:
    period = Period(np.array([[0.0, 110.0], [115.0, 0.0]]), 0.9)
    margins = Margins(left=0, top=0, right=90, bottom=0)
    assert foretell_rim(page_of_icons(), margins, period, lambda: None).terms == 0


def test_fit_light_says_nothing_where_nothing_can_be_compared() -> None:
    black = np.zeros((100, 100, 3), np.uint8)
    assert fit_light(black, [(10, 0)], 5).is_even
    assert fit_light(black, [], 5).is_even


def test_light_is_held_back_far_from_the_picture() -> None:
    light = fit_light(make_tiles(300, 240, (40, 30), slope=0.4), STEPS, 5)
    gain = light.gain(400, 30_000, 15_000, 100)
    assert np.isfinite(gain).all()
    assert gain.min() > 0.2 and gain.max() < 5
    assert even_light(10, 10).gain(5, 5, 0, 0).tolist() == [[1.0] * 5] * 5


def test_lay_copies_exactly_what_lies_whole_periods_away() -> None:
    whole = make_tiles(400, 300, (40, 30), noise=0)
    box = Box(left=100, top=90, right=300, bottom=210)
    sheet = Sheet.of(np.where(_inside(whole.shape, box), whole, 0).astype(np.float32), box)
    period = Period(np.array([[40.0, 0.0], [0.0, 30.0]]), 1.0)
    lay(sheet, box, period, lambda: None)
    assert not sheet.rest.any()
    assert np.array_equal(sheet.values, whole)
    sources = sheet.origins.reshape(-1, 2)
    assert (sources >= (90, 100)).all() and (sources < (210, 300)).all()


def test_lay_reaches_the_end_of_a_canvas_many_times_as_wide() -> None:
    whole = make_tiles(1500, 90, (20, 15), noise=0)
    box = Box(left=0, top=30, right=60, bottom=75)
    sheet = Sheet.of(np.where(_inside(whole.shape, box), whole, 0).astype(np.float32), box)
    lay(sheet, box, Period(np.array([[20.0, 0.0], [0.0, 15.0]]), 1.0), lambda: None)
    assert np.array_equal(sheet.values, whole)


def test_lay_leaves_bare_what_a_single_step_does_not_lead_to() -> None:
    box = Box(left=50, top=20, right=100, bottom=60)
    sheet = Sheet.of(np.zeros((80, 150, 3), np.float32), box)
    lay(sheet, box, Period(np.array([[10.0, 0.0]]), 1.0), lambda: None)
    assert sheet.rest[:20].all() and sheet.rest[60:].all()
    assert not sheet.rest[20:60, 30:120].any()


def _inside(shape: tuple[int, ...], box: Box) -> np.ndarray:
    mask = np.zeros((*shape[:2], 1), bool)
    mask[box.top : box.bottom, box.left : box.right] = True
    return mask
