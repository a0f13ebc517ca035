from __future__ import annotations

import numpy as np

from tests.support.pictures import make_rgb
from worker.engines.diffusion.framing import Frame
from worker.engines.diffusion.outputs import find_picture

FRAME = Frame(make_rgb("texture", 8, 6), np.full((6, 8), 255, np.uint8))
BLACK = Frame(np.zeros((6, 8, 3), np.uint8), FRAME.mask)


def test_find_picture_rounds_and_clips() -> None:
    found = find_picture(np.array([[[0.5, -3.0, 2.0]]], np.float32), FRAME)
    assert found is not None and found.dtype == np.uint8 and found.tolist() == [[[128, 0, 255]]]


def test_find_picture_refuses_what_is_none() -> None:
    nothing = np.zeros((6, 8, 3), np.float32)
    broken = nothing.copy()
    broken[2, 3, 1] = np.inf
    assert find_picture(broken, BLACK) is None
    assert find_picture(nothing, FRAME) is None
    assert find_picture(nothing, BLACK) is not None
