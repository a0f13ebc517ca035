from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.contract.geometry import Box
from worker.imaging.geometry import fit_size, widen_box


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
