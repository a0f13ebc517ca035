"""Following a structure from the rim of a hole outward, as far as it stays itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.engines.channels import sum_channels
from worker.engines.structures.scene import Floats, Scene, sample

REACH: Final = 8
"""Pixels to both sides that are compared."""

STEP: Final = 1.5
STEPS: Final = 28
"""Pixels from sample to sample, and how many are taken at most."""

SHIFT: Final = 1.5
FINENESS: Final = 0.25
"""Pixels by which a structure may drift from one sample to the next, and in what steps."""

DRIFT_COST: Final = 0.04
"""Of the contrast, squared, that a drift of one pixel costs: on what is even, nothing drifts."""

UNLIKE: Final = 0.55
"""Of the contrast: a sample that differs by more is no more of the same structure."""

MISSED: Final = 3
"""Samples in a row that may be unlike in a graphic: another line crosses there."""

TURNING: Final = 0.25
"""Share of the newest direction in the direction that is followed."""

ADAPTING: Final = 0.15
"""Share of the newest sample in what the next is compared with."""


@dataclass(frozen=True, eq=False)
class Traces:
    """Structures followed outward, one a row.

    Attributes:
        points: float32 (E, STEPS + 1, 2), column and row, `STEP` apart, the first on the rim.
        counts: int64 (E,), how many of the points belong to the structure.
        is_cut: bool (E,), whether it was the picture's border or another hole that ended it.
    """

    points: Floats
    counts: NDArray[np.int64]
    is_cut: NDArray[np.bool_]


def trace(scene: Scene, starts: Floats, outward: Floats) -> Traces:
    """Follow structures outward.

    Args:
        scene: the picture.
        starts: float32 (E, 2), column and row.
        outward: float32 (E, 2), unit vectors along the structures, away from the hole.
    """
    count = len(starts)
    points = np.repeat(starts[:, None], STEPS + 1, axis=1).astype(np.float32)
    counts = np.ones(count, np.int64)
    alive, is_cut = np.ones(count, np.bool_), np.zeros(count, np.bool_)
    position, direction = starts.astype(np.float32), outward.astype(np.float32)
    template = _centered(_read(scene, position, direction)[:, _middle()])
    missed = np.zeros(count, np.int64)
    most_missed = MISSED if scene.is_graphic else 0
    for step in range(1, STEPS + 1):
        ahead = position + STEP * direction
        lost = alive & _is_lost(scene, ahead, direction)
        is_cut |= lost
        alive &= ~lost
        shift, best, unlike = _match(_read(scene, ahead, direction), template)
        is_like = unlike < UNLIKE
        missed = np.where(is_like, 0, missed + 1)
        alive &= missed <= most_missed
        if not alive.any():
            break
        drift = np.where(is_like, shift, 0)[:, None]
        position = ahead + drift * _across(direction)
        points[:, step] = position
        counts[alive & is_like] = step + 1
        template += np.where(is_like, ADAPTING, 0).astype(np.float32)[:, None, None] * (
            best - template
        )
        back = points[:, max(step - 6, 0)]
        direction = _turn(direction, position - back)
    return Traces(points, counts, is_cut)


def _across(direction: Floats) -> Floats:
    return np.stack((-direction[:, 1], direction[:, 0]), axis=1)


def _fine() -> Floats:
    most = REACH + SHIFT
    return np.arange(-most, most + FINENESS / 2, FINENESS, dtype=np.float32)


def _middle(shift: int = 0) -> NDArray[np.int64]:
    """Return indexes into a fine reading of what lies at whole pixels, moved by a fine shift."""
    per_pixel, margin = round(1 / FINENESS), round(SHIFT / FINENESS)
    return np.arange(2 * REACH + 1) * per_pixel + margin + shift


def _read(scene: Scene, position: Floats, direction: Floats) -> Floats:
    """Return the colors across, finely: float32 (E, M, C)."""
    places = position[:, None] + _fine()[None, :, None] * _across(direction)[:, None]
    return sample(scene.color, places[..., 0], places[..., 1])


def _centered(profile: Floats) -> Floats:
    return np.asarray(profile - profile.mean(axis=1, keepdims=True), np.float32)


def _match(reading: Floats, template: Floats) -> tuple[Floats, Floats, Floats]:
    """Return by how much each reading is shifted, the profile there, and how unlike it is."""
    weight = np.exp(-((np.arange(-REACH, REACH + 1) / 5.0) ** 2) / 2).astype(np.float32)
    weight /= weight.sum()
    contrast = (template**2).sum(axis=2) @ weight + 1e-3
    most = round(SHIFT / FINENESS)
    shifts = np.arange(-most, most + 1)
    # All shifts at once: (S, E, M, C), laid out so that each is what it would be alone.
    every = reading.transpose(1, 0, 2)[_middle() + shifts[:, None]].transpose(0, 2, 1, 3)
    found = every - every.mean(axis=2, keepdims=True)
    unlike = sum_channels((found - template) ** 2)
    gaps = np.stack([gap @ weight / contrast for gap in unlike])
    drift = (DRIFT_COST * (shifts * FINENESS) ** 2).astype(np.float32)
    costs = gaps + drift[:, None]
    chosen, entry = np.argmin(costs, axis=0), np.arange(len(reading))
    moved = (shifts[chosen] * FINENESS).astype(np.float32)
    least = np.sqrt(costs[chosen, entry]).astype(np.float32)
    return moved, found[chosen, entry], least


def _turn(direction: Floats, way: Floats) -> Floats:
    length = np.linalg.norm(way, axis=1, keepdims=True)
    turned = direction + np.float32(TURNING) * (way / np.maximum(length, 1e-3) - direction)
    return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True), np.float32)


def _is_lost(scene: Scene, position: Floats, direction: Floats) -> NDArray[np.bool_]:
    """Return whether the picture is not known at a position and two pixels beside it."""
    height, width = scene.unknown.shape
    lost = np.zeros(len(position), np.bool_)
    for aside in (-2, 0, 2):
        place = np.rint(position + aside * _across(direction)).astype(np.int64)
        x, y = place[:, 0], place[:, 1]
        outside = (x < 0) | (y < 0) | (x >= width) | (y >= height)
        at = scene.unknown[y.clip(0, height - 1), x.clip(0, width - 1)]
        lost |= outside | (at != 0)
    return lost
