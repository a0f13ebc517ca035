"""Pictures with transparency: sprites, cut-outs, stickers."""

from __future__ import annotations

import numpy as np

from benchmarks.everyday.checks import CLEAR, FLAT, RIM, not_shown
from benchmarks.everyday.drawing import (
    Color,
    Rng,
    box_mask,
    disk,
    grainy,
    paint_over,
    pick_color,
    round_mask,
    rounded_box,
)
from benchmarks.everyday.sample import Case, Sample, extend, fill
from worker.imaging import ImageArray, MaskArray

SIDE = 280
HIDDEN: Color = (255, 0, 255)
SKIN: tuple[Color, ...] = ((255, 200, 0), (60, 170, 90), (60, 120, 210), (240, 240, 235))


def _cut_out(cover: MaskArray, color: Color, hidden: Color = (0, 0, 0)) -> ImageArray:
    """Return a shape of one color, RGBA; under alpha 0 lies what nobody may see."""
    pixels = np.zeros((*cover.shape, 4), np.uint8)
    pixels[..., :3] = color
    pixels[cover == 0, :3] = hidden
    pixels[..., 3] = cover
    return pixels


def _side(rng: Rng) -> Sample:
    """A sprite on full transparency, extended to the left."""
    truth = _cut_out(disk(SIDE, SIDE, (170, 140), rng.uniform(40, 60)), pick_color(rng, SKIN))
    return extend(truth, (70, 0, 0, 0), CLEAR)


def _all_sides(rng: Rng) -> Sample:
    """A figure whose hidden color is loud, extended on all sides."""
    cover = rounded_box(SIDE, SIDE, (90, 80, 190, 205), 24)
    truth = _cut_out(cover, pick_color(rng, SKIN), HIDDEN)
    return extend(truth, (50, 50, 50, 50), CLEAR, not_shown(HIDDEN))


def _soft(rng: Rng) -> Sample:
    """A figure with a soft rim of 16 px, made wide."""
    truth = _cut_out(disk(SIDE, SIDE, (140, 140), rng.uniform(40, 50), 16), pick_color(rng, SKIN))
    return extend(truth, (60, 0, 60, 0), CLEAR)


def _rim(rng: Rng) -> Sample:
    """A hole across the rim of a cut-out."""
    radius = float(rng.uniform(80, 95))
    truth = _cut_out(disk(SIDE, SIDE, (140, 140), radius, 2), pick_color(rng, SKIN), HIDDEN)
    turn = rng.uniform(0, 2 * np.pi)
    at = (140 + radius * np.cos(turn), 140 + radius * np.sin(turn))
    mask = round_mask(SIDE, SIDE, (float(at[0]), float(at[1])), 26)
    return fill(truth, mask, RIM, not_shown(HIDDEN))


def _inside(rng: Rng) -> Sample:
    """A hole in the opaque part of a cut-out, which has a face."""
    color = pick_color(rng, SKIN)
    truth = _cut_out(disk(SIDE, SIDE, (140, 140), 110, 1), color, HIDDEN)
    paint_over(truth, disk(SIDE, SIDE, (105, 100), 12), (20, 20, 24))
    paint_over(truth, disk(SIDE, SIDE, (175, 100), 12), (20, 20, 24))
    return fill(truth, box_mask(SIDE, SIDE, (110, 150, 172, 200)), *FLAT, not_shown(HIDDEN))


def _half(rng: Rng) -> Sample:
    """A photo of grain cut off at a straight line, extended along it."""
    truth = np.zeros((SIDE, SIDE, 4), np.uint8)
    truth[..., :3] = grainy(np.full((SIDE, SIDE, 3), (90, 110, 90), np.float32), rng, 12, gray=True)
    truth[..., 3] = 255
    cut = int(rng.integers(110, 170))
    truth[:, cut:] = (*HIDDEN, 0)
    return extend(truth, (0, 0, 0, 60), CLEAR, RIM, not_shown(HIDDEN))


CASES = (
    Case("sprite", "sprite to the left", _side),
    Case("sprite", "hidden colors, all sides", _all_sides),
    Case("sprite", "soft rim wide", _soft),
    Case("sprite", "hole across the rim", _rim),
    Case("sprite", "hole inside a cut-out", _inside),
    Case("sprite", "cut at a line, extended along it", _half),
)
