"""The surroundings of letters: outlines, glow and shadows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np

from worker.engines.finders.text.band import Band, Bools
from worker.engines.finders.text.detecting import Floats
from worker.engines.finders.text.layers import BLACK, WHITE, veil_over
from worker.engines.finders.text.letters import average, measure_spread
from worker.engines.finders.text.modes import Space, find_modes

_DIRECTIONS: Final = tuple(
    (int(x), int(y)) for x in (-1, 0, 1) for y in (-1, 0, 1) if (x, y) != (0, 0)
)

_AROUND: Final = 0.2
"""Share of the letters' rim that an outline covers at least."""
_MOST_OF_RIM, _EACH_PART, _MORE = 0.5, 0.4, 0.3
"""Shares of the closest pixels that an outline in a color of the ground covers: of all, of nearly
each part of the line, and more than of the ground farther off."""


def list_outlines(band: Band, spaces: list[Space], letters: Bools, far: Bools) -> Iterator[Bools]:
    """Yield what is common right beside the letters, along the line, and less so farther off."""
    inner = band.widen(letters, 0.06, 2) & ~letters & band.near
    outer = band.widen(letters, 0.12, 3) & ~letters & band.near
    closest = band.widen(letters, 0, 2) & inner
    if not inner.any():
        return
    for space in spaces:
        for mode in find_modes(space, inner, 8):
            alike = space.distance_to(mode) < 1
            beside = alike & outer
            if (
                _is_outline(band, alike, (closest, inner, far))
                and measure_spread(band, beside) >= 0.6
            ):
                yield beside


def _is_outline(band: Band, alike: Bools, rings: tuple[Bools, Bools, Bools]) -> bool:
    """Return whether pixels are rare farther off, or else lie along nearly all of the letters.

    Args:
        band: the line.
        alike: the pixels.
        rings: what lies right beside the letters, near them, and farther off.
    """
    closest, near, far = (alike[ring].mean() for ring in rings)
    if near > max(_AROUND, 4 * (far + 0.01)):
        return True
    parts = average(band, alike.astype(np.float32), rings[0])
    steady = np.quantile(parts, 0.1) > _EACH_PART
    return bool(steady and closest > max(_MOST_OF_RIM, far + _MORE))


def find_glow(band: Band, ground: Floats, letters: Bools, far: Bools) -> Bools:
    """Return where the ground beside the letters is lighter, or darker, than farther off."""
    # The letters' own rim is no glow.
    rim = widen_once(letters)
    inner = band.widen(letters, 0.06, 3) & ~rim
    outer = band.widen(letters, 0.12, 4) & ~letters
    found = np.zeros_like(letters)
    for color in (WHITE, BLACK):
        opacity, _ = veil_over(band.colors, ground, color)
        veil = np.asarray(cv2.GaussianBlur(opacity, (0, 0), 0.8), np.float32)
        usual = average(band, veil, far)
        noise = 1.25 * average(band, np.abs(veil - usual[band.segment]), far)
        is_more = average(band, veil, inner) - usual > np.maximum(0.04, noise)
        if is_more.mean() < 0.6:
            continue
        least = (usual + np.maximum(0.04, 1.5 * noise))[band.segment]
        found |= (veil > least) & is_more[band.segment] & outer
    return found


def find_shadow(band: Band, ground: Floats, letters: Bools) -> Bools:
    """Return the letters' shadow: where it is darker on one side of them than on all others.

    The sides are compared with each other, so a structured ground does not hide it.
    """
    below = np.maximum(ground[..., 0], np.float32(40))
    dark = np.asarray((ground[..., 0] - band.colors[..., 0]) / below, np.float32)
    rim = band.widen(letters, 0, 1)
    step = max(2, round(0.05 * band.height))
    means = np.array([_mean_beside(dark, letters, rim, place, step) for place in _DIRECTIONS])
    best = int(means.argmax())
    rest = np.delete(means, [i for i, way in enumerate(_DIRECTIONS) if _is_beside(way, best)])
    excess = means[best] - np.median(rest)
    if excess < max(0.06, 2.5 * np.ptp(rest) / 2):
        return np.zeros_like(letters)
    found = np.zeros_like(letters)
    for length in range(1, max(3, round(0.2 * band.height))):
        found |= _move(letters, _DIRECTIONS[best], length)
        beyond = _mean_beside(dark, letters, widen_once(found | rim), _DIRECTIONS[best], length + 2)
        if beyond - np.median(rest) < 0.35 * excess:
            break
    return widen_once(found)


def widen_once(mask: Bools) -> Bools:
    """Return a mask widened by one pixel, corners too."""
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)


def _is_beside(way: tuple[int, int], best: int) -> bool:
    """Return whether a direction is the best one or next to it."""
    return way[0] * _DIRECTIONS[best][0] + way[1] * _DIRECTIONS[best][1] > 0


def _mean_beside(
    dark: Floats, letters: Bools, rim: Bools, way: tuple[int, int], length: int
) -> float:
    there = _move(letters, way, length) & ~rim
    return float(dark[there].mean()) if there.any() else 0.0


def _move(mask: Bools, way: tuple[int, int], length: int) -> Bools:
    matrix = np.array([[1, 0, way[0] * length], [0, 1, way[1] * length]], np.float32)
    moved = cv2.warpAffine(mask.astype(np.uint8), matrix, mask.shape[::-1], flags=cv2.INTER_NEAREST)
    return np.asarray(moved > 0)
