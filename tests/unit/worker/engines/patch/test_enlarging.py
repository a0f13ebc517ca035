from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.contract.geometry import Box
from tests.support.grounds import ENGINES, extend, new_part, pad_sides
from worker.engines.patch.enlarging import Grid, choose_factor, enlarge
from worker.imaging import ImageArray


def _meadow(seed: int, height: int, width: int) -> ImageArray:
    """Return a texture of fine strokes over soft patches."""
    random = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(random.normal(0, 220, (height, width, 3)), (0, 0), 12)
    fine = cv2.GaussianBlur(random.normal(0, 60, (height, width, 3)), (0, 0), 1)
    return (120 + 8 * soft + 2 * fine).clip(0, 255).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    left=st.integers(0, 40),
    top=st.integers(0, 40),
    width=st.integers(20, 60),
    height=st.integers(20, 60),
    factor=st.sampled_from([2, 4]),
)
def test_cells_of_a_grid_are_aligned_with_the_original(
    left: int, top: int, width: int, height: int, factor: int
) -> None:
    own = Box(left=left, top=top, right=left + width, bottom=top + height)
    grid = Grid.of(left + width + 13, top + height + 7, own, factor)
    inner = grid.shrink_box(own)
    assert inner.left * factor == left + grid.left
    assert inner.top * factor == top + grid.top
    assert 0 <= width - inner.width * factor < factor
    canvas = np.zeros((top + height + 7, left + width + 13, 3), np.uint8)
    canvas[own.top : own.bottom, own.left : own.right] = 200
    small = grid.shrink(canvas)
    assert np.all(small[inner.top : inner.bottom, inner.left : inner.right] == 200)


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("left", [37, 40])
def test_copied_part_comes_back_with_its_detail(left: int, factor: int) -> None:
    own = Box(left=left, top=0, right=left + 160, bottom=120)
    canvas = np.zeros((120, left + 160, 3), np.uint8)
    canvas[:, left:] = _meadow(1, 120, 160)
    grid = Grid.of(canvas.shape[1], 120, own, factor)
    inner = grid.shrink_box(own)
    # The margin is a copy of what lies ten cells to the right of it.
    shift = inner.left + 4
    rows, columns = np.indices((grid.height, grid.width))
    origins = np.dstack((rows, columns + shift)).astype(np.int16)
    small = grid.shrink(canvas)
    small[:, : inner.left] = small[:, shift : shift + inner.left]
    wanted = np.zeros(canvas.shape[:2], np.uint8)
    wanted[:, :left] = 255
    result = enlarge(canvas, wanted, own, small, origins, grid)
    expected = canvas[:, shift * factor : shift * factor + left]
    inside = np.s_[8:-8, 8 : left - 8]
    assert np.abs(result[:, :left].astype(int) - expected)[inside].max() <= 3
    assert np.array_equal(result[:, left:], canvas[:, left:])


def test_factor_grows_with_what_is_to_be_painted() -> None:
    sizes = [(600, 400, 60), (1600, 1203, 270), (2560, 1600, 640)]
    factors = []
    for width, height, margin in sizes:
        own = Box(left=margin, top=0, right=margin + width, bottom=height)
        factors.append(choose_factor(own, width + 2 * margin, height, 2 * margin * height))
    assert factors == [1, 2, 4]


@pytest.mark.parametrize("method", ENGINES)
def test_large_extension_is_as_sharp_as_the_picture(method: str) -> None:
    image = _meadow(4, 420, 640)
    margins = pad_sides(left=401, right=403, top=101)
    painted = extend(image, margins, method, seed=3, ground="ignore").image
    inside = painted[101:, 401:-403]
    assert np.array_equal(inside, image)
    gray = cv2.cvtColor(painted, cv2.COLOR_RGB2GRAY)
    detail = np.abs(cv2.Laplacian(gray, cv2.CV_32F))
    new = new_part(painted, margins)
    assert 0.6 < detail[new].mean() / detail[~new].mean() < 1.3


@pytest.mark.parametrize("method", ENGINES)
def test_large_extension_is_the_same_for_the_same_seed(method: str) -> None:
    image = _meadow(5, 410, 610)
    first, again = (
        extend(image, pad_sides(left=350, right=350), method, seed=8).image for _ in range(2)
    )
    assert np.array_equal(first, again)
