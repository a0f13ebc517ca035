"""Entries: where a structure runs into a hole, and with what direction, bend and colors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.structures.profiles import (
    WIDEST_LINE,
    Profile,
    find_line,
    measure_profile,
)
from worker.engines.structures.rim import Rim, find_rims
from worker.engines.structures.scene import Floats, Scene, sample
from worker.engines.structures.tracing import STEP, Traces, trace

CHANGE: Final = 6.0
CHANGE_IN_GRAPHIC: Final = 1.5
"""Lab units by which the color changes across an entry, over four pixels along the rim. Where there
is no grain, less is an edge."""

COHERENCE: Final = 0.45
INWARD: Final = 0.45
"""Least coherence of a structure, and least cosine of the angle at which it enters."""

APART: Final = 3
"""Points along the rim within which only the strongest change counts."""

MAX_ENTRIES: Final = 64
"""The strongest of more: what has more is a texture."""

MIN_LENGTH: Final = 12.0
MIN_CUT_LENGTH: Final = 6.0
MIN_CUT_IN_GRAPHIC: Final = 1.5
"""Pixels that a structure is followed outward at least; less where the picture ends before."""

THIN: Final = 9.0
"""Pixels up to which every line is one structure."""

FITTED: Final = 24.0
"""Pixels of a structure that tell its direction and bend at the rim."""

BENT_FROM: Final = 16.0
"""Pixels that it takes to tell a bend from a wobble."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A structure that runs into a hole.

    Attributes:
        point: float64 (2,), column and row on the rim.
        inward: float64 (2,), unit vector along the structure into the hole.
        bend: curvature in 1/pixel, of the way outward, positive towards `across`.
        length: pixels that it was followed.
        is_cut: whether the picture's border or another hole ended it.
        profile: its colors across.
        rim: which rim it is on.
        order: where along that rim.
        goes_on: whether it is seen again straight ahead, beyond the hole; told in graphics alone.
        line: middle and width of the line whose edge it is, in pixels to the positive side.
    """

    point: NDArray[np.float64]
    inward: NDArray[np.float64]
    bend: float
    length: float
    is_cut: bool
    profile: Profile
    rim: int
    order: int
    line: tuple[float, float] | None = None
    goes_on: bool = False

    @property
    def across(self) -> NDArray[np.float64]:
        """Unit vector to that side of the structure to which distances count as positive."""
        return np.array([-self.inward[1], self.inward[0]])


def find_entries(scene: Scene) -> list[Entry]:
    """Return where structures run into a scene's hole, along its rims."""
    least = CHANGE_IN_GRAPHIC if scene.is_graphic else CHANGE
    entries: list[Entry] = []
    for number, rim in enumerate(find_rims(scene)):
        entries += _find_on_rim(scene, rim, number, least)
    return _drop_doubles(_center_lines(scene, entries))


def _find_on_rim(scene: Scene, rim: Rim, number: int, least: float) -> list[Entry]:
    change = _measure_change(scene, rim)
    coherence, along = _measure_direction(scene, rim)
    slant = (along * rim.normals).sum(axis=1)
    is_entry = (change > least) & (coherence > COHERENCE) & (np.abs(slant) > INWARD)
    is_entry &= _is_known_around(rim) & (change >= _local_maximum(change))
    places = np.flatnonzero(is_entry)
    if len(places) > MAX_ENTRIES:
        places = np.sort(places[np.argsort(-change[places], kind="stable")[:MAX_ENTRIES]])
    inward = along[places] * np.sign(slant[places])[:, None]
    ground = np.median(_colors_of(scene, rim), axis=0)
    traces = trace(scene, rim.points[places], np.asarray(-inward, np.float32))
    found = [
        _make_entry(scene, traces, index, ground, number, int(place))
        for index, place in enumerate(places)
    ]
    return [entry for entry in found if entry is not None]


def _measure_change(scene: Scene, rim: Rim) -> Floats:
    """Return by how much the color changes along the rim, over four points."""
    smooth = np.asarray(cv2.GaussianBlur(scene.color, (0, 0), 0.8), np.float32)
    colors = sample(smooth, rim.points[:, :1], rim.points[:, 1:])[:, 0]
    difference = np.roll(colors, -2, axis=0) - np.roll(colors, 2, axis=0)
    return np.asarray(np.linalg.norm(difference, axis=1), np.float32)


def _measure_direction(scene: Scene, rim: Rim) -> tuple[Floats, Floats]:
    """Return how clear the direction of structures is at the rim's points, and the direction."""
    xx, xy, yy = sample(scene.tensor, rim.points[:, :1], rim.points[:, 1:])[:, 0].T
    spread = np.sqrt((xx - yy) ** 2 + 4 * xy**2)
    coherence = spread / np.maximum(xx + yy, 1e-3)
    angle = np.arctan2(2 * xy, xx - yy) / 2 + np.pi / 2
    return coherence, np.stack((np.cos(angle), np.sin(angle)), axis=1).astype(np.float32)


def _is_known_around(rim: Rim) -> NDArray[np.bool_]:
    return np.asarray(rim.is_known & np.roll(rim.is_known, 2) & np.roll(rim.is_known, -2))


def _local_maximum(values: Floats) -> Floats:
    moved = [np.roll(values, step) for step in range(-APART, APART + 1)]
    return np.asarray(np.max(moved, axis=0), np.float32)


def _colors_of(scene: Scene, rim: Rim) -> Floats:
    known = rim.points[rim.is_known] if rim.is_known.any() else rim.points
    return sample(scene.color, known[:, :1], known[:, 1:])[:, 0]


def _make_entry(
    scene: Scene, traces: Traces, index: int, ground: Floats, rim: int, order: int
) -> Entry | None:
    count = int(traces.counts[index])
    length, is_cut = (count - 1) * STEP, bool(traces.is_cut[index])
    cut_length = MIN_CUT_IN_GRAPHIC if scene.is_graphic else MIN_CUT_LENGTH
    if length < (cut_length if is_cut else MIN_LENGTH):
        return None
    points = traces.points[index, :count].astype(np.float64)
    point, outward, bend = _fit(points, length)
    profile = measure_profile(scene, point, outward, bend, length)
    line = find_line(profile, ground)
    return Entry(point, -outward, -bend, length, is_cut, profile, rim, order, line)


def _center_lines(scene: Scene, entries: list[Entry]) -> list[Entry]:
    """Return the entries with those at an edge of a thin line moved to its middle."""
    limit = _choose_limit([entry.line[1] for entry in entries if entry.line is not None])
    return [
        _center(scene, entry, *entry.line)
        if entry.line is not None and entry.line[1] <= limit
        else entry
        for entry in entries
    ]


def _choose_limit(widths: list[float]) -> float:
    """Return up to what width a line is one structure, beyond which it is two edges.

    In the widest gap between the widths that there are, so that both ends of one line agree.
    """
    between = sorted(width for width in widths if THIN < width < WIDEST_LINE)
    steps = np.array([THIN, *between, WIDEST_LINE])
    widest = int(np.argmax(np.diff(steps)))
    return float(steps[widest] + steps[widest + 1]) / 2


def _center(scene: Scene, entry: Entry, aside: float, width: float) -> Entry:
    point = entry.point + aside * entry.across
    # Measured along the way outward: its bend is seen from the other side.
    profile = measure_profile(scene, point, -entry.inward, -entry.bend, entry.length, width=width)
    return replace(entry, point=point, profile=profile)


def _fit(
    points: NDArray[np.float64], length: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return where a traced structure begins, its direction there, and its curvature."""
    last = min(len(points), round(FITTED / STEP) + 1)
    chord = points[last - 1] - points[0]
    along = chord / max(float(np.hypot(*chord)), 1e-6)
    across = np.array([-along[1], along[0]])
    u, v = (points[:last] - points[0]) @ along, (points[:last] - points[0]) @ across
    degree = 2 if length >= BENT_FROM else 1
    terms = np.polynomial.polynomial.polyfit(u, v, degree)
    slope = float(terms[1])
    bend = 2 * float(terms[2]) / (1 + slope**2) ** 1.5 if degree == 2 else 0.0
    direction = along + slope * across
    return points[0] + terms[0] * across, direction / np.hypot(*direction), bend


def _drop_doubles(entries: list[Entry]) -> list[Entry]:
    """Return entries of which no two are one and the same structure.

    Both edges of a thin line are found, and each stands for the whole line.
    """
    kept: list[Entry] = []
    for entry in sorted(entries, key=lambda one: (-one.profile.contrast, one.rim, one.order)):
        if not any(_is_same(entry, other) for other in kept):
            kept.append(entry)
    return sorted(kept, key=lambda one: (one.rim, one.order))


def _is_same(entry: Entry, other: Entry) -> bool:
    gap = entry.point - other.point
    aside, along = float(gap @ other.across), float(gap @ other.inward)
    return abs(along) < 3 * APART and abs(aside) <= other.profile.own
