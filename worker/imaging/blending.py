"""Blending without touching kept pixels: errors along the rim are corrected in the hole.

A model that repaints the kept pixels too, as an autoencoder does, shows on them how its colors
drift and how much sharpness it loses. Both are measured there and removed from the hole:

1. Gain and sharpness, one factor each a channel, by least squares over the kept pixels around.
2. What still differs along the rim, carried into the hole as a membrane: the smoothest surface that
   ends in it. The picture's border is free.

The membrane is made of cells of 4 x 4 pixels. A finer one would carry the rim's grain inside, and
measures worse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray, MaskArray
from worker.imaging.bands import row_bands

Floats = NDArray[np.float32]

RIM_PIXELS: Final = 32
"""Pixels around the hole's box that are looked at."""

CELL: Final = 4
"""Pixels a side of the membrane's finest cells."""

BAND_ROWS: Final = 128
"""Rows worked on at a time, a multiple of `CELL`: in floats a whole canvas would take gigabytes."""

FIT_PIXELS: Final = 130_000
FIT_ROWS: Final = 48
"""About how many pixels the factors are fitted to, and how many rows those lie together in."""

DETAIL_SIGMA: Final = 1.0
"""Blur in pixels whose loss is detail."""

DETAIL_HALO: Final = 4
"""Pixels around a band that its blur reads: four standard deviations, past which nothing shows."""

NEIGHBORHOOD: Final = 33
"""Pixels a side whose mean a value is taken from before the factors are fitted."""

FEWEST: Final = 64
"""Kept pixels below which nothing can be fitted."""

FLATTEST: Final = 1.0
"""Standard deviation in levels below which nothing can be fitted: noise would be amplified."""

LEAST_LIKENESS: Final = 0.8
"""Correlation of the kept pixels with what the painter made of them, below which gain and sharpness
are left alone: it does not show the same picture."""

GAINS: Final = (0.8, 1.25)
"""Least and largest factor of contrast; autoencoders lose a few percent, and a fit that asks for
more speaks of another picture."""

SHARPNESS: Final = (0.0, 1.5)
"""Least and largest share of the detail that is added: never blurred, and no halos."""

COARSEST: Final = 4
"""Cells a side below which no coarser scale is made."""

SWEEPS: Final = 1
"""Rounds of relaxation at the finest scale."""

SWEEPS_GROWTH: Final = 3
"""Factor by which their number grows at each coarser scale, where a round costs a quarter and
corrects errors that are twice as wide."""

MOST_SWEEPS: Final = 64
"""Rounds at the coarsest scales: more change nothing."""


@dataclass(frozen=True, eq=False)
class Look:
    """Factors that make a painted picture like the kept one, except for a smooth drift.

    Attributes:
        gain: float32 (C,), factor of the values' distance from the middle.
        sharpness: float32 (C,), share of the detail that is added.
    """

    gain: Floats
    sharpness: Floats

    def apply(self, painted: ImageArray, rows: slice) -> Floats:
        """Return these rows of the picture as float32 (h, W, C), changed by the factors."""
        values, soft = _soften(painted, rows)
        shape, width = values.shape, values.shape[1]
        # Rows as one axis: numpy is three times slower along an axis of three.
        values, soft = values.reshape(shape[0], -1), soft.reshape(shape[0], -1)
        values *= np.tile(self.gain + self.sharpness, width)
        soft *= np.tile(self.sharpness, width)
        values -= soft
        values += np.tile(128 * (1 - self.gain), width)
        return values.reshape(shape)


def match_rim(
    kept: ImageArray, painted: ImageArray, hole: MaskArray, made_up: MaskArray | None = None
) -> ImageArray:
    """Return what was painted, made to fit the kept pixels around the hole.

    Args:
        kept: uint8 (H, W) or (H, W, 3).
        painted: the same shape; in the hole what is to be fitted, around it what the painter made
            of `kept`.
        hole: uint8 (H, W), 255 inside; somewhere 0.
        made_up: uint8 (H, W), 255 where the painter was free to paint something else, around the
            hole too: gain and sharpness are not measured there. `None` for the hole alone.

    Returns:
        A new array of the same shape, which outside the hole means nothing; `painted` itself if
        the painter changed no kept pixel.

    Source: P. Perez, M. Gangnet, A. Blake, "Poisson Image Editing", SIGGRAPH 2003 (the membrane);
        S. Gortler et al., "The Lumigraph", SIGGRAPH 1996 (pull and push).
    """
    is_known = (hole == 0).view(np.uint8)
    if not cv2.copyTo(cv2.absdiff(kept, painted), is_known).any():
        return painted
    before, after = np.atleast_3d(kept), np.atleast_3d(painted)
    is_shown = is_known if made_up is None else (made_up == 0).view(np.uint8) & is_known
    look = fit_look(before, after, is_shown)
    field = interpolate(*_measure_drift(before, after, is_known, look))
    result = np.empty_like(after)
    for rows in row_bands(hole.shape[0], BAND_ROWS):
        fitted = look.apply(after, rows)
        fitted += _enlarge(field, rows, fitted.shape[1])[: fitted.shape[0]]
        result[rows] = np.rint(fitted).clip(0, 255)
    return result.reshape(painted.shape)


def fit_look(kept: ImageArray, painted: ImageArray, is_known: MaskArray) -> Look:
    """Fit gain and sharpness by least squares where both pictures are known.

    Args:
        kept: uint8 (H, W, C).
        painted: uint8 (H, W, C).
        is_known: uint8 (H, W), 1 where a pixel is kept.
    """
    height, width, channels = kept.shape
    slices = [rows for rows in row_bands(height, FIT_ROWS) if is_known[rows].any()]
    if not slices:
        return Look(np.ones(channels, np.float32), np.zeros(channels, np.float32))
    step = min(max(1, round(len(slices) * FIT_ROWS * width / FIT_PIXELS)), len(slices))
    samples = [_sample(kept, painted, is_known, rows) for rows in slices[step // 2 :: step]]
    found = [
        _fit_channel(*(np.concatenate(part) for part in zip(*each, strict=True)))
        for each in ([sample[channel] for sample in samples] for channel in range(channels))
    ]
    gain, sharpness = np.asarray(found, np.float32).T
    return Look(gain, sharpness)


def _sample(
    kept: ImageArray, painted: ImageArray, is_known: MaskArray, rows: slice
) -> list[tuple[Floats, Floats, Floats]]:
    """Return, for each channel, the painter's values, their detail and the kept values.

    Values are those above their neighborhood's: a slow drift would pass for contrast.
    """
    values, soft = _soften(painted, rows)
    detail = values - soft
    known = is_known[rows]
    values = _rise_above(values, known)
    true = _rise_above(kept[rows].astype(np.float32), known)
    chosen = known != 0
    channels = range(kept.shape[2])
    return [(values[chosen, c], detail[chosen, c], true[chosen, c]) for c in channels]


def _rise_above(values: Floats, known: MaskArray) -> Floats:
    """Return values less the mean of what is known around them."""
    size, weight = (NEIGHBORHOOD, NEIGHBORHOOD), known.astype(np.float32)
    total = _floats(cv2.blur(values * weight[..., None], size))
    count = np.maximum(cv2.blur(weight, size), 1e-6)
    return np.asarray(values - total / count[..., None], np.float32)


def _fit_channel(values: Floats, detail: Floats, true: Floats) -> tuple[float, float]:
    """Return gain and sharpness of one channel."""
    if len(true) < FEWEST or min(float(values.std()), float(true.std())) < FLATTEST:
        return 1.0, 0.0
    if float(np.corrcoef(values, true)[0, 1]) < LEAST_LIKENESS:
        return 1.0, 0.0
    left = np.stack((values, detail), axis=1)
    # A little of this keeps what nothing is known of at no change.
    hold = 1e-3 * len(true) * np.eye(2)
    extra, sharpness = np.linalg.solve(left.T @ left + hold, left.T @ (true - values))
    return float(np.clip(1 + extra, *GAINS)), float(np.clip(sharpness, *SHARPNESS))


def _soften(painted: ImageArray, rows: slice) -> tuple[Floats, Floats]:
    """Return these rows as float32 (h, W, C), sharp and blurred, both the caller's own."""
    height = painted.shape[0]
    first, last = max(rows.start - DETAIL_HALO, 0), min(rows.stop + DETAIL_HALO, height)
    wide = painted[first:last].astype(np.float32)
    soft = _floats(cv2.GaussianBlur(wide, (0, 0), DETAIL_SIGMA))
    inside = slice(rows.start - first, min(rows.stop, height) - first)
    return wide[inside], soft[inside]


def _measure_drift(
    kept: ImageArray, painted: ImageArray, is_known: MaskArray, look: Look
) -> tuple[Floats, Floats]:
    """Return, cell by cell, the mean difference times the share of known pixels, and that share."""
    sums, weights = [], []
    for rows in row_bands(kept.shape[0], BAND_ROWS):
        known = is_known[rows].astype(np.float32)
        difference = cv2.subtract(
            kept[rows].astype(np.float32), look.apply(painted, rows), mask=is_known[rows]
        )
        sums.append(_shrink(_floats(difference)))
        weights.append(_shrink(known))
    values, weight = np.concatenate(sums), np.concatenate(weights)
    near = cv2.blur(weight, (3, 3), borderType=cv2.BORDER_REPLICATE)
    smooth = cv2.blur(values, (3, 3), borderType=cv2.BORDER_REPLICATE)
    mean = np.atleast_3d(np.asarray(smooth)) / np.maximum(near, 1e-6)[..., None]
    return np.asarray(mean * weight[..., None], np.float32), weight


def _shrink(band: Floats) -> Floats:
    """Return the mean of each cell; what the last cells lack counts as unknown."""
    height, width = band.shape[:2]
    padded = cv2.copyMakeBorder(
        band, 0, -height % CELL, 0, -width % CELL, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )
    size = padded.shape[1] // CELL, padded.shape[0] // CELL
    small = np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)
    return small if band.ndim == 2 else np.atleast_3d(small)


def _enlarge(field: Floats, rows: slice, width: int) -> Floats:
    """Return the field of these rows pixel by pixel, float32 (>= h, width, C)."""
    first, last = rows.start // CELL, rows.stop // CELL
    above, below = max(first - 1, 0), min(last + 1, field.shape[0])
    part = np.ascontiguousarray(field[above:below])
    size = part.shape[1] * CELL, part.shape[0] * CELL
    large = _floats(cv2.resize(part, size, interpolation=cv2.INTER_LINEAR))
    return large[(first - above) * CELL :, :width]


def interpolate(values: Floats, weight: Floats, sweeps: int = SWEEPS) -> Floats:
    """Return the membrane through known values.

    Args:
        values: float32 (H, W, C), each times its weight.
        weight: float32 (H, W), 1 where a value is known, 0 where not, between in a coarser cell;
            somewhere more than 0.
        sweeps: rounds of relaxation at this scale.
    """
    is_known = (weight > 0).view(np.uint8)
    fixed = np.asarray(values / np.maximum(weight, 1e-6)[..., None], np.float32)
    if is_known.all():
        return fixed
    surface = _guess(values, weight, sweeps)
    cv2.copyTo(fixed, is_known, surface)
    for _ in range(sweeps):
        surface = _floats(cv2.blur(surface, (3, 3), borderType=cv2.BORDER_REPLICATE))
        cv2.copyTo(fixed, is_known, surface)
    return surface


def _guess(values: Floats, weight: Floats, sweeps: int) -> Floats:
    """Return what the next coarser scale says, or the mean where there is none."""
    height, width = weight.shape
    if min(height, width) <= COARSEST:
        mean = values.sum(axis=(0, 1)) / weight.sum()
        return np.full(values.shape, mean, np.float32)
    half = (width + 1) // 2, (height + 1) // 2
    coarse = interpolate(
        _floats(cv2.resize(values, half, interpolation=cv2.INTER_AREA)),
        np.asarray(cv2.resize(weight, half, interpolation=cv2.INTER_AREA), np.float32),
        min(sweeps * SWEEPS_GROWTH, MOST_SWEEPS),
    )
    return _floats(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR))


def _floats(array: object) -> Floats:
    """Return float32 (H, W, C) again: OpenCV drops the axis of a single channel."""
    return np.atleast_3d(np.asarray(array, np.float32))
