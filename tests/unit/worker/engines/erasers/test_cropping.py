from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.contract.catalogue import ModelEntry
from worker.engines.erasers.cropping import EraserCropper, find_crops

LAMA = ModelEntry(name="l", family="lama", source="/l", native_pixels=1024 * 1024)
MI_GAN = ModelEntry(name="m", family="mi-gan", source="/m", native_pixels=512 * 512)

Hole = tuple[int, int, int, int]


def _crops(entry: ModelEntry, size: tuple[int, int], *holes: Hole) -> list[list[int]]:
    mask = np.zeros(size[::-1], np.uint8)
    for left, top, right, bottom in holes:
        mask[top:bottom, left:right] = 255
    side = 512 if entry is MI_GAN else None
    crops = find_crops(mask, EraserCropper(*size, entry, side=side), None)
    return [crop.box.as_list() for crop in crops]


@pytest.mark.parametrize("hole", [(1000, 900, 1200, 1100), (1000, 900, 1700, 1150)])
def test_a_crop_reaches_between_half_of_the_hole_and_all_of_it_beyond(hole: Hole) -> None:
    for entry in (LAMA, MI_GAN):
        [[left, top, right, bottom]] = _crops(entry, (3000, 2400), hole)
        width, height = hole[2] - hole[0], hole[3] - hole[1]
        assert min(hole[0] - left, right - hole[2]) >= width // 2
        assert min(hole[1] - top, bottom - hole[3]) >= height // 2
        if entry is LAMA:
            assert max(hole[0] - left, right - hole[2]) <= width + 8


def test_small_holes_apart_are_seen_at_the_pictures_resolution() -> None:
    holes = (100, 100, 160, 180), (600, 400, 700, 500)
    crops = _crops(MI_GAN, (900, 700), *holes)
    assert [(box[2] - box[0], box[3] - box[1]) for box in crops] == [(512, 512)] * 2
    # One crop shows both as well.
    assert len(_crops(MI_GAN, (900, 700), (100, 100, 160, 180), (300, 200, 350, 260))) == 1


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    holes=st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=12),
    is_fixed=st.booleans(),
)
def test_crops_lie_in_the_picture_and_cover_the_mask(
    size: tuple[int, int], holes: list[tuple[float, float, float, float]], is_fixed: bool
) -> None:
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    for x, y, across, down in holes:
        left, top = int(x * (width - 1)), int(y * (height - 1))
        mask[top : top + 1 + int(down * 80), left : left + 1 + int(across * 80)] = 255
    entry, side = (MI_GAN, 512) if is_fixed else (LAMA, None)
    crops = find_crops(mask, EraserCropper(width, height, entry, side=side), None)
    assert len(crops) <= 8
    covered = np.zeros_like(mask)
    for crop in crops:
        box, hole = crop.box, crop.hole
        assert 0 <= box.left <= hole.left < hole.right <= box.right <= width
        assert 0 <= box.top <= hole.top < hole.bottom <= box.bottom <= height
        covered[hole.top : hole.bottom, hole.left : hole.right] = 255
    assert not (mask & ~covered).any()
