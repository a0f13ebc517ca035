"""Grounds that grow lighter or darker: studios, renderings, blurred backdrops."""

from __future__ import annotations

import numpy as np

from benchmarks.everyday.checks import STUDIO, goes_on, not_repeated
from benchmarks.everyday.drawing import (
    Color,
    Rng,
    box_mask,
    curve,
    disk,
    glow,
    grainy,
    levels,
    paint_over,
    pick_color,
    ramp,
    round_mask,
    rounded,
    rounded_box,
    soft_noise,
)
from benchmarks.everyday.sample import Case, Sample, extend, fill
from worker.imaging import ImageArray

HEIGHT, WIDTH = 300, 440
GREEN: Color = (50, 150, 45)


def _studio(rng: Rng) -> ImageArray:
    center = (WIDTH / 2 + rng.uniform(-30, 30), HEIGHT / 2)
    inner, outer = int(rng.integers(190, 240)), int(rng.integers(110, 150))
    lit = glow(HEIGHT, WIDTH, (inner, inner, inner), (outer, outer, outer + 8), center, 260)
    return grainy(lit, rng, 0.5)


def _studio_wide(rng: Rng) -> Sample:
    """A product in a studio's light, made wide."""
    truth, color = _studio(rng), pick_color(rng)
    paint_over(truth, rounded_box(HEIGHT, WIDTH, (170, 90, 270, 230), 16), color)
    return extend(truth, (70, 0, 70, 0), STUDIO)


def _studio_jpeg(rng: Rng) -> Sample:
    """The same as a JPEG, made high."""
    truth, color = _studio(rng), pick_color(rng)
    paint_over(truth, disk(HEIGHT, WIDTH, (220, 150), 60), color)
    return extend(truth, (0, 45, 0, 45), STUDIO, jpeg=True)


def _straight(rng: Rng) -> Sample:
    """A gradient at a slant under a disk, extended to one side."""
    first, last = (235, 225, 210), (150, 170, 205)
    truth = rounded(ramp(HEIGHT, WIDTH, first, last, rng.uniform(20, 160)))
    color = pick_color(rng)
    paint_over(truth, disk(HEIGHT, WIDTH, (160, 150), rng.uniform(50, 70)), color)
    return extend(truth, (0, 0, 110, 0), STUDIO)


def _removed(rng: Rng) -> Sample:
    """A figure is taken off a studio's ground."""
    truth = _studio(rng)
    paint_over(truth, disk(HEIGHT, WIDTH, (110, 150), 45), pick_color(rng))
    covered = truth.copy()
    paint_over(covered, rounded_box(HEIGHT, WIDTH, (250, 90, 350, 220), 12), pick_color(rng))
    return fill(truth, box_mask(HEIGHT, WIDTH, (240, 80, 360, 230)), STUDIO, covered=covered)


def _dark(rng: Rng) -> Sample:
    """A gradient close to black with a bright figure, extended on all sides."""
    truth = rounded(ramp(HEIGHT, WIDTH, (4, 6, 14), (46, 40, 66), rng.uniform(0, 180)))
    color: Color = (250, 210, 60)
    paint_over(truth, disk(HEIGHT, WIDTH, (220, 150), rng.uniform(40, 60)), color)
    return extend(truth, (50, 40, 50, 40), STUDIO, not_repeated(color))


def _stem(rng: Rng) -> Sample:
    """A curved stem before a blurred ground, cut by a round hole three times as wide."""
    side = 360
    ground = soft_noise(rng, side, side, 16, 14) + levels((150, 110, 120))
    truth = grainy(ground, rng, 2)
    across = np.arange(-10, side + 10, 2.0)
    down = side / 2 + rng.uniform(25, 55) * np.sin(across / rng.uniform(80, 110))
    thickness = int(rng.integers(18, 26))
    points = np.stack([across, down], 1)
    paint_over(truth, curve(side, side, points, thickness), GREEN)
    band = curve(side, side, points, thickness - 4)
    at = float(rng.uniform(140, 220))
    mask = round_mask(side, side, (at, float(np.interp(at, across, down))), 52)
    marks = {"stem": np.where(band > 127, np.uint8(255), np.uint8(0))}
    return fill(truth, mask, *goes_on("stem", GREEN), marks=marks)


CASES = (
    Case("graded", "studio wide", _studio_wide),
    Case("graded", "studio high JPEG", _studio_jpeg),
    Case("graded", "gradient to the right", _straight),
    Case("graded", "studio figure removed", _removed),
    Case("graded", "dark gradient all sides", _dark),
    Case("graded", "stem before a blurred ground", _stem),
)
