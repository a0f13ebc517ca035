"""How cost grows: the slope of a line through logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]


def fit_power(points: Sequence[Point]) -> tuple[float, float]:
    """Return exponent and factor of `y = factor * x ** exponent`, by least squares of logarithms.

    Args:
        points: at least two of different x, all above 0.

    Raises:
        ValueError: there are fewer.
    """
    logs = [(math.log(x), math.log(y)) for x, y in points]
    middle = sum(x for x, _ in logs) / max(len(logs), 1)
    height = sum(y for _, y in logs) / max(len(logs), 1)
    width = sum((x - middle) ** 2 for x, _ in logs)
    if width == 0:
        raise ValueError("a slope needs points of at least two different x")
    exponent = sum((x - middle) * (y - height) for x, y in logs) / width
    return exponent, math.exp(height - exponent * middle)
