"""Fits the weights of the estimate: `python -m benchmarks.everyday.calibrate`.

Paints everyday pictures from seeds that no report uses, and photos with holes that reports use for
no other than this, with our methods as callers get them and without ground and structures; then
fits the weights to the MS-SSIM to the truth and prints them, to be put into
`worker/engines/estimate/model.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.everyday.cases import CASES
from benchmarks.everyday.painting import list_methods
from benchmarks.everyday.photos import list_photos
from benchmarks.everyday.run import Outcome, paint_case
from worker.engines.estimate.model import WEIGHTS

SEEDS = (101, 102, 103)
RIDGE = 1e-3
ROUNDS = 20_000
STEP = 0.5
FLOOR = 0.005
"""Least distance of MS-SSIM from 0 and 1: the curve reaches neither."""

WORST, BEST = 0.25, 0.5
WARNED = 0.9
"""Share of the worst quarter that the proposed threshold warns of."""

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """A fitted estimate.

    Attributes:
        intercept: of the logistic curve.
        weights: by feature.
    """

    intercept: float
    weights: dict[str, float]

    def estimate(self, evidence: Reals) -> Reals:
        """Return the estimates of rows of evidence, in the order of the weights."""
        doubt = evidence @ np.array(list(self.weights.values()))
        return np.asarray(1 / (1 + np.exp(doubt - self.intercept)), np.float64)


def collect(seeds: Sequence[int]) -> list[Outcome]:
    """Paint what the weights are fitted to; returns results with evidence."""
    methods = [one for one in list_methods() if one.is_ours or one.name.endswith("ignore")]
    cases = [*CASES, *list_photos(("tuned", "known"))]
    outcomes: list[Outcome] = []
    for seed in seeds:
        for case in cases:
            outcomes += paint_case(case, seed, methods).outcomes.values()
        print(f"seed {seed}: {len(outcomes)} results", flush=True)
    return [one for one in outcomes if _has_features(one)]


def _has_features(outcome: Outcome) -> bool:
    """Check that an estimate was made of all features: of a foretold pattern it was measured."""
    evidence = outcome.details.get("evidence")
    return isinstance(evidence, dict) and WEIGHTS.keys() <= evidence.keys()


def fit(outcomes: Sequence[Outcome], names: Sequence[str]) -> Model:
    """Fit weights of 0 and more by logistic regression, photos and made pictures weighing alike.

    Args:
        outcomes: results with evidence.
        names: features to use.
    """
    evidence, likeness = rows_of(outcomes, names)
    are_photos = np.array([one.kind == "photo" for one in outcomes])
    share = np.where(are_photos, 0.5 / max(are_photos.sum(), 1), 0.5 / max((~are_photos).sum(), 1))
    share /= share.sum()
    scale = evidence.std(axis=0) + 1e-9
    scaled, target = evidence / scale, likeness.clip(FLOOR, 1 - FLOOR)
    intercept, weights = 2.0, np.zeros(len(names))
    for _ in range(ROUNDS):
        error = share * (1 / (1 + np.exp(scaled @ weights - intercept)) - target)
        intercept -= STEP * error.sum()
        weights = (weights + STEP * (error @ scaled - 2 * RIDGE * weights)).clip(0)
    return Model(float(intercept), dict(zip(names, (weights / scale).tolist(), strict=True)))


def rows_of(outcomes: Sequence[Outcome], names: Sequence[str]) -> tuple[Reals, Reals]:
    """Return the evidence, a row a result, and the likeness to the truth."""
    rows = []
    for one in outcomes:
        evidence = one.details["evidence"]
        assert isinstance(evidence, dict)  # noqa: S101
        rows.append([float(evidence[name]) for name in names])
    return np.array(rows), np.array([one.ms_ssim for one in outcomes])


def propose_threshold(estimates: Reals, likeness: Reals) -> tuple[float, float]:
    """Return the estimate below which most of the worst quarter lies, and who else does.

    Returns:
        The estimate, and the share of the better half below it.
    """
    order = np.argsort(likeness)
    worst, best = order[: int(WORST * len(order))], order[int(BEST * len(order)) :]
    limit = float(np.quantile(estimates[worst], WARNED))
    return limit, float(np.mean(estimates[best] < limit))


def main() -> None:
    """Paint, fit and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.everyday.calibrate")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    outcomes = collect(parser.parse_args().seeds)
    model = fit(outcomes, list(WEIGHTS))
    print(f"INTERCEPT: Final = {model.intercept:.2f}")
    for name, weight in model.weights.items():
        print(f'    "{name}": {weight:.2f},')
    evidence, likeness = rows_of(outcomes, list(WEIGHTS))
    limit, others = propose_threshold(model.estimate(evidence), likeness)
    print(
        f"threshold {limit:.2f}: {100 * WARNED:g} % of the worst quarter, {100 * others:.1f} % "
        "of the better half"
    )


if __name__ == "__main__":
    main()
