"""The period of a picture: the steps after which it looks the same again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.pattern.autocorrelation import Likeness, correlate_with_itself
from worker.imaging import ImageArray

MAX_SIDE: Final = 640
"""Pixels: a larger picture is searched at a smaller scale first, then a part of it at full size."""

SHORTEST: Final = 4
"""Pixels: nearer than this a picture is always like itself."""

LEAST: Final = 0.12
"""Correlation of a peak that is looked at."""

NEAR_BEST: Final = 0.88
"""Share of the best peak's correlation. Multiples of a period score about as high as the period
and often higher: of all that do, the shortest is meant."""

NEAR_ENOUGH: Final = 0.7
"""The same for the second direction where none is near the best: the pattern may end earlier that
way."""

BETWEEN: Final = (0.3, 0.4, 0.5, 0.6, 0.7)
MOST_BETWEEN: Final = 0.7
"""Parts of a step after which the picture is less like itself, and how like, of that one step away.
A sky over a meadow or a row of panels is alike after any step along it, and has no period. On
lattices it was 0.58 at most, along such rows 0.74 and more."""

TRUSTED_OVERLAP: Final = 0.4
"""Share of the picture that such a step leaves over itself at least: a rim alone is alike by
chance."""

NARROWEST_SINE: Final = 0.35
"""Two steps at a smaller angle (20°) are one direction, and the same step measured twice."""


@dataclass(frozen=True)
class Period:
    """The steps of a lattice on which a picture repeats itself.

    Attributes:
        steps: float64 (N, 2), N = 1 or 2: columns and rows (dx, dy) of each step, in pixels.
        score: correlation of the picture with itself one step away, 0 .. 1.
    """

    steps: NDArray[np.float64]
    score: float


def find_period(image: ImageArray, check: Callable[[], None]) -> Period | None:
    """Return the shortest period of a picture, or `None` when nothing in it comes again.

    What is given is the best guess; whether the picture really goes on like this is for
    `forecast` to say.

    Args:
        image: RGB uint8 (H, W, 3).
        check: called between the scales; may raise to stop.

    Source: H.-C. Lin, L.-L. Wang, S.-N. Yang, "Extracting periodicity of a regular texture based
        on autocorrelation functions", Pattern Recognition Letters 18(5), 1997.
    """
    height, width = image.shape[:2]
    factor = min(1.0, MAX_SIDE / max(height, width))
    if factor == 1.0:
        return _search(image)
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    coarse = _search(small)
    check()
    fine = _search(_middle(image))
    if coarse is not None and (fine is None or coarse.score > fine.score):
        return Period(coarse.steps / (size[0] / width, size[1] / height), coarse.score)
    return fine


def _middle(image: ImageArray) -> ImageArray:
    top, left = (max(side - MAX_SIDE, 0) // 2 for side in image.shape[:2])
    return image[top : top + MAX_SIDE, left : left + MAX_SIDE]


def _search(image: ImageArray) -> Period | None:
    if min(image.shape[:2]) < 2 * SHORTEST:
        return None
    likeness = correlate_with_itself(image)
    peaks = _find_peaks(likeness)
    if len(peaks) == 0:
        return None
    heights = likeness.at(peaks)
    score = float(heights.max())
    first = peaks[heights >= NEAR_BEST * score][0]
    crossing = _sines(first, peaks) > NARROWEST_SINE
    second = peaks[crossing & (heights >= NEAR_BEST * score)]
    if len(second) == 0:
        second = peaks[crossing & (heights >= NEAR_ENOUGH * score)]
    chosen = np.array([first, *second[:1]], np.float64)
    overlap = np.prod(1 - np.abs(chosen) / image.shape[1::-1], axis=1)
    if not any(_is_step(step, likeness) for step in chosen[overlap >= TRUSTED_OVERLAP]):
        return None
    return Period(_refine(chosen, likeness, score), score)


def _is_step(step: NDArray[np.float64], likeness: Likeness) -> bool:
    """Check that a picture is more like itself after a step than on the way there."""
    between = np.rint(np.outer(BETWEEN, step)).astype(np.int64)
    [at] = likeness.at(np.rint(step[None]).astype(np.int64))
    return bool(likeness.at(between).min() < MOST_BETWEEN * at)


def _find_peaks(likeness: Likeness) -> NDArray[np.int64]:
    """Return the steps (dx, dy) of all peaks in one half of the plane, the shortest first."""
    scores = likeness.scores
    highest = np.asarray(cv2.dilate(scores, np.ones((5, 5), np.uint8)))
    rows, columns = np.nonzero((scores >= highest) & (scores > LEAST))
    steps = np.stack((columns, rows), axis=1) - likeness.center
    half = (steps[:, 1] > 0) | ((steps[:, 1] == 0) & (steps[:, 0] > 0))
    steps = steps[half & (np.hypot(steps[:, 0], steps[:, 1]) >= SHORTEST)]
    order = np.lexsort((steps[:, 0], np.hypot(steps[:, 0], steps[:, 1])))
    return np.asarray(steps[order])


def _sines(step: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the sine of the angle between a step and each of others, 0 .. 1."""
    area = np.abs(step[0] * others[:, 1] - step[1] * others[:, 0])
    lengths = np.hypot(others[:, 0], others[:, 1])
    return np.asarray(area / (np.hypot(step[0], step[1]) * lengths))


def _refine(steps: NDArray[np.float64], likeness: Likeness, score: float) -> NDArray[np.float64]:
    """Fit the steps to all peaks that they lead to: ten steps away a tenth of a pixel is one."""
    for reach in (1, 2, 4, 8):
        counts = list_counts(len(steps), reach)
        near = [likeness.top_near(count @ steps) for count in counts]
        kept = [i for i, one in enumerate(near) if one is not None and one[2] > 0.5 * score]
        if len(kept) < len(steps) + 1:
            continue
        left = counts[kept].astype(np.float64)
        right = np.array([near[i] for i in kept])[:, :2]
        if np.linalg.matrix_rank(left) == len(steps):
            steps = np.linalg.lstsq(left, right, rcond=None)[0]
    return steps


def list_counts(size: int, reach: int) -> NDArray[np.int64]:
    """Return all combinations of -reach .. reach of each of `size` steps, int64 (N, size)."""
    one = np.arange(-reach, reach + 1)
    grid = np.meshgrid(*[one] * size, indexing="ij")
    counts = np.stack([axis.ravel() for axis in grid], axis=1)
    return counts[np.any(counts != 0, axis=1)]
