"""The pictures that PNG encoders are measured with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image

from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

PHOTO = Path(__file__).parents[1] / "demo" / "pictures" / "coffee.jpg"


def load_photo(side: int) -> ImageArray:
    """Return a photo of the demo."""
    with Image.open(PHOTO) as photo:
        picture = photo.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    return to_uint8(picture)


def make_photo(side: int) -> ImageArray:
    """Return a picture of a photo's statistics: detail at every scale, amplitude falling as 1/f."""
    rng = np.random.default_rng(0)
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None, :]
    falloff = 1 / np.maximum(np.hypot(rows, columns), 1 / side) ** 1.2
    planes = []
    shared = rng.standard_normal((side, side))
    for _ in range(3):
        # Channels of a photo resemble each other.
        noise = 0.9 * shared + 0.3 * rng.standard_normal((side, side))
        plane = np.fft.ifft2(np.fft.fft2(noise) * falloff).real
        planes.append(128 + 50 * (plane - plane.mean()) / plane.std())
    sensor = rng.standard_normal((side, side, 3)) * 1.5
    return to_uint8((np.dstack(planes) + sensor).clip(0, 255).astype(np.uint8))


def make_graphics(side: int) -> ImageArray:
    """Return flat areas with hard edges, and lines of text."""
    rng = np.random.default_rng(0)
    picture = np.full((side, side, 3), 250, np.uint8)
    for _ in range(40):
        x, y, extent = (int(value) for value in rng.integers(0, side, 3))
        color = [int(value) for value in rng.integers(0, 256, 3)]
        cv2.rectangle(picture, (x, y), (x + extent // 5, y + extent // 5), color, -1)
    for line in range(20, side, 40):
        text = "the quick brown fox jumps over the lazy dog"
        cv2.putText(picture, text, (10, line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (20, 20, 20), 1)
    return picture


def make_noise(side: int) -> ImageArray:
    """Return what no encoder can make smaller."""
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


def make_transparent(side: int) -> ImageArray:
    """Return a photo-like RGBA picture with a soft disc of alpha."""
    rows, columns = np.mgrid[0:side, 0:side]
    distance = np.hypot(rows - side / 2, columns - side / 2)
    alpha = ((side * 0.45 - distance) * 8).clip(0, 255).astype(np.uint8)
    return np.dstack((make_photo(side), alpha))


def make_gray_transparent(side: int) -> ImageArray:
    """Return the same in gray with alpha."""
    rgba = make_transparent(side)
    return np.ascontiguousarray(rgba[..., [1, 3]])


def make_gray(side: int) -> ImageArray:
    """Return the demo's photo in gray."""
    return to_uint8(cv2.cvtColor(load_photo(side), cv2.COLOR_RGB2GRAY))[..., None]


def make_mask(side: int) -> ImageArray:
    """Return a mask: a disc and a stroke."""
    mask = np.zeros((side, side), np.uint8)
    cv2.circle(mask, (side // 3, side // 3), side // 8, 255, -1)
    cv2.line(mask, (side // 2, side // 2), (side - 20, side - 60), 255, side // 60)
    return mask[..., None]


MAKERS: Final[Mapping[str, Callable[[int], ImageArray]]] = {
    "photo": load_photo,
    "photo-like": make_photo,
    "flat graphics": make_graphics,
    "noise": make_noise,
    "photo-like with alpha": make_transparent,
    "gray photo": make_gray,
    "gray with alpha": make_gray_transparent,
    "mask": make_mask,
}
"""By name; each takes the side in pixels and returns uint8 (side, side, 1..4)."""
