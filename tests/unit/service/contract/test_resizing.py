from __future__ import annotations

import pytest

from service.contract.params import InpaintParams
from service.contract.resizing import find_resized


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((None, None), None),
        ((96, 64), None),
        ((192, None), (192, 128)),
        ((None, 32), (48, 32)),
        ((1024, 1024), (1024, 683)),
        ((1024, 64), None),
        ((1, None), (1, 1)),
        ((None, 1), (2, 1)),
    ],
)
def test_find_resized_keeps_the_shape(
    asked: tuple[int | None, int | None], expected: tuple[int, int] | None
) -> None:
    params = InpaintParams(output_width=asked[0], output_height=asked[1])
    assert find_resized(params, (96, 64)) == expected


def test_find_resized_fills_both_sides_of_a_canvas_that_was_rounded() -> None:
    params = InpaintParams(output_width=1920, output_height=1080)
    assert find_resized(params, (1067, 600)) == (1920, 1080)
