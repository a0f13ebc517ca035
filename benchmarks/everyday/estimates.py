"""Checks whether estimates separate good results from bad ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.everyday.run import Outcome
from benchmarks.everyday.sample import KINDS
from benchmarks.weightfree.summary import rank_correlation
from benchmarks.weightfree.tables import Cell, grid

WARNING = "low_confidence"
MIN_CORRELATION = 0.7
MIN_WORST_WARNED = 0.85
MAX_BEST_WARNED = 0.05


@dataclass(frozen=True)
class Calibration:
    """Worth of the estimates of some results.

    Attributes:
        name: which results.
        count: how many.
        correlation: rank correlation with the MS-SSIM to the truth; `None` where all are alike.
        with_features: the same with the distance of a network's features, turned round.
        worst_warned: share of the worst quarter that carries the warning.
        best_warned: share of the better half that does.
    """

    name: str
    count: int
    correlation: float | None
    with_features: float | None
    worst_warned: float
    best_warned: float

    @property
    def is_met(self) -> bool:
        """Return whether the goals for all results together are met."""
        ranked = self.correlation is not None and self.correlation >= MIN_CORRELATION
        warned = self.worst_warned >= MIN_WORST_WARNED and self.best_warned <= MAX_BEST_WARNED
        return ranked and warned


def choose_estimated(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return our results that carry an estimate, painted as callers get them by default."""
    return [one for one in outcomes if one.is_ours and one.estimate is not None]


def calibrate_all(outcomes: Sequence[Outcome]) -> list[Calibration]:
    """Return the worth of the estimates: of each kind, of all made ones, of photos, of all."""
    told = choose_estimated(outcomes)
    groups: dict[str, Callable[[Outcome], bool]] = {
        kind: (lambda one, kind=kind: one.kind == kind)  # type: ignore[misc]
        for kind in KINDS
    }
    groups["everyday"] = lambda one: one.kind != "photo"
    groups["photo"] = lambda one: one.kind == "photo"
    groups["all"] = lambda _: True
    chosen = {name: [one for one in told if keep(one)] for name, keep in groups.items()}
    return [_calibrate(name, found) for name, found in chosen.items() if len(found) >= 4]


def _calibrate(name: str, found: Sequence[Outcome]) -> Calibration:
    estimates = [one.estimate or 0.0 for one in found]
    ranked = sorted(found, key=lambda one: one.ms_ssim)
    measured = [(one.estimate or 0.0, -one.distance) for one in found if one.distance is not None]
    return Calibration(
        name,
        len(found),
        rank_correlation(estimates, [one.ms_ssim for one in found]),
        rank_correlation([pair[0] for pair in measured], [pair[1] for pair in measured]),
        _share_warned(ranked[: len(ranked) // 4]),
        _share_warned(ranked[(len(ranked) + 1) // 2 :]),
    )


def _share_warned(found: Sequence[Outcome]) -> float:
    return sum(WARNING in one.warnings for one in found) / max(len(found), 1)


def render_estimates(outcomes: Sequence[Outcome]) -> str:
    """Return the table of the estimates as Markdown; empty where nothing was estimated."""
    rows: list[list[Cell]] = [
        [
            one.name,
            str(one.count),
            one.correlation,
            one.with_features,
            f"{100 * one.worst_warned:.0f} %",
            f"{100 * one.best_warned:.0f} %",
        ]
        for one in calibrate_all(outcomes)
    ]
    if not rows:
        return ""
    heads = [
        "results",
        "count",
        "rank correlation with MS-SSIM",
        "with features of EfficientNet-Lite0",
        "worst quarter warned",
        "better half warned",
    ]
    goal = (
        f"Goal, of all together: correlation ≥ {MIN_CORRELATION:g}, "
        f"≥ {100 * MIN_WORST_WARNED:g} % of the worst quarter and "
        f"≤ {100 * MAX_BEST_WARNED:g} % of the better half carry `{WARNING}`."
    )
    return f"## What estimates are worth\n\n{goal}\n\n" + grid(heads, rows)
