from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.contract.geometry import Box
from service.contract.regions import Region
from service.pictures.region_drawing import draw_regions
from worker.imaging.runs import compress_mask


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(0, 2**32 - 1),
    st.sampled_from((0.3, 0.9, 1)),
)
def test_compressed_runs_of_a_part_draw_it_again(
    width: int, height: int, seed: int, share: float
) -> None:
    rng = np.random.default_rng(seed)
    left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
    right, bottom = int(rng.integers(left, width)) + 1, int(rng.integers(top, height)) + 1
    part = (rng.random((bottom - top, right - left)) < share).astype(np.uint8) * 255
    part[0, 0] = 255
    whole = np.zeros((height, width), np.uint8)
    whole[top:bottom, left:right] = part
    box = Box(left=left, top=top, right=right, bottom=bottom)
    rle = compress_mask(part, box, (width, height))
    assert rle is not None
    drawn = np.asarray(draw_regions([Region(rle=rle)], (width, height)))
    assert np.array_equal(drawn, whole)


def test_compress_mask_returns_nothing_when_there_are_too_many_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.imaging.runs.MAX_NUMBERS", 3)
    part = np.array([[255, 0, 255]], np.uint8)
    assert compress_mask(part, Box(left=0, top=0, right=3, bottom=1), (3, 1)) is None
