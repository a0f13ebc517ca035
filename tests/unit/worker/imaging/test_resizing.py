from __future__ import annotations

import numpy as np
import pytest

from tests.support.pictures import encode, make_image
from worker.imaging.decoding import decode_picture
from worker.imaging.picture import DeepPixels, Picture
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


@pytest.mark.parametrize("has_alpha", [False, True])
def test_resize_keeps_16_bits_a_channel(has_alpha: bool) -> None:
    ramp = np.linspace(0, 65_535, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint16)
    alpha = np.full((64, 64), 40_000, np.uint16) if has_alpha else None
    picture = Picture(
        (ramp >> 8).astype(np.uint8),
        None if alpha is None else (alpha >> 8).astype(np.uint8),
        deep=DeepPixels(ramp, alpha),
    )
    resized = resize_picture(picture, (32, 32))
    assert resized.depth == 16
    assert resized.deep is not None
    expected = ramp.astype(float).reshape(32, 2, 32, 2, 3).mean((1, 3))
    difference = np.abs(resized.deep.color - expected)[4:-4, 4:-4]
    assert difference.max() < 32
    assert len(np.unique(resized.deep.color)) > 1000
    if has_alpha:
        assert resized.deep.alpha is not None
        assert np.abs(resized.deep.alpha.astype(int) - 40_000).max() <= 1
