"""The estimate of a painted canvas."""

from __future__ import annotations

from dataclasses import replace

from worker.engines.base import Canvas, Painted
from worker.engines.estimate.features import measure_features, measure_foretold, measure_misfit
from worker.engines.estimate.model import FAULTS, estimate_from
from worker.engines.estimate.view import make_view
from worker.imaging import ImageArray, MaskArray

DIGITS = 4
"""Decimals of what the recipe tells of the evidence."""


def judge(canvas: Canvas, painted: Painted) -> Painted:
    """Return a painting with the estimate of what people will see in it.

    Its own estimate says how well the copied pieces fit each other, and becomes one feature of
    several; one that was measured is the start, and only faults that can be seen lower it. A
    painting that has none, such as an exact reflection, is left as it is.

    Args:
        canvas: what was painted.
        painted: how it came out, with the engine's own estimate.

    Returns:
        The painting; `details` say under `evidence` what the estimate was made of.
    """
    if painted.estimate is None or not canvas.mask.any():
        return painted
    evidence = find_evidence(
        painted.image, canvas.mask, painted.estimate, is_foretold=painted.is_foretold
    )
    told = {name: round(value, DIGITS) for name, value in evidence.items()}
    details = {**painted.details, "evidence": told}
    return replace(painted, estimate=estimate_from(evidence), details=details)


def find_evidence(
    image: ImageArray, mask: MaskArray, fit: float, *, is_foretold: bool = False
) -> dict[str, float]:
    """Return what an estimate is made of, by name.

    Args:
        image: RGB or premultiplied RGBA uint8 (H, W, 3 or 4), painted.
        mask: uint8 (H, W), 255 = painted; somewhere it is.
        fit: how well the copied pieces fit each other, or a foretold part its truth, 0 .. 1.
        is_foretold: whether the fit was measured on a part whose truth is known.
    """
    seen = measure_features(make_view(image, mask))
    if is_foretold:
        return {"foretold": measure_foretold(fit), **{name: seen[name] for name in FAULTS}}
    return {"misfit": measure_misfit(fit), **seen}
