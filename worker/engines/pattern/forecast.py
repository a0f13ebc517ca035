"""Check of a period: the picture's own rim is foretold from what lies inside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box, Margins
from worker.engines.pattern.autocorrelation import take_light_away
from worker.engines.pattern.lattice import Sheet, lay
from worker.engines.pattern.light import Light, fit_light
from worker.engines.pattern.period import Period, list_counts
from worker.imaging import ImageArray

RIM: Final = 6
"""Part of a side that is foretold."""

GAIN: Final = 0.97
"""A more bent light must leave less than this part of the error, or it is not bent."""

LOSS: Final = 0.01
"""Correlation that more bent light may cost."""

MOST_STEPS: Final = 8


@dataclass(frozen=True)
class Forecast:
    """Measures of a foretold rim.

    Attributes:
        correlation: of the rim's detail with the foretold one, -1 .. 1; 0 where none was foretold.
        error: root mean square difference, in gray values.
        terms: of the light that foretold it best.
    """

    correlation: float
    error: float
    terms: int


def foretell_rim(
    image: ImageArray, margins: Margins, period: Period, check: Callable[[], None]
) -> Forecast:
    """Foretell the sides that are to be extended, with light of every kind; return the best.

    Args:
        image: RGB uint8 (H, W, 3), the original.
        margins: where it is to be extended.
        period: its supposed period.
        check: called between pieces; may raise to stop.
    """
    height, width = image.shape[:2]
    box = Box(
        left=width // RIM if margins.left else 0,
        top=height // RIM if margins.top else 0,
        right=width - (width // RIM if margins.right else 0),
        bottom=height - (height // RIM if margins.bottom else 0),
    )
    best = Forecast(0.0, np.inf, 0)
    for terms in (0, 2, 5):
        one = _foretell(image, box, period, terms, check)
        # Light that is there makes the detail no less alike; what does is fitted to other things.
        is_as_alike = one.correlation >= best.correlation - LOSS or terms == 0
        if is_as_alike and one.error < GAIN * best.error:
            best = one
    return best


def _foretell(
    image: ImageArray, box: Box, period: Period, terms: int, check: Callable[[], None]
) -> Forecast:
    inner = np.ascontiguousarray(image[box.top : box.bottom, box.left : box.right])
    light = find_light(inner, period, terms, check)
    gain = light.gain_like(image, box.left, box.top)
    check()
    sheet = Sheet.of(image / gain, box)
    sheet.values[sheet.rest != 0] = 0
    is_rim = sheet.rest != 0
    lay(sheet, box, period, check)
    told = is_rim & (sheet.rest == 0)
    if np.count_nonzero(told) < 0.5 * np.count_nonzero(is_rim) or not told.any():
        return Forecast(0.0, np.inf, terms)
    guess = (sheet.values * gain).clip(0, 255)
    check()
    error = float(np.sqrt(np.square(guess - image)[told].mean()))
    check()
    guess[~told] = image[~told]
    correlation = _correlate(image, guess.round().astype(np.uint8), told, check)
    return Forecast(correlation, error, terms)


def _correlate(
    image: ImageArray, guess: ImageArray, where: NDArray[np.bool_], check: Callable[[], None]
) -> float:
    one = take_light_away(image)[where].ravel()
    check()
    other = take_light_away(guess)[where].ravel()
    check()
    both = float(
        np.sqrt(np.square(one).sum(dtype=np.float64) * np.square(other).sum(dtype=np.float64))
    )
    return float((one * other).sum(dtype=np.float64)) / both if both > 0 else 0.0


def find_light(image: ImageArray, period: Period, terms: int, check: Callable[[], None]) -> Light:
    """Fit light with so many terms by those steps of the period that end nearest to a pixel."""
    height, width = image.shape[:2]
    ways = list_counts(len(period.steps), 4) @ period.steps
    whole = np.rint(ways).astype(np.int64)
    free = (height - np.abs(whole[:, 1])).clip(0) * (width - np.abs(whole[:, 0])).clip(0)
    half = (whole[:, 1] > 0) | ((whole[:, 1] == 0) & (whole[:, 0] > 0))
    ways, whole = (steps[half & (free >= 0.3 * height * width)] for steps in (ways, whole))
    order = np.argsort(np.square(ways - whole).sum(axis=1), kind="stable")[:MOST_STEPS]
    return fit_light(image, [(int(dx), int(dy)) for dx, dy in whole[order]], terms, check)
