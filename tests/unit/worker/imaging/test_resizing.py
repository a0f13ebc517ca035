from __future__ import annotations

import numpy as np
import pytest

from tests.support.pictures import encode, make_image
from worker.imaging.decoding import decode_picture
from worker.imaging.picture import Picture
from worker.imaging.resizing import resize_picture


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(35, 25), (140, 100)])
def test_resize_keeps_the_mode(mode: str, size: tuple[int, int]) -> None:
    picture = decode_picture(encode(make_image(mode, 70, 50)), 10_000)
    resized = resize_picture(picture, size)
    assert (resized.mode, resized.width, resized.height) == (mode, *size)


def test_resize_lets_no_hidden_color_bleed() -> None:
    color = np.zeros((64, 64, 3), np.uint8)
    color[:, 32:] = (255, 0, 0)
    alpha = np.full((64, 64), 255, np.uint8)
    alpha[:, 32:] = 0
    resized = resize_picture(Picture(color, alpha), (24, 24))
    assert resized.alpha is not None
    assert resized.color[resized.alpha > 8].max() == 0
