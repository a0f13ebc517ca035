"""One color with figures on it: logos, cut-outs on a ground, icons."""

from __future__ import annotations

from benchmarks.everyday.checks import FLAT, FLAT_JPEG, NOISY_FLAT, not_repeated
from benchmarks.everyday.drawing import (
    Color,
    Rng,
    box_mask,
    disk,
    flat,
    grainy,
    paint_over,
    pick_color,
    pick_ground,
    rounded_box,
)
from benchmarks.everyday.sample import Case, Sample, extend, fill
from worker.imaging import ImageArray

WHITE: Color = (255, 255, 255)
HEIGHT, WIDTH = 240, 360


def _with_disk(rng: Rng, height: int, width: int, ground: Color) -> ImageArray:
    """Return a disk in the middle, clear of all sides by 8 px and more once it is cut out."""
    picture = flat(height, width, ground)
    center = (width / 2 + rng.uniform(-20, 20), height / 2 + rng.uniform(-10, 10))
    paint_over(picture, disk(height, width, center, rng.uniform(80, 104)), pick_color(rng))
    return picture


def _square(rng: Rng) -> Sample:
    """A disk on a ground, made square."""
    return extend(_with_disk(rng, WIDTH, WIDTH, pick_ground(rng)), (0, 60, 0, 60), *FLAT)


def _square_jpeg(rng: Rng) -> Sample:
    """The same as a JPEG."""
    truth = _with_disk(rng, WIDTH, WIDTH, pick_ground(rng))
    return extend(truth, (0, 60, 0, 60), *FLAT_JPEG, jpeg=True)


def _logo(rng: Rng) -> ImageArray:
    """Return a sign of three shapes on white."""
    picture = flat(HEIGHT, WIDTH + 160, WHITE)
    color = pick_color(rng)
    height, width = picture.shape[:2]
    paint_over(picture, rounded_box(height, width, (150, 60, 240, 180), 14), color)
    paint_over(picture, disk(height, width, (300, 120), 52), pick_color(rng))
    paint_over(picture, disk(height, width, (300, 120), 30), WHITE)
    paint_over(picture, rounded_box(height, width, (180, 90, 210, 150), 4), WHITE)
    return picture


def _wide_jpeg(rng: Rng) -> Sample:
    """A sign on white, a JPEG, made wide."""
    return extend(_logo(rng), (80, 0, 80, 0), *FLAT_JPEG, jpeg=True)


def _zoomed(rng: Rng) -> Sample:
    """Two figures, extended on all sides."""
    truth = flat(HEIGHT + 120, WIDTH + 120, pick_ground(rng))
    height, width = truth.shape[:2]
    paint_over(truth, disk(height, width, (170, 180), rng.uniform(40, 60)), pick_color(rng))
    paint_over(truth, rounded_box(height, width, (270, 110, 380, 250), 20), pick_color(rng))
    return extend(truth, (60, 60, 60, 60), *FLAT)


def _removed(rng: Rng) -> Sample:
    """One of two figures is taken away."""
    truth = flat(HEIGHT, WIDTH, pick_ground(rng))
    color, other = pick_color(rng), pick_color(rng)
    paint_over(truth, disk(HEIGHT, WIDTH, (100, 120), 50), color)
    covered = truth.copy()
    paint_over(covered, rounded_box(HEIGHT, WIDTH, (220, 60, 310, 180), 12), other)
    return fill(truth, box_mask(HEIGHT, WIDTH, (210, 50, 320, 190)), *FLAT, covered=covered)


def _removed_jpeg(rng: Rng) -> Sample:
    """The same as a JPEG, whose rings lie around the figure."""
    truth = flat(HEIGHT, WIDTH, pick_ground(rng))
    paint_over(truth, disk(HEIGHT, WIDTH, (90, 120), 50), pick_color(rng))
    covered = truth.copy()
    paint_over(covered, disk(HEIGHT, WIDTH, (260, 120), 45), pick_color(rng))
    mask = box_mask(HEIGHT, WIDTH, (200, 60, 320, 180))
    return fill(truth, mask, *FLAT_JPEG, jpeg=True, covered=covered)


def _grainy(rng: Rng) -> Sample:
    """A figure on a ground with a camera's grain, made square."""
    color: Color = (222, 40, 30)
    ground: Color = (70, 110, 150)
    truth = grainy(flat(WIDTH, WIDTH, ground), rng, 2)
    paint_over(truth, disk(WIDTH, WIDTH, (180, 180), rng.uniform(80, 104)), color)
    return extend(truth, (0, 60, 0, 60), NOISY_FLAT, not_repeated(color))


CASES = (
    Case("flat", "flat square", _square),
    Case("flat", "flat square JPEG", _square_jpeg),
    Case("flat", "flat logo wide JPEG", _wide_jpeg),
    Case("flat", "flat all sides", _zoomed),
    Case("flat", "flat figure removed", _removed),
    Case("flat", "flat figure removed JPEG", _removed_jpeg),
    Case("flat", "flat with grain", _grainy),
)
