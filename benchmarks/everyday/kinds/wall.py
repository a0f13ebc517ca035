"""Walls and skies: smooth light with a little grain, and what lies before them."""

from __future__ import annotations

import numpy as np

from benchmarks.everyday.checks import GRAIN, PALE_LINE, SEAM, WALL, goes_on, not_repeated
from benchmarks.everyday.drawing import (
    Color,
    Floats,
    Rng,
    box_mask,
    curve,
    disk,
    grainy,
    levels,
    paint_over,
    ramp,
    round_mask,
)
from benchmarks.everyday.sample import Case, Sample, extend, fill
from worker.imaging import ImageArray

SIDE = 360
CABLE: Color = (35, 35, 40)
SUN: Color = (255, 244, 190)


def _wall(rng: Rng, first: float, last: float, mask: tuple[int, int, int, int]) -> Sample:
    """Return a wall lit from one side, with a hole of 120 px in it."""
    tint = rng.uniform(0.94, 1.0, 3)
    light = ramp(SIDE, SIDE, (first,) * 3, (last,) * 3, float(rng.choice([0, 90, 180])))
    truth = grainy(np.asarray(light * levels(tint), np.float32), rng, 2)
    return fill(truth, box_mask(SIDE, SIDE, mask), WALL, GRAIN)


def _middle(rng: Rng) -> Sample:
    """A wall of middle brightness."""
    return _wall(rng, 85, 180, (110, 120, 250, 250))


def _dim(rng: Rng) -> Sample:
    """A wall close to black."""
    return _wall(rng, 5, 70, (120, 110, 240, 240))


def _bright(rng: Rng) -> Sample:
    """A wall close to white."""
    return _wall(rng, 190, 252, (100, 110, 240, 230))


def _sky(rng: Rng, height: int, width: int) -> Floats:
    """Return a sky without its grain: darker above, lighter to one side."""
    down, across = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    slope = rng.uniform(-25, 25) * across
    planes = [60 + 70 * down + slope, 90 + 70 * down + slope, 130 + 90 * down + slope]
    return np.dstack([plane + np.zeros((height, width)) for plane in planes]).astype(np.float32)


def _sky_right(rng: Rng) -> Sample:
    """A sky, extended to the right by a quarter."""
    truth = grainy(_sky(rng, 260, 400), rng, 1.2)
    return extend(truth, (0, 0, 80, 0), SEAM, GRAIN)


def _sky_upward(rng: Rng) -> Sample:
    """A sky with a sun, extended upward: no second sun."""
    truth = grainy(_sky(rng, 320, 320), rng, 1.5)
    paint_over(truth, disk(320, 320, (160 + rng.uniform(-60, 60), 150), 22), SUN)
    return extend(truth, (0, 80, 0, 0), SEAM, GRAIN, not_repeated(SUN, 60))


def _sky_jpeg(rng: Rng) -> Sample:
    """A sky as a JPEG, extended on both sides."""
    truth = grainy(_sky(rng, 240, 420), rng, 1)
    return extend(truth, (60, 0, 60, 0), SEAM, jpeg=True)


def _cable(rng: Rng) -> Sample:
    """A cable before a sky, cut by a hole."""
    truth = grainy(_sky(rng, 280, 380), rng, 1.2)
    across = np.arange(-4, 386, 2.0)
    down = 130 + rng.uniform(-0.2, 0.2) * (across - 190) + ((across - 190) / 190) ** 2 * -30
    points = np.stack([across, down], 1)
    paint_over(truth, curve(280, 380, points, 5), CABLE)
    at = float(rng.uniform(130, 250))
    mask = round_mask(280, 380, (at, float(np.interp(at, across, down))), 34)
    thin = curve(280, 380, points, 2)
    marks = {"cable": np.where(thin > 127, np.uint8(255), np.uint8(0))}
    return fill(truth, mask, *goes_on("cable", CABLE, 60), marks=marks)


def _horizon(rng: Rng) -> Sample:
    """A sky over a dark hill with a straight edge, a hole across it."""
    truth = grainy(_sky(rng, 280, 380), rng, 1.2)
    edge = 170 + rng.uniform(-0.15, 0.15) * (np.arange(380) - 190)
    hill = np.arange(280)[:, None] > edge
    ground: ImageArray = grainy(np.full((280, 380, 3), (52, 60, 40), np.float32), rng, 6)
    truth[hill] = ground[hill]
    left = int(rng.integers(130, 200))
    mask = box_mask(280, 380, (left, 125, left + 70, 215))
    marks = {"hill": np.where(hill, np.uint8(255), np.uint8(0))}
    return fill(truth, mask, *goes_on("hill", (52, 60, 40), 60), marks=marks)


def _pale_column(rng: Rng) -> Sample:
    """A wall whose outermost column is pale, as scanners leave it, extended beyond it."""
    ground = np.full((240, 300, 3), (112, 110, 106), np.float32)
    truth = grainy(ground, rng, 9, gray=True)
    known = truth.copy()
    known[:, 60] = 245
    return extend(truth, (60, 0, 0, 0), PALE_LINE, GRAIN, known=known)


CASES = (
    Case("wall", "wall", _middle),
    Case("wall", "wall near black", _dim),
    Case("wall", "wall near white", _bright),
    Case("wall", "sky to the right", _sky_right),
    Case("wall", "sky with a sun, upward", _sky_upward),
    Case("wall", "sky wide JPEG", _sky_jpeg),
    Case("wall", "cable before a sky", _cable),
    Case("wall", "hill before a sky", _horizon),
    Case("wall", "pale column", _pale_column),
)
