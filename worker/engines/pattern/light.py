"""Uneven light: how bright the same part of a pattern is in one place and in another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray

CELL: Final = 8
"""Pixels a side of what is averaged before it is compared: that takes the noise away."""

DARKEST: Final = 16
BRIGHTEST: Final = 245
"""Levels whose quotients say something: others are noise, or cut off."""

REACH: Final = 1.5
SLACK: Final = 0.75
"""Half sides from the middle at which the fit begins to be held back, and how much further it goes
in the end: it was made from -1 to 1, and many sides away it would be black or white."""

STRONGEST: Final = 1.5
"""Natural logarithm of the most that light may differ from that of the middle."""

ROUNDS: Final = 12
"""Of fitting again with less weight for what fits badly."""


@dataclass(frozen=True, eq=False)
class Light:
    """The logarithm of light as a polynomial over the picture.

    Attributes:
        slopes: float64 (5,), factors of x, y, x², xy, y², all 0 for even light.
        center: column and row where x = y = 0.
        half_side: pixels that are 1 in x and y.
    """

    slopes: NDArray[np.float64]
    center: tuple[float, float]
    half_side: float

    @property
    def is_even(self) -> bool:
        """Return whether there is nothing to correct."""
        return not self.slopes.any()

    def log_gain(
        self, columns: NDArray[np.float64], rows: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the logarithm of light at these places, which may lie outside the picture."""
        x, y = (
            _hold_back((values - middle) / self.half_side)
            for values, middle in zip((columns, rows), self.center, strict=True)
        )
        a, b, c, d, e = self.slopes
        return np.asarray(a * x + b * y + c * x * x + d * x * y + e * y * y)

    def gain(self, height: int, width: int, left: int, top: int) -> NDArray[np.float32]:
        """Return the light of a canvas float32 (height, width), the picture at (left, top)."""
        columns = np.arange(-left, width - left, dtype=np.float64)[None]
        rows = np.arange(-top, height - top, dtype=np.float64)[:, None]
        gain = np.exp(self.log_gain(columns, rows).clip(-STRONGEST, STRONGEST))
        return np.asarray(gain, np.float32)

    def gain_like(self, image: ImageArray, left: int = 0, top: int = 0) -> NDArray[np.float32]:
        """Return the light of a canvas float32 (H, W, 1 or C): it changes colors, and no alpha.

        Args:
            image: the canvas, uint8 (H, W, C).
            left: where the picture lies on it.
            top: likewise.
        """
        gain = self.gain(image.shape[0], image.shape[1], left, top)[..., None]
        if image.shape[2] == 3:
            return gain
        return np.concatenate((gain, gain, gain, np.ones_like(gain)), axis=2)


def even_light(height: int, width: int) -> Light:
    """Return light without any slope over a picture of this size."""
    center = ((width - 1) / 2, (height - 1) / 2)
    return Light(np.zeros(5), center, max(height, width) / 2)


def fit_light(
    image: ImageArray,
    steps: Sequence[tuple[int, int]],
    terms: int,
    check: Callable[[], None] = lambda: None,
) -> Light:
    """Fit light that makes the picture equal to itself one step of its pattern away.

    The pattern itself cancels out of the quotient of two places that hold the same part of it:
    what is left is light.

    Args:
        image: RGB uint8 (H, W, 3).
        steps: (dx, dy) after which the pattern is the same, each shorter than the picture.
        terms: 2 for a plane, 5 for a bent surface.
        check: called between steps; may raise to stop.

    Source: P. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical
        Statistics 35(1), 1964 (the weights).
    """
    light = even_light(*image.shape[:2])
    if terms == 0 or not steps:
        return light
    parts = []
    for step in steps:
        parts.append(_compare(image, step, light))
        check()
    left = np.concatenate([part[0] for part in parts])[:, :terms]
    right = np.concatenate([part[1] for part in parts])
    if len(right) < 8 * terms:
        return light
    slopes = _fit(left, right)
    return Light(np.pad(slopes, (0, 5 - terms)), light.center, light.half_side)


def _fit(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    weight = np.ones_like(right)
    # A little of this keeps directions that no step goes in at zero.
    hold = 1e-4 * len(right) * np.eye(left.shape[1])
    for _ in range(ROUNDS):
        weighted = left * weight[:, None]
        slopes = np.asarray(np.linalg.solve(left.T @ weighted + hold, weighted.T @ right))
        rest = np.abs(right - left @ slopes)
        usual = max(1.5 * float(np.median(rest)), 1e-6)
        weight = np.minimum(1.0, usual / np.maximum(rest, 1e-9))
    return slopes


def _compare(
    image: ImageArray, step: tuple[int, int], light: Light
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what each slope adds to the quotient's logarithm, (N, 5), and that logarithm, (N,)."""
    dx, dy = step
    here, there = overlap(image[..., :3], dx, dy)
    height, width = here.shape[:2]
    rows, columns = height // CELL, width // CELL
    if rows == 0 or columns == 0:
        return np.zeros((0, 5)), np.zeros(0)
    least, most = np.minimum(here, there), np.maximum(here, there)
    # White in both places, as on a page, says that light is even; in one place, that it is cut off.
    usable = np.all((least > DARKEST) & ((most < BRIGHTEST) | (least >= BRIGHTEST)), axis=2)
    weight = usable.astype(np.float32)
    share = _mean_cells(weight, rows, columns)
    means = [
        _mean_cells(part.astype(np.float32).mean(axis=2) * weight, rows, columns)
        for part in (here, there)
    ]
    good = share > 0.5
    left, top = max(0, -dx), max(0, -dy)
    x = left + (np.arange(columns) + 0.5) * width / columns - 0.5
    y = top + (np.arange(rows) + 0.5) * height / rows - 0.5
    grid = np.meshgrid(x, y)
    one, other = (_basis(grid[0] + mx, grid[1] + my, light)[good] for mx, my in ((0, 0), (dx, dy)))
    return other - one, np.log(means[1][good] / means[0][good]).astype(np.float64)


def _basis(
    columns: NDArray[np.float64], rows: NDArray[np.float64], light: Light
) -> NDArray[np.float64]:
    x = (columns - light.center[0]) / light.half_side
    y = (rows - light.center[1]) / light.half_side
    return np.stack((x, y, x * x, x * y, y * y), axis=-1)


def _mean_cells(values: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(values, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def overlap(image: ImageArray, dx: int, dy: int) -> tuple[ImageArray, ImageArray]:
    """Return the part of a picture that a step leads from, and the part it leads to."""
    height, width = image.shape[:2]
    rows = slice(max(0, -dy), height - max(0, dy))
    columns = slice(max(0, -dx), width - max(0, dx))
    moved = slice(max(0, dy), height - max(0, -dy)), slice(max(0, dx), width - max(0, -dx))
    return image[rows, columns], image[moved]


def _hold_back(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let values past `REACH` grow ever more slowly, by `SLACK` at most."""
    past = np.maximum(np.abs(values) - REACH, 0)
    held = SLACK * np.tanh(past / SLACK)
    return np.where(past > 0, np.sign(values) * (REACH + held), values)
