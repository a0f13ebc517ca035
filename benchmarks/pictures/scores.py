"""Scores of one removal, and their means."""

from __future__ import annotations

import importlib
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.everyday import perception
from benchmarks.everyday.sample import Sample, encode
from benchmarks.pictures.sets import Item
from worker.imaging import ImageArray

Judge = Callable[[ImageArray, ImageArray, ImageArray], float]
"""Takes what was sent, the mask and the result; returns a score such as RC-S."""


@dataclass(frozen=True)
class Scores:
    """Scores of one result; None where something that they need is not there.

    Attributes:
        hole: PSNR in dB inside the mask against the truth.
        ground: PSNR in dB outside of it; infinite where nothing differs.
        distance: to the truth in a network's features, inside the mask; not LPIPS.
        rcs: of the operator's judge.
        changed: pixels outside the mask that differ from what was sent.
        seconds: of the clock.
    """

    hole: float | None
    ground: float | None
    distance: float | None
    rcs: float | None
    changed: int
    seconds: float


def score(item: Item, pixels: ImageArray, seconds: float, judge: Judge | None = None) -> Scores:
    """Return the scores of a result."""
    hole = item.mask > 0
    truth = item.truth
    return Scores(
        hole=None if truth is None else measure_psnr(truth, pixels, hole),
        ground=None if truth is None else measure_psnr(truth, pixels, ~hole),
        distance=_measure_distance(item, pixels),
        rcs=None if judge is None else judge(item.sent, item.mask, pixels),
        changed=int((pixels != item.sent).any(axis=2)[~hole].sum()),
        seconds=seconds,
    )


def measure_psnr(truth: ImageArray, pixels: ImageArray, where: NDArray[np.bool_]) -> float:
    """Return the PSNR in dB where a mask says; infinite where nothing differs."""
    error = truth[where].astype(np.float64) - pixels[where]
    mean = float(np.square(error).mean()) if error.size else 0.0
    return math.inf if mean == 0 else 10 * math.log10(255**2 / mean)


def _measure_distance(item: Item, pixels: ImageArray) -> float | None:
    if item.truth is None or not perception.is_there():
        return None
    return perception.measure_distance(Sample(encode(item.sent), item.truth, item.mask, ()), pixels)


def load_judge(name: str | None) -> Judge | None:
    """Return the function that `MODULE:FUNCTION` names, or None where its package is not there."""
    if name is None:
        return None
    module, _, function = name.partition(":")
    try:
        judge: Judge = getattr(importlib.import_module(module), function)
    except ImportError:
        return None
    return judge


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of what was measured, or None.

    Infinite values stay out, unless there are no others: a mean with one would say nothing.
    """
    found = [value for value in values if value is not None]
    finite = [value for value in found if math.isfinite(value)]
    return statistics.fmean(finite or found) if found else None
