from __future__ import annotations

import numpy as np
import pytest

from tests.support.pictures import make_box_mask
from worker.engines.patch.windows import find_windows


def test_windows_of_a_small_hole_are_small() -> None:
    (found,) = find_windows(make_box_mask(4000, 2000, (700, 900, 740, 940)))
    window = found.box
    assert window.width * window.height < 300**2
    assert window.left < 700
    assert window.right > 740


def test_windows_of_far_holes_are_apart_and_the_smallest_comes_first() -> None:
    mask = make_box_mask(4000, 2000, (100, 100, 140, 140))
    mask |= make_box_mask(4000, 2000, (3000, 1500, 3100, 1600))
    first, second = find_windows(mask)
    assert first.box.right < second.box.left


def test_windows_own_every_pixel_of_the_mask_once() -> None:
    mask = np.zeros((900, 1400), np.uint8)
    random = np.random.default_rng(3)
    for _ in range(12):
        top, left = random.integers(0, 800), random.integers(0, 1300)
        side = random.integers(1, 90)
        mask[top : top + side, left : left + side] = 255
    owners = np.zeros(mask.shape, int)
    for found in find_windows(mask):
        box = found.box
        owners[box.top : box.bottom, box.left : box.right] += found.own != 0
    assert np.array_equal(owners, mask != 0)


def test_windows_that_would_cover_the_picture_are_one() -> None:
    mask = np.zeros((200, 200), np.uint8)
    mask[::40, ::40] = 255
    (found,) = find_windows(mask)
    window = found.box
    assert (window.width, window.height) == (200, 200)


@pytest.mark.parametrize("box", [(0, 0, 30, 100), (70, 0, 100, 100), (0, 0, 100, 99)])
def test_windows_end_at_the_border(box: tuple[int, int, int, int]) -> None:
    for found in find_windows(make_box_mask(100, 100, box)):
        window = found.box
        assert min(window.left, window.top) >= 0
        assert max(window.right, window.bottom) <= 100
