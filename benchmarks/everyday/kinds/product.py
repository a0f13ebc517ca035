"""Products on a ground, with the soft shadow that they throw."""

from __future__ import annotations

import numpy as np

from benchmarks.everyday.checks import SHADOW
from benchmarks.everyday.drawing import (
    Color,
    Floats,
    Rng,
    box_mask,
    disk,
    flat,
    paint_over,
    pick_color,
    ramp,
    rounded,
    rounded_box,
)
from benchmarks.everyday.sample import Case, Sample, extend, fill
from worker.imaging import ImageArray

SIDE = 360
WHITE: Color = (255, 255, 255)


def _darken(picture: ImageArray, center: tuple[float, float], wide: float, high: float) -> None:
    """Throw a soft shadow on a picture, in place; it ends within 1.5 times its size."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    away = np.hypot((columns - center[0]) / wide, (rows - center[1]) / high)
    share: Floats = 0.45 * (1 - (away / 1.5).clip(0, 1) ** 2) ** 2
    picture[:] = rounded(picture * (1 - share[..., None]))


def _bottle(picture: ImageArray, rng: Rng, x: float, foot: float, *, shadow: bool = True) -> None:
    """Draw a bottle with a label, standing at a point, in place."""
    height, width = picture.shape[:2]
    if shadow:
        _darken(picture, (x + 10, foot - 4), 62, 15)
    color = pick_color(rng)
    paint_over(picture, rounded_box(height, width, (x - 32, foot - 120, x + 32, foot), 14), color)
    paint_over(
        picture, rounded_box(height, width, (x - 12, foot - 160, x + 12, foot - 112), 5), color
    )
    paint_over(
        picture, rounded_box(height, width, (x - 26, foot - 85, x + 26, foot - 35), 3), WHITE
    )
    paint_over(picture, disk(height, width, (x, foot - 60), 15), pick_color(rng))


def _square(rng: Rng) -> Sample:
    """A bottle on white, made square."""
    truth = flat(SIDE, SIDE, WHITE)
    _bottle(truth, rng, 180 + rng.uniform(-20, 20), 268)
    return extend(truth, (70, 0, 70, 0), SHADOW)


def _square_jpeg(rng: Rng) -> Sample:
    """The same as a JPEG."""
    truth = flat(SIDE, SIDE, (244, 243, 240))
    _bottle(truth, rng, 180 + rng.uniform(-20, 20), 268)
    return extend(truth, (70, 0, 70, 0), SHADOW, jpeg=True)


def _cut_shadow(rng: Rng) -> Sample:
    """The shadow reaches the side that is extended, and fades out beyond it."""
    truth = flat(SIDE, SIDE, (236, 232, 226))
    _bottle(truth, rng, 180, 268)
    return extend(truth, (110, 0, 96, 0), SHADOW)


def _lengthened(rng: Rng) -> Sample:
    """Two products on white, extended upward and downward."""
    truth = flat(SIDE, SIDE, WHITE)
    _bottle(truth, rng, 110, 258)
    _bottle(truth, rng, 245 + rng.uniform(-10, 10), 258)
    return extend(truth, (0, 60, 0, 60), SHADOW)


def _on_table(rng: Rng) -> Sample:
    """A product on a ground that grows darker downward, extended on all sides."""
    truth = rounded(ramp(SIDE, SIDE, (250, 250, 250), (212, 210, 206), 90))
    _bottle(truth, rng, 180 + rng.uniform(-15, 15), 262)
    return extend(truth, (50, 40, 50, 40), SHADOW)


def _removed(rng: Rng) -> Sample:
    """One of two products is taken away with its shadow."""
    truth = flat(SIDE, SIDE, (240, 240, 238))
    _bottle(truth, rng, 95, 258)
    covered = truth.copy()
    _bottle(covered, rng, 260, 258)
    mask = box_mask(SIDE, SIDE, (200, 86, 333, 266)) | box_mask(SIDE, SIDE, (172, 226, 360, 286))
    mask[:, 352:] = 0
    covered[mask == 0] = truth[mask == 0]
    return fill(truth, mask, SHADOW, covered=covered)


CASES = (
    Case("product", "bottle square", _square),
    Case("product", "bottle square JPEG", _square_jpeg),
    Case("product", "bottle, shadow cut", _cut_shadow),
    Case("product", "two bottles, up and down", _lengthened),
    Case("product", "bottle on a graded table", _on_table),
    Case("product", "bottle removed", _removed),
)
