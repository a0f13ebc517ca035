from __future__ import annotations

import numpy as np
import pytest

from service.pictures.headers import Resolution
from tests.support.pictures import make_alpha, make_rgb
from worker.imaging.picture import Picture, to_uint8

RESOLUTION = Resolution(300, 200, "inch")


def test_with_pixels_keeps_what_belongs_to_the_picture() -> None:
    space = ((b"sRGB", b"\0"),)
    picture = Picture(make_rgb("texture", 9, 7), None, b"profile", RESOLUTION, b"exif", space)
    color, alpha = make_rgb("gradient", 5, 4), make_alpha(5, 4)
    other = picture.with_pixels(color, alpha)
    assert other.color is color
    assert other.alpha is alpha
    assert (other.width, other.height, other.mode) == (5, 4, "RGBA")
    assert (other.icc_profile, other.resolution, other.exif) == (b"profile", RESOLUTION, b"exif")
    assert other.color_space == space
    assert not color.flags.writeable
    assert not alpha.flags.writeable


@pytest.mark.parametrize(
    ("mode", "shape", "has_alpha"),
    [
        ("L", (4, 5), False),
        ("LA", (4, 5), True),
        ("RGB", (4, 5, 3), False),
        ("RGBA", (4, 5, 3), True),
    ],
)
def test_mode_follows_from_the_arrays(mode: str, shape: tuple[int, ...], has_alpha: bool) -> None:
    color = np.zeros(shape, np.uint8)
    picture = Picture(color, np.zeros((4, 5), np.uint8) if has_alpha else None)
    assert picture.mode == mode
    assert picture.rgb().shape == (4, 5, 3)
    assert picture.channels().shape == ((4, 5) if mode == "L" else (4, 5, len(mode)))


def test_to_uint8_refuses_another_type() -> None:
    with pytest.raises(TypeError, match="float64"):
        to_uint8(np.zeros(3))
