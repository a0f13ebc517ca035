from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract.errors import InvalidField
from service.contract.geometry import Box, Margins, plan_margins
from worker.imaging.geometry import fit_size, shrink_original, widen_box


def test_widen_box_stops_at_the_border() -> None:
    box = widen_box(Box(left=3, top=20, right=30, bottom=48), 10, 100, 50)
    assert box.as_list() == [0, 10, 40, 50]


@given(width=st.integers(64, 8000), height=st.integers(64, 8000), multiple=st.sampled_from([8, 16]))
def test_fit_size_keeps_area_and_aspect_to_within_a_snap(
    width: int, height: int, multiple: int
) -> None:
    area = 512 * 512
    fitted_width, fitted_height = fit_size(width, height, area, multiple)
    assert fitted_width % multiple == fitted_height % multiple == 0
    assert min(fitted_width, fitted_height) >= multiple
    exact = (area * width / height) ** 0.5, (area * height / width) ** 0.5
    assert abs(fitted_width - exact[0]) <= multiple
    assert abs(fitted_height - exact[1]) <= multiple


def test_shrink_original_takes_a_band_from_extended_sides_alone() -> None:
    geometry = plan_margins(60, 50, Margins(left=5, top=0, right=0, bottom=9))
    shrunk = shrink_original(geometry, 7)
    assert shrunk.original.as_list() == [12, 0, 65, 43]
    assert shrunk.margins == Margins(left=12, top=0, right=0, bottom=16)
    assert (shrunk.width, shrunk.height) == (geometry.width, geometry.height)
    assert shrink_original(geometry, 0) == geometry


@pytest.mark.parametrize(("overlap", "fits"), [(29, True), (30, False), (200, False)])
def test_shrink_original_leaves_something(overlap: int, fits: bool) -> None:
    geometry = plan_margins(60, 64, Margins(left=5, top=0, right=5, bottom=0))
    if fits:
        assert shrink_original(geometry, overlap).original.width == 2
        return
    with pytest.raises(InvalidField, match="untouched"):
        shrink_original(geometry, overlap)
