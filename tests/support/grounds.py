"""Seeded pictures of figures on a ground, each with what is right past its border."""

from __future__ import annotations

from io import BytesIO
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.contract.geometry import Margins, plan_margins
from service.contract.params import OutpaintParams
from worker.engines.base import Canvas, Engine, Painted
from worker.engines.mirror import MirrorEngine
from worker.engines.pattern import PatternEngine
from worker.imaging import ImageArray
from worker.imaging.compositing import place_on_canvas
from worker.imaging.picture import Picture

Scalar = TypeVar("Scalar", bound=np.generic)

ENGINES: dict[str, type[Engine]] = {"pattern": PatternEngine, "mirror": MirrorEngine}


def pad_sides(left: int = 0, top: int = 0, right: int = 0, bottom: int = 0) -> Margins:
    """Return margins, 0 where nothing is said."""
    return Margins(left=left, top=top, right=right, bottom=bottom)


def make_flat(random: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Return a ground of one color, float64 (H, W, 3)."""
    return np.broadcast_to(random.uniform(0, 255, 3).round(), (height, width, 3)).copy()


def make_graded(random: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Return a ground graded both ways, float64 (H, W, 3), far from black and white."""
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    across, down = random.uniform(-50, 50, (2, 3))
    bend = random.uniform(-12, 12, 3)
    color = random.uniform(100, 150, 3)
    graded = color + (x - 0.5)[..., None] * across + (y - 0.5)[..., None] * down
    return np.asarray(graded + np.square(x - 0.5)[..., None] * bend)


def add_noise(random: np.random.Generator, values: NDArray[np.float64], sigma: float) -> ImageArray:
    """Return a ground with noise as uint8."""
    noisy = values + random.normal(0, max(sigma, 1e-9), values.shape)
    return np.rint(noisy).clip(0, 255).astype(np.uint8)


def draw_figures(random: np.random.Generator, image: ImageArray, count: int = 1) -> ImageArray:
    """Return the picture with disks and boxes inside of it that meet no side."""
    height, width = image.shape[:2]
    drawn = image.copy()
    for _ in range(count):
        size = int(random.integers(min(height, width) // 12, min(height, width) // 4))
        x = int(random.integers(size + 14, width - size - 14))
        y = int(random.integers(size + 14, height - size - 14))
        color = [int(value) for value in unlike(random, image[y, x])]
        if random.random() < 0.5:
            cv2.circle(drawn, (x, y), size, color, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(drawn, (x - size, y - size), (x + size, y + size), color, -1)
    return drawn


def unlike(random: np.random.Generator, color: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a color that is far from the given one."""
    other = (color.astype(int) + random.integers(90, 166, len(color))) % 256
    return other.astype(np.uint8)


def as_jpeg(image: ImageArray, quality: int) -> ImageArray:
    """Return the picture as it comes back from a JPEG."""
    file = BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def cut_out(values: NDArray[Scalar], margins: Margins) -> NDArray[Scalar]:
    """Return the part inside of the margins."""
    height, width = values.shape[:2]
    return values[margins.top : height - margins.bottom, margins.left : width - margins.right]


def extend(
    image: ImageArray, margins: Margins, method: str = "pattern", seed: int = 0, **params: object
) -> Painted:
    """Return the picture extended by an engine, at the least quality."""
    geometry = plan_margins(image.shape[1], image.shape[0], margins)
    canvas, mask = place_on_canvas(Picture(image.copy()), geometry)
    asked = OutpaintParams.model_validate({"quality": "fast", "ground": "auto", **params})
    job = Canvas(canvas.color, mask, asked, seed, geometry)
    [painted] = ENGINES[method]().paint([job], lambda _step, _steps: None)
    return painted


def new_part(values: NDArray[np.generic], margins: Margins) -> NDArray[np.bool_]:
    """Return where a canvas is new, bool (H, W)."""
    new = np.ones(values.shape[:2], np.bool_)
    cut_out(new, margins)[...] = False
    return new


def low_error(painted: ImageArray, truth: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Return the error after a blur, the largest channel of each pixel."""
    error = painted.astype(np.float64) - truth
    return np.asarray(np.abs(cv2.GaussianBlur(error, (0, 0), sigma)).max(axis=2), np.float64)
