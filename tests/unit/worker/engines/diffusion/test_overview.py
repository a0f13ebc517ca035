from __future__ import annotations

import numpy as np
import pytest

from service.contract.geometry import Box
from worker.engines.diffusion.overview import Overview


def box(left: int, top: int, right: int, bottom: int) -> Box:
    return Box(left=left, top=top, right=right, bottom=bottom)


def test_overview_lays_crops_where_they_lie() -> None:
    overview = Overview(np.zeros((500, 1000, 3), np.uint8))
    hole = np.zeros((200, 200), np.uint8)
    hole[50:150, 50:150] = 255
    overview.lay(box(600, 100, 800, 300), hole, np.full((64, 64, 3), 200, np.uint8))
    overview.lay(box(0, 0, 200, 200), hole, np.full((64, 64, 3), 100, np.uint8))
    shown = overview.picture()
    assert shown.shape == (128, 256, 3)
    assert cv_box(shown == 200) == pytest.approx([650, 150, 750, 250], abs=8)
    assert cv_box(shown == 100) == pytest.approx([50, 50, 150, 150], abs=8)
    shown[:] = 9
    assert overview.picture().max() == 200


def cv_box(found: np.ndarray) -> list[float]:
    """Where it is true, in pixels of the canvas."""
    rows, columns = np.nonzero(found.any(axis=2))
    scale = 1000 / 256
    return [
        columns.min() * scale,
        rows.min() * scale,
        (columns.max() + 1) * scale,
        (rows.max() + 1) * scale,
    ]


@pytest.mark.parametrize("size", [(1, 1), (5000, 3), (256, 256), (30, 20)])
def test_overview_knows_canvases_of_any_size(size: tuple[int, int]) -> None:
    width, height = size
    overview = Overview(np.zeros((height, width, 3), np.uint8))
    for left in (0, width - 1):
        crop = box(left, height - 1, left + 1, height)
        overview.lay(crop, np.full((1, 1), 255, np.uint8), np.full((8, 8, 3), 7, np.uint8))
    shown = overview.picture()
    assert max(shown.shape[:2]) <= 256
    assert shown.shape[0] == max(round(height * min(1, 256 / width)), 1)
    assert (shown[-1, [0, -1]] == 7).all()
