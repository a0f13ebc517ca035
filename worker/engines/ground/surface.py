"""Smooth surfaces fitted to a ground, robustly, and continued past where it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.engines.channels import largest_channel

TERMS: Final = (1, 3, 6)
"""Terms of polynomials of degree 0, 1 and 2."""

ROUNDS: Final = 6
"""Of fitting again with the inliers of the round before."""

LEAST_SCALE: Final = 0.7
"""Levels; rounding and weak JPEG artifacts are never outliers."""

LEAST_TOLERANCE: Final = 4.0
INLIER: Final = 3.5
"""Levels, and robust scales, up to which a pixel belongs to the surface."""

GAIN: Final = 0.97
WORTH: Final = 0.4
"""A surface of a higher degree must leave less than this part of the squared error, and differ by
this many levels (root mean square): noise alone bends none."""

FAR: Final = (np.inf, 1.0, 0.6)
"""Picture sides after which the continuation flattens, by degree: a slope is trusted further than
a bend."""


@dataclass(frozen=True, eq=False)
class Points:
    """Samples that a surface is fitted to.

    Attributes:
        columns: float64 (N,), pixels.
        rows: float64 (N,), pixels.
        values: float64 (N, C).
        weights: float64 (N,), 0 .. 1.
        judged: bool (N,), where the fit is judged.
    """

    columns: NDArray[np.float64]
    rows: NDArray[np.float64]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    judged: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Surface:
    """A polynomial over the picture, for each channel.

    Attributes:
        factors: float64 (T, C), of 1, x, y, x², xy, y²; T is 1, 3 or 6.
        reach: left, top, right, bottom of where the ground is known, in pixels; past it the
            surface goes on with its value and slope and flattens.
        side: pixels that are 1 in x and y.
    """

    factors: NDArray[np.float64]
    reach: tuple[float, float, float, float]
    side: float

    @property
    def degree(self) -> int:
        """Return the degree of the polynomial, 0 .. 2."""
        return TERMS.index(len(self.factors))

    def at(self, columns: NDArray[np.floating], rows: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the values at places of any shape, with a last axis of channels."""
        left, top, right, bottom = self.reach
        far = FAR[self.degree] * self.side
        x = _flatten(columns, left, right, far)
        y = _flatten(rows, top, bottom, far)
        basis = _basis(x, y, self.reach, self.side, len(self.factors))
        return np.asarray(basis @ self.factors, np.float32)

    def over(self, left: int, top: int, right: int, bottom: int) -> NDArray[np.float32]:
        """Return the values of a box of pixels, float32 (H, W, C)."""
        shape = bottom - top, right - left
        if self.degree == 0:
            return np.broadcast_to(
                self.factors[0].astype(np.float32), (*shape, len(self.factors.T))
            )
        rows = np.arange(top, bottom, dtype=np.float32)[:, None]
        columns = np.arange(left, right, dtype=np.float32)[None]
        return self.at(np.broadcast_to(columns, shape), np.broadcast_to(rows, shape))


@dataclass(frozen=True, eq=False)
class Fit:
    """A surface and how well it fits.

    Attributes:
        surface: the surface.
        scale: usual residual of what belongs to it, in levels.
        tolerance: residual up to which a sample belongs to it, in levels.
        share: part of the judged samples that belong to it, 0 .. 1.
    """

    surface: Surface
    scale: float
    tolerance: float
    share: float


def fit_surface(points: Points, reach: tuple[float, float, float, float], side: float) -> Fit:
    """Fit a surface of the lowest degree that explains the samples, leaving outliers out.

    Args:
        points: at least one judged sample.
        reach: left, top, right, bottom of where the ground is known, in pixels.
        side: longer side of the picture in pixels.

    Source: P. Holland, R. Welsch, "Robust regression using iteratively reweighted least-squares",
        Communications in Statistics 6(9), 1977.
    """
    basis = _basis(points.columns, points.rows, reach, side, TERMS[-1])
    start = np.median(points.values[points.judged], axis=0)
    best = _Round.of(points, np.broadcast_to(start, points.values.shape), start[None])
    for terms in TERMS:
        fitted = best
        for _ in range(ROUNDS):
            factors = _solve(basis[:, :terms], points, fitted)
            fitted = _Round.of(points, basis[:, :terms] @ factors, factors)
        if terms == 1 or _is_better(points, fitted, best):
            best = fitted
    surface = Surface(best.factors, reach, side)
    share = float(np.mean(best.inliers[points.judged]))
    return Fit(surface, best.scale, best.tolerance, share)


@dataclass(frozen=True, eq=False)
class _Round:
    """One fit: its values, residuals and inliers at the samples."""

    factors: NDArray[np.float64]
    values: NDArray[np.float64]
    rest: NDArray[np.float64]
    scale: float

    @classmethod
    def of(
        cls, points: Points, values: NDArray[np.float64], factors: NDArray[np.float64]
    ) -> _Round:
        rest = largest_channel(np.abs(points.values - values))
        scale = max(1.4826 * float(np.median(rest[points.judged])), LEAST_SCALE)
        return cls(factors, values, rest, scale)

    @property
    def tolerance(self) -> float:
        return max(INLIER * self.scale, LEAST_TOLERANCE)

    @property
    def inliers(self) -> NDArray[np.bool_]:
        return np.asarray(self.rest <= self.tolerance)


def _solve(basis: NDArray[np.float64], points: Points, last: _Round) -> NDArray[np.float64]:
    usual = 1.5 * last.scale
    weight = points.weights * last.inliers * np.minimum(1.0, usual / np.maximum(last.rest, 1e-9))
    weighted = basis * weight[:, None]
    # A trace of this keeps terms that the samples do not determine at zero.
    hold = 1e-7 * max(float(weight.sum()), 1e-3) * np.eye(basis.shape[1])
    hold[0, 0] *= 1e-6
    return np.asarray(np.linalg.solve(basis.T @ weighted + hold, weighted.T @ points.values))


def _is_better(points: Points, fitted: _Round, best: _Round) -> bool:
    """Check whether a higher degree is worth it where the fit is judged."""
    judged = points.judged
    if np.mean(fitted.inliers[judged]) > np.mean(best.inliers[judged]) + 0.02:
        return True
    common = judged & fitted.inliers & best.inliers
    if not common.any():
        return False
    change = float(np.sqrt(np.square(fitted.values - best.values)[common].mean()))
    before = np.square(points.values - best.values)[common].sum()
    after = np.square(points.values - fitted.values)[common].sum()
    return change > WORTH and after < GAIN * before


def _flatten(
    values: NDArray[np.floating], first: float, last: float, far: float
) -> NDArray[np.float64]:
    """Return coordinates that stop growing past the borders, with no step in value or slope."""
    inside = np.clip(values, first, last)
    past = np.asarray(values - inside, np.float64)
    if not np.isfinite(far):
        return np.asarray(inside + past, np.float64)
    return np.asarray(inside + np.sign(past) * far * -np.expm1(-np.abs(past) / far))


def _basis(
    columns: NDArray[np.floating],
    rows: NDArray[np.floating],
    reach: tuple[float, float, float, float],
    side: float,
    terms: int,
) -> NDArray[np.float64]:
    left, top, right, bottom = reach
    x = (np.asarray(columns, np.float64) - (left + right) / 2) / side
    y = (np.asarray(rows, np.float64) - (top + bottom) / 2) / side
    parts = (np.ones_like(x), x, y, x * x, x * y, y * y)[:terms]
    return np.stack(parts, axis=-1)
