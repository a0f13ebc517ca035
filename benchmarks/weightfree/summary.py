"""Means, medians, ratios and ranks over the results of one run."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.weightfree.pictures import SOURCES
from benchmarks.weightfree.run import Result

SCORES = ("psnr", "ssim", "ms_ssim", "swd", "sharp", "seam")

# One flat original can have a ratio of 30; a median is what such scores allow.
BY_MEDIAN = ("sharp", "seam")


@dataclass(frozen=True)
class Run:
    """The results of one run.

    Attributes:
        results: every method in every case.
    """

    results: Sequence[Result]

    def select(self, keep: Callable[[Result], bool]) -> Run:
        """Return the part of the run that is kept."""
        return Run([result for result in self.results if keep(result)])

    def section(self, name: str) -> Run:
        """Return one section."""
        return self.select(lambda result: result.case.section == name)

    def role(self, name: str) -> Run:
        """Return the cases whose pictures have a role."""
        return self.select(lambda result: SOURCES[result.case.picture].role == name)

    def group(self, name: str) -> Run:
        """Return the cases whose pictures belong to a group."""
        return self.select(lambda result: SOURCES[result.case.picture].group == name)

    def mask(self, name: str) -> Run:
        """Return the cases with a kind of mask."""
        return self.select(lambda result: result.case.mask == name)

    def label(self, name: str) -> Run:
        """Return the cases of a label."""
        return self.select(lambda result: result.case.label == name)

    def values(self, key: str) -> list[str]:
        """Return what occurs: `method`, `mask` or `label`, in order of first occurrence."""
        pick = (lambda r: r.method) if key == "method" else (lambda r: str(getattr(r.case, key)))
        return list(dict.fromkeys(pick(result) for result in self.results))

    def of(self, method: str) -> dict[tuple[str, str], Result]:
        """Return a method's results by picture and label, without failures."""
        return {
            (result.case.picture, result.case.label): result
            for result in self.results
            if result.method == method and result.error is None
        }

    def pairs(self, one: str, other: str) -> list[tuple[Result, Result]]:
        """Return the results of two methods in the cases that both painted."""
        first, second = self.of(one), self.of(other)
        return [(first[key], second[key]) for key in first if key in second]


def score_of(result: Result, name: str) -> float:
    """Return one score, nan where none was taken."""
    return float(getattr(result.scores, name)) if result.scores else float("nan")


def average(results: Sequence[Result], name: str) -> float | None:
    """Return the mean of a score, or the median where one case can spoil a mean."""
    values = [score_of(result, name) for result in results if result.scores]
    if not values:
        return None
    return statistics.median(values) if name in BY_MEDIAN else statistics.fmean(values)


def advantage(run: Run, one: str, other: str, name: str) -> float | None:
    """Return how much a method's mean score is over another's, in the cases that both painted."""
    pairs = [pair for pair in run.pairs(one, other) if pair[0].scores and pair[1].scores]
    if not pairs:
        return None
    return statistics.fmean(score_of(a, name) - score_of(b, name) for a, b in pairs)


def quotient(run: Run, one: str, other: str, name: str) -> float | None:
    """Return a method's mean score over another's mean, in the cases that both painted."""
    pairs = [pair for pair in run.pairs(one, other) if pair[0].scores and pair[1].scores]
    if not pairs:
        return None
    below = statistics.fmean(score_of(b, name) for _, b in pairs)
    return statistics.fmean(score_of(a, name) for a, _ in pairs) / max(below, 1e-9)


def time_ratio(run: Run, one: str, other: str, name: str = "seconds") -> float | None:
    """Return the median over the cases of a method's time over another's."""
    ratios = [getattr(a, name) / max(getattr(b, name), 1e-9) for a, b in run.pairs(one, other)]
    return statistics.median(ratios) if ratios else None


def median_of(run: Run, method: str, name: str) -> float | None:
    """Return the median over the cases of a time or of the memory."""
    values = [getattr(result, name) for result in run.of(method).values()]
    numbers = [value for value in values if value is not None]
    return statistics.median(numbers) if numbers else None


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, ties sharing their mean rank; none where it is undefined.

    Args:
        first: at least three values.
        second: as many.
    """
    if len(first) < 3 or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    count = len(ordered)
    first = {value: count - 1 - place for place, value in enumerate(reversed(ordered))}
    last = {value: place for place, value in enumerate(ordered)}
    return [(first[value] + last[value]) / 2 for value in values]


def estimate_correlation(run: Run, method: str = "patch") -> tuple[float | None, int]:
    """Return the rank correlation of a method's estimate with its true SSIM, and over how many."""
    told = [r for r in run.of(method).values() if r.estimate is not None and r.scores]
    estimates = [float(r.estimate or 0) for r in told]
    return rank_correlation(estimates, [score_of(r, "ssim") for r in told]), len(told)


def kind_correlation(run: Run, method: str = "patch") -> float | None:
    """Return the rank correlation that knowing the kind of mask alone would reach.

    It guesses each case's SSIM by the mean over all cases with such a mask: an estimate that does
    not beat it has not looked at the picture.
    """
    told = [result for result in run.of(method).values() if result.scores]
    # The mean holds the case itself. Without it a better case gets a lower guess than its like, and
    # the correlation falls below 0 for that reason alone.
    means = {
        mask: average(list(run.mask(mask).of(method).values()), "ssim") for mask in _masks(told)
    }
    guesses = [means[result.case.mask] or 0.0 for result in told]
    return rank_correlation(guesses, [score_of(result, "ssim") for result in told])


def _masks(results: Sequence[Result]) -> set[str]:
    return {result.case.mask for result in results}
