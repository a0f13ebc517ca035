"""From what can be seen to an estimate: a sum of weighted features through a logistic curve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

INTERCEPT: Final = 7.67

FORETOLD_INTERCEPT: Final = 5.29
"""The logit of the best fit that is measured, 0.995, from which misfit is counted."""

WEIGHTS: Final[Mapping[str, float]] = {
    "misfit": 0.35,
    "depth": 1.21,
    "share": 0.18,
    "rough": 0.50,
    "dull": 0.92,
    "wild": 0.45,
    "unsure": 0.98,
    "texture": 0.67,
    "invented": 2.16,
    "floating": 0.86,
    "strange": 4.52,
    "crossed": 1.05,
    "strokes": 0.41,
}
"""Weights of the features. None is below 0: a feature can only give cause for doubt.

Fitted by `python -m benchmarks.everyday.calibrate` to the multi-scale structural similarity of
results to their truths: everyday pictures made from seeds of their own, and photos with holes."""


FAULTS: Final = ("dull", "wild", "invented", "floating", "strange")
"""Faults of a result itself. All other features say how hard it was to paint, which a
part that was foretold and compared with its truth has shown better than they could."""


def estimate_from(evidence: Mapping[str, float]) -> float:
    """Return an estimate, 0 .. 1: the MS-SSIM to the truth that such evidence came with.

    With `foretold`, the measured misfit takes the place of all that says how hard it was.
    """
    start = FORETOLD_INTERCEPT if "foretold" in evidence else INTERCEPT
    weights = {"foretold": 1.0, **WEIGHTS}
    doubt = sum(weight * evidence.get(name, 0.0) for name, weight in weights.items())
    return 1.0 / (1.0 + math.exp(doubt - start))


REASONS: Final[Mapping[str, str]] = {
    "foretold": "the pattern does not repeat itself exactly",
    "misfit": "the copied pieces do not fit each other well",
    "depth": "the hole is deep",
    "share": "a large part of the picture was painted",
    "rough": "what was painted is rough, and rough detail is seldom met",
    "dull": "what was painted is smoother than what lies around it",
    "wild": "what was painted is rougher than what lies around it",
    "unsure": "no even ground lies around the hole",
    "texture": "what lies around the hole is rough",
    "invented": "things were painted on what is even ground all around",
    "floating": "a figure was painted that meets nothing of the picture",
    "strange": "colors were painted that nothing beside the hole has",
    "crossed": "many edges run into the hole",
    "strokes": "writing or other thin strokes lie beside the hole",
}
"""The meaning of each feature, as a warning says it."""


def name_doubt(evidence: Mapping[str, float]) -> str | None:
    """Return what takes most away from an estimate, in words; `None` without evidence."""
    weights = {"foretold": 1.0, **WEIGHTS}
    known = [name for name in weights if name in evidence]
    if not known:
        return None
    return REASONS[max(known, key=lambda name: weights[name] * evidence[name])]
