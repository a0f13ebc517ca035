"""Likeness of a picture to itself moved by every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray

LEAST_OVERLAP: Final = 0.3
"""Share of the picture that a step leaves over itself; less says little."""

LIGHT: Final = 6
"""Part of the shorter side whose Gaussian mean counts as light and is taken away."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """Correlations by step.

    Attributes:
        scores: float32 (2 * MY + 1, 2 * MX + 1), -1 .. 1; the step (0, 0) is in the middle, steps
            that leave too little overlap are 0.
    """

    scores: NDArray[np.float32]

    @property
    def center(self) -> NDArray[np.int64]:
        """Column and row of the step (0, 0)."""
        return np.array([self.scores.shape[1] // 2, self.scores.shape[0] // 2])

    def at(self, steps: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the correlations of steps int64 (N, 2), (dx, dy)."""
        x, y = (steps + self.center).T
        return np.asarray(self.scores[y, x])

    def top_near(self, step: NDArray[np.float64]) -> tuple[float, float, float] | None:
        """Return dx, dy, to a part of a pixel, and height of a peak within 2 px; `None` if none."""
        x, y = (int(value) for value in np.rint(step + self.center))
        if not (3 <= x < self.scores.shape[1] - 3 and 3 <= y < self.scores.shape[0] - 3):
            return None
        near = self.scores[y - 2 : y + 3, x - 2 : x + 3]
        row, column = divmod(int(near.argmax()), 5)
        x, y = x + column - 2, y + row - 2
        part_x = _vertex(self.scores[y, x - 1 : x + 2])
        part_y = _vertex(self.scores[y - 1 : y + 2, x])
        if part_x is None or part_y is None:
            return None
        center = self.center
        return x + part_x - center[0], y + part_y - center[1], float(near.max())


def _vertex(three: NDArray[np.float32]) -> float | None:
    """Return where a parabola through values at -1, 0, 1 is highest; `None` if not between them."""
    before, at, behind = (float(value) for value in three)
    bend = before - 2 * at + behind
    if bend >= 0:
        return None
    place = 0.5 * (before - behind) / bend
    return place if abs(place) <= 1 else None


def take_light_away(image: ImageArray) -> NDArray[np.float32]:
    """Return what is left of a picture without its low frequencies, float32 (H, W, 3)."""
    values = image.astype(np.float32)
    sigma = max(min(image.shape[:2]) / LIGHT, 1.0)
    return values - np.asarray(_blur(values, sigma), np.float32)


def _blur(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    # A Gaussian this wide says the same at a smaller scale, and costs a hundredth there.
    height, width = values.shape[:2]
    factor = max(int(sigma / 4), 1)
    size = max(width // factor, 1), max(height // factor, 1)
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / factor, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def correlate_with_itself(image: ImageArray) -> Likeness:
    """Return the normalized correlation of a picture with itself moved by every step.

    Args:
        image: RGB uint8 (H, W, 3).
    """
    detail = take_light_away(image)
    height, width = detail.shape[:2]
    reach_y, reach_x = (int(side * (1 - LEAST_OVERLAP)) for side in (height, width))
    product = _multiply(detail, reach_y, reach_x)
    energy = _energy(np.einsum("ijk,ijk->ij", detail, detail), reach_y, reach_x)
    # Moved the other way, the two parts that lie over each other change places.
    both = np.sqrt(energy * energy[::-1, ::-1])
    scores = np.where(both > 1e-3 * both.max(initial=1.0), product / np.maximum(both, 1e-6), 0)
    down, across = (np.abs(np.arange(-reach, reach + 1)) for reach in (reach_y, reach_x))
    overlap = np.outer(height - down, width - across)
    scores[overlap < LEAST_OVERLAP * height * width] = 0
    return Likeness(scores.astype(np.float32))


def _multiply(detail: NDArray[np.float32], reach_y: int, reach_x: int) -> NDArray[np.float32]:
    """Return the sum of products with the picture moved by each step, zero outside of it."""
    size = [
        cv2.getOptimalDFTSize(side + reach)
        for side, reach in zip(detail.shape[:2], (reach_y, reach_x), strict=True)
    ]
    power = np.zeros((size[0], size[1] // 2 + 1), np.float32)
    for channel in range(detail.shape[2]):
        spectrum = np.fft.rfft2(detail[..., channel], size)
        power += np.square(spectrum.real) + np.square(spectrum.imag)
    product = np.fft.irfft2(power, size)
    rows, columns = (np.arange(-reach, reach + 1) for reach in (reach_y, reach_x))
    return np.asarray(product[np.ix_(rows, columns)], np.float32)


def _energy(squares: NDArray[np.float32], reach_y: int, reach_x: int) -> NDArray[np.float64]:
    """Return for each step the energy of that part of the picture that the moved one lies over."""
    height, width = squares.shape
    table = np.zeros((height + 1, width + 1))
    table[1:, 1:] = squares.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    dy, dx = (np.arange(-reach, reach + 1) for reach in (reach_y, reach_x))
    top, bottom = np.maximum(0, dy), height + np.minimum(0, dy)
    left, right = np.maximum(0, dx), width + np.minimum(0, dx)
    rows = table[bottom] - table[top]
    return np.asarray(rows[:, right] - rows[:, left])
