from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract.geometry import Box, Margins, plan_margins
from service.contract.params import InpaintParams, OutpaintParams
from tests.support.pictures import make_box_mask
from worker.engines.base import Canvas
from worker.engines.diffusion.passes import grow_boxes, plan_passes
from worker.imaging.compositing import mask_around
from worker.imaging.geometry import shrink_original


def sides_of(width: int, *margins: int) -> list[list[int]]:
    left, right = margins
    geometry = plan_margins(width, 100, Margins(left=left, top=0, right=right, bottom=0))
    return [[box.left, box.right] for box in grow_boxes(geometry)]


def test_grow_boxes_takes_one_pass_for_half_of_what_is_known() -> None:
    assert sides_of(100, 0, 50) == [[0, 150]]
    assert sides_of(100, 50, 50) == [[0, 200]]
    assert sides_of(1366, 0, 684) == [[0, 2050]]


def test_grow_boxes_goes_far_in_equal_factors() -> None:
    assert sides_of(100, 0, 100) == [[0, 141], [0, 200]]
    assert sides_of(100, 150, 150) == [[100, 300], [0, 400]]
    reached = [last for _, last in sides_of(100, 0, 5000)]
    assert len(reached) == 10 and reached[-1] == 5100
    assert all(1.4 < now / before < 1.5 for before, now in pairwise(reached))


@given(st.integers(1, 300), st.integers(1, 300), *[st.integers(0, 900)] * 4)
def test_grow_boxes_holds_what_was_known_and_ends_with_the_canvas(
    width: int, height: int, left: int, top: int, right: int, bottom: int
) -> None:
    margins = Margins(left=left, top=top, right=right, bottom=bottom)
    geometry = plan_margins(width, height, margins)
    before = geometry.original
    for box in grow_boxes(geometry):
        assert box.left <= before.left and box.right >= before.right
        assert box.top <= before.top and box.bottom >= before.bottom
        # A rounded pixel more is allowed, and what one pixel makes of a picture of a few.
        slack = 2 + before.width * 0.01
        assert max(before.left - box.left, box.right - before.right) <= before.width / 2 + slack
        before = box
    assert before.as_list() == [0, 0, geometry.width, geometry.height]


def test_plan_passes_paints_each_pixel_once_and_never_the_original() -> None:
    geometry = plan_margins(40, 30, Margins(left=100, top=3, right=0, bottom=70))
    mask = mask_around(geometry)
    canvas = Canvas(np.zeros((*mask.shape, 3), np.uint8), mask, OutpaintParams(), 7, geometry)
    passes = plan_passes(canvas)
    times = np.zeros(mask.shape, int)
    for one in passes:
        box = one.box
        times[box.top : box.bottom, box.left : box.right] += one.mask > 0
    assert len(passes) > 2
    assert np.array_equal(times, mask > 0)
    seeds = [one.seed for one in passes]
    assert seeds[0] == 7 and len(set(seeds)) == len(seeds)
    assert seeds == [one.seed for one in plan_passes(canvas)]


def test_plan_passes_takes_one_to_inpaint() -> None:
    mask = make_box_mask(50, 40, (3, 4, 20, 30))
    [only] = plan_passes(Canvas(np.zeros((40, 50, 3), np.uint8), mask, InpaintParams(), 2**32 - 1))
    assert np.array_equal(only.mask, mask)
    assert only.unseen is only.mask
    assert (only.seed, only.box) == (2**32 - 1, Box(left=0, top=0, right=50, bottom=40))


@pytest.mark.parametrize("far", [20, 300])
def test_pass_knows_a_band_of_overlap_as_picture(far: int) -> None:
    whole = plan_margins(60, 50, Margins(left=far, top=0, right=0, bottom=0))
    kept = shrink_original(whole, 8)
    mask = mask_around(kept)
    params = OutpaintParams(overlap=8)
    first, *others = plan_passes(
        Canvas(np.zeros((*mask.shape, 3), np.uint8), mask, params, 0, kept)
    )
    box = whole.original
    assert (first.mask == 0).sum() == 52 * 50
    assert (first.unseen == 0).sum() == 60 * 50
    assert not first.unseen[:, box.left - first.box.left :].any()
    assert all(np.array_equal(one.mask, one.unseen) for one in others)
