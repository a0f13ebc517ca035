"""Things that are there once, on a texture: a sign, a sun, a button, a stain."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks.everyday.checks import GRAIN, TEXTURE, not_copied, not_repeated
from benchmarks.everyday.drawing import (
    Color,
    Floats,
    Rng,
    box_mask,
    disk,
    grainy,
    levels,
    paint_over,
    round_mask,
    rounded,
    soft_noise,
)
from benchmarks.everyday.sample import Case, Sample, extend, fill
from worker.imaging import ImageArray

SIDE = 280
RED: Color = (220, 30, 30)
GOLD: Color = (250, 215, 60)
BLUE: Color = (25, 60, 210)


def _grain(rng: Rng) -> ImageArray:
    return grainy(np.full((SIDE, SIDE, 3), 120, np.float32), rng, 18, gray=True)


def _fabric(rng: Rng) -> ImageArray:
    """Return a weave of period 8 with a slow change of light."""
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    weave: Floats = np.sin(columns * np.pi / 4) * np.cos(rows * np.pi / 4) * 22
    values = weave[..., None] + levels((110, 120, 135)) + soft_noise(rng, SIDE, SIDE, 30, 5)
    return grainy(values, rng, 5, gray=True)


def _wood(rng: Rng) -> ImageArray:
    """Return long fibers."""
    noise = rng.standard_normal((SIDE, SIDE)).astype(np.float32)
    blurred = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigmaX=28, sigmaY=1.2), np.float32)
    fibers: Floats = blurred * (16 / max(float(blurred.std()), 1e-6))
    return rounded(fibers[..., None] + levels((150, 112, 76)))


def _stone(rng: Rng) -> ImageArray:
    values = soft_noise(rng, SIDE, SIDE, 2.2, 14) + levels((132, 130, 124))
    return grainy(values, rng, 4)


def _disk_upward(rng: Rng) -> Sample:
    """A disk in grain below the upper side, extended upward."""
    truth = _grain(rng)
    at = (140 + rng.uniform(-50, 50), 128 + rng.uniform(0, 12))
    paint_over(truth, disk(SIDE, SIDE, at, 12), RED)
    return extend(truth, (0, 96, 0, 0), not_repeated(RED, 90), GRAIN, TEXTURE)


def _sign_all_sides(rng: Rng) -> Sample:
    """A sign on stone, extended on all sides."""
    truth = _stone(rng)
    at = (140 + rng.uniform(-20, 20), 140 + rng.uniform(-20, 20))
    paint_over(truth, disk(SIDE, SIDE, at, 34), BLUE)
    paint_over(truth, disk(SIDE, SIDE, at, 16), (240, 240, 240))
    return extend(truth, (45, 45, 45, 45), not_repeated(BLUE), GRAIN, TEXTURE)


def _button(rng: Rng) -> Sample:
    """One of two buttons on a weave is taken away, the other stays near the hole."""
    truth = _fabric(rng)
    paint_over(truth, disk(SIDE, SIDE, (200, 140 + rng.uniform(-10, 10)), 17), GOLD)
    mask = round_mask(SIDE, SIDE, (110, 140 + rng.uniform(-20, 20)), 44)
    return fill(truth, mask, not_repeated(GOLD, 60), GRAIN, TEXTURE)


def _stain(rng: Rng) -> Sample:
    """A stain beside a hole in grain."""
    truth = _grain(rng)
    at = (168 + rng.uniform(-6, 6), 90 + rng.uniform(-10, 10))
    paint_over(truth, disk(SIDE, SIDE, at, 14), RED)
    return fill(
        truth, box_mask(SIDE, SIDE, (70, 110, 180, 210)), not_repeated(RED, 90), GRAIN, TEXTURE
    )


def _plank(rng: Rng) -> Sample:
    """A knob on wood, extended to the right along the fibers."""
    truth = _wood(rng)
    paint_over(truth, disk(SIDE, SIDE, (100 + rng.uniform(-20, 40), 140), 18), BLUE)
    return extend(truth, (0, 0, 90, 0), not_repeated(BLUE))


def _weave_wide(rng: Rng) -> Sample:
    """A badge on a weave, made wide."""
    truth = _fabric(rng)
    paint_over(truth, disk(SIDE, SIDE, (140 + rng.uniform(-15, 15), 150), 26), RED)
    return extend(truth, (56, 0, 56, 0), not_repeated(RED, 60), GRAIN, TEXTURE)


def _forbidden(rng: Rng) -> Sample:
    """Dots that a source mask forbids to copy."""
    noise = rng.normal(0, 8, (200, 200, 3)).astype(np.float32)
    truth = rounded(noise + levels((60, 140, 60)))
    sources = np.full((200, 200), 255, np.uint8)
    mask = box_mask(200, 200, (70, 70, 130, 130))
    for row in range(4, 197, 12):
        for column in range(4, 197, 12):
            dot = np.s_[row : row + 3, column : column + 3]
            if not mask[dot].any():
                truth[dot], sources[dot] = RED, 0
    return fill(truth, mask, not_copied(RED), sources=sources)


CASES = (
    Case("unique", "disk in grain, upward", _disk_upward),
    Case("unique", "sign on stone, all sides", _sign_all_sides),
    Case("unique", "button beside a hole", _button),
    Case("unique", "stain beside a hole", _stain),
    Case("unique", "knob on wood, along it", _plank),
    Case("unique", "badge on a weave, wide", _weave_wide),
    Case("unique", "forbidden dots", _forbidden),
)
