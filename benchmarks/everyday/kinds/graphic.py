"""Drawings: few colors, sharp edges."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.everyday.checks import CURVED, DRAWING, PALETTE, PALETTE_JPEG, goes_on
from benchmarks.everyday.drawing import (
    Color,
    Rng,
    box_mask,
    curve,
    disk,
    flat,
    paint_over,
    pick_color,
    round_mask,
)
from benchmarks.everyday.sample import Case, Sample, extend, fill
from worker.imaging import ImageArray

HEIGHT, WIDTH = 260, 380
SKY: Color = (140, 205, 250)
MEADOW: Color = (110, 190, 90)
INK: Color = (10, 10, 10)


def _landscape(rng: Rng) -> tuple[ImageArray, int]:
    """Return a cartoon of a sky, a meadow and a tree, and the horizon's row."""
    picture = flat(HEIGHT, WIDTH, SKY)
    horizon = int(rng.integers(150, 190))
    picture[horizon:] = MEADOW
    paint_over(picture, disk(HEIGHT, WIDTH, (80, horizon - 70), 42), (60, 140, 60))
    return picture, horizon


def _horizon(rng: Rng) -> Sample:
    """A figure over a horizon is taken away."""
    truth, horizon = _landscape(rng)
    left = int(rng.integers(180, 250))
    covered = truth.copy()
    covered[horizon - 40 : horizon + 40, left + 8 : left + 52] = (200, 0, 0)
    mask = box_mask(HEIGHT, WIDTH, (left, horizon - 48, left + 60, horizon + 48))
    return fill(truth, mask, DRAWING, PALETTE, covered=covered)


def _inked(rng: Rng) -> Sample:
    """The same with a line drawn along the horizon, which has to stay black and sharp."""
    truth, horizon = _landscape(rng)
    cv2.line(truth, (0, horizon), (WIDTH, horizon), INK, 3)
    band = np.zeros((HEIGHT, WIDTH), np.uint8)
    band[horizon - 1 : horizon + 2] = 255
    left = int(rng.integers(180, 250))
    mask = box_mask(HEIGHT, WIDTH, (left, horizon - 50, left + 64, horizon + 46))
    checks = (DRAWING, PALETTE, *goes_on("line", INK, 50))
    return fill(truth, mask, *checks, marks={"line": band})


def _horizon_jpeg(rng: Rng) -> Sample:
    """The cartoon as a JPEG: the mask clears the rings around the figure."""
    truth, horizon = _landscape(rng)
    left = int(rng.integers(180, 250))
    covered = truth.copy()
    covered[horizon - 32 : horizon + 32, left + 16 : left + 56] = (200, 0, 0)
    mask = box_mask(HEIGHT, WIDTH, (left, horizon - 48, left + 72, horizon + 48))
    return fill(truth, mask, DRAWING, PALETTE_JPEG, jpeg=True, covered=covered)


def _widened(rng: Rng) -> Sample:
    """The cartoon, extended on both sides: its horizon goes on, its tree does not come again."""
    truth, horizon = _landscape(rng)
    truth[horizon - 120 : horizon, 20:140] = SKY
    paint_over(truth, disk(HEIGHT, WIDTH, (190, horizon - 66), 40), (60, 140, 60))
    return extend(truth, (70, 0, 70, 0), DRAWING, PALETTE)


def _flag(rng: Rng) -> Sample:
    """Three slanted stripes with a round hole over both edges."""
    truth = flat(HEIGHT, WIDTH, (245, 245, 245))
    slope = rng.uniform(-0.35, 0.35)
    columns = np.arange(WIDTH)
    for number, color in enumerate(((30, 70, 160), (200, 40, 50))):
        first = (HEIGHT / 2 - 60 + 70 * number + slope * (columns - WIDTH / 2)).astype(int)
        rows = np.arange(HEIGHT)[:, None]
        truth[(rows >= first) & (rows < first + 70)] = color
    center = (WIDTH / 2 + rng.uniform(-60, 60), HEIGHT / 2)
    return fill(truth, round_mask(HEIGHT, WIDTH, center, 45), DRAWING, PALETTE)


def _rings(rng: Rng) -> Sample:
    """A target of rings with a hole over its rim."""
    truth = flat(HEIGHT, WIDTH, (250, 250, 250))
    center, color = (WIDTH / 2, HEIGHT / 2), pick_color(rng)
    for number, radius in enumerate((110, 80, 50)):
        paint_over(truth, disk(HEIGHT, WIDTH, center, radius), ((250,) * 3, color)[1 - number % 2])
    turn = rng.uniform(0, 2 * np.pi)
    at = (center[0] + 95 * np.cos(turn), center[1] + 95 * np.sin(turn))
    return fill(truth, round_mask(HEIGHT, WIDTH, (float(at[0]), float(at[1])), 26), CURVED, PALETTE)


def _outline(rng: Rng) -> Sample:
    """A curved outline of 5 px between two colors, cut by a hole."""
    truth = flat(HEIGHT, WIDTH, (255, 236, 200))
    columns = np.arange(0, WIDTH + 1, 2.0)
    rows = HEIGHT / 2 + rng.uniform(20, 45) * np.sin(columns / rng.uniform(50, 80))
    edge = np.interp(np.arange(WIDTH), columns, rows)
    truth[np.arange(HEIGHT)[:, None] > edge] = (240, 150, 120)
    line = curve(HEIGHT, WIDTH, np.stack([columns, rows], 1), 5)
    paint_over(truth, line, INK)
    thin = curve(HEIGHT, WIDTH, np.stack([columns, rows], 1), 2)
    at = float(rng.uniform(120, 260))
    mask = round_mask(HEIGHT, WIDTH, (at, float(np.interp(at, columns, rows))), 36)
    marks = {"line": np.where(thin > 127, np.uint8(255), np.uint8(0))}
    return fill(truth, mask, CURVED, *goes_on("line", INK, 90), marks=marks)


CASES = (
    Case("graphic", "figure over a horizon", _horizon),
    Case("graphic", "inked horizon", _inked),
    Case("graphic", "figure over a horizon JPEG", _horizon_jpeg),
    Case("graphic", "cartoon made wide", _widened),
    Case("graphic", "slanted stripes", _flag),
    Case("graphic", "rings", _rings),
    Case("graphic", "curved outline", _outline),
)
