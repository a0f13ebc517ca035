from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from service.contract.geometry import Margins, plan_margins
from tests.support.pictures import make_box_mask
from worker.imaging import MaskArray
from worker.imaging.feathering import weigh_inward, weigh_outward

MASKS = (
    hnp.arrays(np.uint8, st.tuples(st.integers(2, 20), st.integers(2, 20)))
    .map(lambda values: (values > 60).astype(np.uint8) * 255)
    .filter(lambda mask: mask.any() and not mask.all())
)


@given(mask=MASKS, feather=st.integers(1, 30))
def test_weigh_inward_goes_by_the_exact_distance(mask: MaskArray, feather: int) -> None:
    kept = np.argwhere(mask == 0)
    points = np.argwhere(np.ones_like(mask))
    distance = np.sqrt(((points[:, None] - kept[None]) ** 2).sum(-1)).min(1).reshape(mask.shape)
    expected = np.where(mask > 0, ((distance - 0.5) / feather).clip(0, 1) * 255, 0)
    assert np.abs(weigh_inward(mask, feather) - expected).max() <= 0.51


def test_weigh_inward_does_not_fade_at_the_border() -> None:
    weight = weigh_inward(make_box_mask(40, 30, (0, 0, 20, 30)), 8)
    assert (weight[:, 0] == 255).all()
    assert weight[15, 19] < weight[15, 18] < 60
    assert not weight[:, 20:].any()


def test_weigh_inward_gives_a_narrow_hole_what_its_depth_gives() -> None:
    weight = weigh_inward(make_box_mask(60, 40, (20, 0, 30, 40)), 10)
    assert weight.max() == round(4.5 / 10 * 255)


def test_weigh_outward_rises_over_the_band_of_extended_sides_alone() -> None:
    geometry = plan_margins(40, 30, Margins(left=10, top=0, right=0, bottom=6))
    weight = weigh_outward(geometry, 4)
    assert weight.shape == (36, 50)
    assert (weight[:, :10] == 255).all()
    assert (weight[30:] == 255).all()
    assert weight[0, 10:15].tolist() == [223, 159, 96, 32, 0]
    assert weight[29:24:-1, 49].tolist() == [223, 159, 96, 32, 0]
    assert weight[29, 10] == 223
    assert not weight[:26, 14:].any()


@pytest.mark.parametrize("overlap", [1, 17])
def test_weigh_outward_is_all_beyond_the_original(overlap: int) -> None:
    geometry = plan_margins(40, 30, Margins(left=3, top=2, right=1, bottom=4))
    weight = weigh_outward(geometry, overlap)
    box = geometry.original
    inside = weight[box.top : box.bottom, box.left : box.right]
    assert (inside < 255).all()
    assert weight.sum() - inside.sum(dtype=np.int64) == 255 * (weight.size - inside.size)
