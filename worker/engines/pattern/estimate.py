"""Estimates of how well an extension went."""

from __future__ import annotations

from typing import Final

from service.contract.geometry import Geometry

FADING: Final = 0.3
"""Rate at which trust fades with the way past the border, in sides of the original."""


def estimate_lattice(correlation: float, geometry: Geometry) -> float:
    """Return an estimate for a pattern whose rim was foretold with this correlation, 0 .. 1.

    The foretold rim is the same task on a part whose truth is known: on generated tiles, MS-SSIM
    of the result lay within 0.1 of the correlation.
    """
    return min(max(correlation, 0.0), 1.0) * _trust(geometry)


def estimate_growth(estimate: float, geometry: Geometry) -> float:
    """Return an estimate for patches that fit each other this well, 0 .. 1."""
    return estimate * _trust(geometry)


def _trust(geometry: Geometry) -> float:
    margins, box = geometry.margins, geometry.original
    across = max(margins.left, margins.right) / box.width
    down = max(margins.top, margins.bottom) / box.height
    return 1.0 / (1.0 + FADING * max(across, down))
