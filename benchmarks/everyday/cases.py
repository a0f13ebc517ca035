"""All cases."""

from __future__ import annotations

from benchmarks.everyday.kinds import (
    flat,
    graded,
    graphic,
    product,
    screenshot,
    sprite,
    unique,
    wall,
)
from benchmarks.everyday.sample import Case

CASES: tuple[Case, ...] = (
    *flat.CASES,
    *graded.CASES,
    *product.CASES,
    *sprite.CASES,
    *graphic.CASES,
    *screenshot.CASES,
    *unique.CASES,
    *wall.CASES,
)


def find_case(name: str) -> Case:
    """Return the case of a name.

    Raises:
        KeyError: no such case.
    """
    return {case.name: case for case in CASES}[name]
