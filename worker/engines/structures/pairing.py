"""Which of the structures that run into a hole belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.engines.structures.curves import Curve, connect, meet
from worker.engines.structures.entries import Entry
from worker.engines.structures.profiles import BIN, Profile, places, weigh_places
from worker.imaging import MaskArray

Points = NDArray[np.float64]

MAX_TURN: Final = 0.93
"""Radians between a structure's direction and the way to its other end."""

ARC_COST: Final = 1.5
WOBBLE_COST: Final = 6.0
"""Of a squared radian: of a bend that is the same at both ends, as on a circle, and of one that
turns back."""

LENGTH_COST: Final = 0.15
"""Of a way as long as the hole is deep."""

MAX_COST: Final = 1.1
MAX_IN_GRAPHIC: Final = 0.95
LEAST_COST: Final = 0.25
BY_CLARITY: Final = 0.12
"""Pairs that cost more are none. Of 337 pairs across holes in photos, those that are less clear
than this were better left to the patches."""

MAX_UNLIKENESS: Final = 0.8
"""Of the contrast: pairs whose colors differ by more are none."""

LASTING: Final = 36.0
BY_LENGTH: Final = 0.33
"""Pixels, and share of the way, that a structure of a graphic was followed at least: the strokes
of two letters make no line."""

MIN_WAY: Final = 4.0

STRAIGHT: Final = 0.004
MIN_CORNER: Final = 0.5
CORNER_COST: Final = 0.35
"""Curvature in 1/pixel of what still is straight, radians of a corner at least, and what it costs
beside a bend of the same angle."""

SHIFTED: Final = 1.3
"""Profiles less their means: a sky may darken from one end to the other."""

OTHER_SIDE: Final = 0.4
"""Weight of the side that is less alike: what lies behind a stem may change."""

MAX_SHIFT: Final = 2.0
"""Pixels by which two profiles are moved to match."""

ALIKE: Final = 0.9
"""Cosine of the directions of two pairs from which they must not cross."""

CROSSING_COST: Final = 0.4
CROSSING_IN_GRAPHIC: Final = 0.05
"""Of two pairs that cross at a wider angle: in a grid, many do."""

INSIDE: Final = 0.9
"""Share of a way that must lie in the hole."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two ends of one structure.

    Attributes:
        one: where it begins.
        other: where it ends.
        shift: pixels by which the other's profile, reversed, is moved to match.
        cost: how unlikely it is.
        curve: the way between.
        crossing: what it costs to cross another.
        limit: cost at which it would be worth nothing.
    """

    one: Entry
    other: Entry
    shift: float
    cost: float
    curve: Curve
    crossing: float = CROSSING_COST
    limit: float = MAX_COST


def find_pairs(
    entries: Sequence[Entry], hole: MaskArray, half_width: float, *, is_graphic: bool = False
) -> list[Pair]:
    """Return the pairs that connect most at the least cost; no entry is in two of them.

    Args:
        entries: all entries of the hole.
        hole: uint8 (H, W), 255 = hole.
        half_width: of the hole, in pixels.
        is_graphic: whether only what lasts counts, and what is straight may meet in a corner.
    """
    offers = {}
    for first, second in combinations(range(len(entries)), 2):
        pair = _offer(entries[first], entries[second], hole, half_width, is_graphic=is_graphic)
        if pair is not None:
            offers[first, second] = pair
    return _improve(_choose_greedily(offers), offers)


def _offer(
    one: Entry, other: Entry, hole: MaskArray, half_width: float, *, is_graphic: bool
) -> Pair | None:
    way = other.point - one.point
    length = float(np.hypot(*way))
    if length < MIN_WAY or (is_graphic and not is_lasting((one, other), length)):
        return None
    limit = MAX_IN_GRAPHIC if is_graphic else _limit(one.profile, other.profile)
    bending = _cost_of_bend(one, other, way)
    may_turn = is_graphic and not (one.goes_on or other.goes_on)
    has_corner = may_turn and bending > CORNER_COST and _find_corner(one, other) is not None
    bending = CORNER_COST if has_corner else bending
    # In a graphic, long is no less likely: its lines are straight.
    depth = max(half_width, length / 2) if is_graphic else half_width
    cost = bending + LENGTH_COST * length / depth
    if cost > limit:
        return None
    unlikeness, shift = compare(one.profile, other.profile)
    cost += unlikeness
    if unlikeness > MAX_UNLIKENESS or cost > limit:
        return None
    end = replace(other, point=other.point - shift * other.across)
    corner = _find_corner(one, end) if has_corner else None
    curve = connect(one, end) if corner is None else meet(one, end, corner)
    if curve.share_inside(hole) < INSIDE:
        return None
    if is_graphic:
        return Pair(one, other, shift, cost, curve, CROSSING_IN_GRAPHIC, MAX_IN_GRAPHIC)
    return Pair(one, other, shift, cost, curve)


def _limit(one: Profile, other: Profile) -> float:
    return min(LEAST_COST + BY_CLARITY * min(one.clarity, other.clarity), MAX_COST)


def _cost_of_bend(one: Entry, other: Entry, way: Points) -> float:
    turn_in, turn_out = _turn(one.inward, way), _turn(way, -other.inward)
    if max(abs(turn_in), abs(turn_out)) > MAX_TURN:
        return np.inf
    arc, wobble = (turn_in + turn_out) / 2, (turn_in - turn_out) / 2
    return ARC_COST * arc**2 + WOBBLE_COST * wobble**2


def _find_corner(one: Entry, other: Entry) -> Points | None:
    """Return where two straight structures meet if they go on; `None` where they do not."""
    if max(abs(one.bend), abs(other.bend)) > STRAIGHT:
        return None
    if abs(_turn(one.inward, -other.inward)) < MIN_CORNER:
        return None
    sides = np.stack((one.inward, -other.inward), axis=1)
    if abs(np.linalg.det(sides)) < 1e-6:
        return None
    ways = np.linalg.solve(sides, other.point - one.point)
    return one.point + ways[0] * one.inward if ways.min() > 1 else None


def is_lasting(entries: Sequence[Entry], way: float) -> bool:
    """Return whether structures were followed for long enough to be more than a letter's strokes.

    Args:
        entries: where they enter.
        way: pixels through the hole.
    """
    wanted = min(LASTING, BY_LENGTH * way)
    return all(entry.is_cut or entry.length >= wanted for entry in entries)


def _turn(first: Points, second: Points) -> float:
    """Return the angle from one direction to another, -pi .. pi."""
    cross = first[0] * second[1] - first[1] * second[0]
    return float(np.arctan2(cross, first @ second))


def compare(one: Profile, other: Profile) -> tuple[float, float]:
    """Return how unlike two profiles are over their contrast, and how the second must be moved.

    The second is reversed: it is seen from the other end.
    """
    contrast = max((one.contrast + other.contrast) / 2, 1e-3)
    width = min(one.width, other.width)
    reversed_lab = other.lab[::-1]
    most = round(MAX_SHIFT / BIN)
    best = (np.inf, 0.0)
    for step in range(-most, most + 1):
        moved = reversed_lab[np.clip(np.arange(len(reversed_lab)) + step, 0, len(reversed_lab) - 1)]
        found = _compare_aligned(one.lab, moved, width, contrast) / contrast + 0.01 * abs(
            step * BIN
        )
        best = min(best, (found, step * BIN))
    return best


def _compare_aligned(
    one: NDArray[np.float32], other: NDArray[np.float32], width: float, most: float
) -> float:
    weight = weigh_places(width)
    whole = _gap(one, other, weight)
    sides = [_gap(one, other, weight * (sign * places() < 1.5)) for sign in (1, -1)]
    return min(whole, min(sides) + OTHER_SIDE * min(max(sides), most))


def _gap(
    one: NDArray[np.float32], other: NDArray[np.float32], weight: NDArray[np.float32]
) -> float:
    weight = weight / weight.sum()
    gap = one - other
    plain = np.sqrt(weight @ (gap**2).sum(axis=1))
    gap = gap - weight @ gap
    return float(min(plain, SHIFTED * np.sqrt(weight @ (gap**2).sum(axis=1))))


Offers = dict[tuple[int, int], Pair]
Choice = dict[tuple[int, int], Pair]


def _choose_greedily(offers: Offers, given: Choice | None = None) -> Choice:
    """Return the pairs given and, the cheapest first, all others that are worth it beside them."""
    chosen = dict(given or {})
    for key, pair in sorted(offers.items(), key=lambda item: (item[1].cost, item[0])):
        taken = {end for other in chosen for end in other}
        if not taken & set(key) and _gain(pair, chosen) > 0:
            chosen[key] = pair
    return chosen


def _gain(pair: Pair, chosen: Choice) -> float:
    """Return what a pair is worth beside those chosen; negative if it must not be."""
    gain = pair.limit - pair.cost
    for other in chosen.values():
        if pair.curve.crosses(other.curve):
            along = abs(float(pair.curve.direction @ other.curve.direction))
            gain -= 2 * MAX_COST if along > ALIKE else pair.crossing
    return gain


def _worth(choice: Choice) -> float:
    total, before = 0.0, Choice()
    for key, pair in choice.items():
        total += _gain(pair, before)
        before[key] = pair
    return total


def _improve(chosen: Choice, offers: Offers) -> list[Pair]:
    """Exchange the ends of two pairs for as long as that is worth more.

    The cheapest pair of a bundle may be one of neighbors, which leaves others without an end.
    """
    for _ in range(len(offers)):
        worth = _worth(chosen) + 1e-6
        better = [choice for choice in _exchanges(chosen, offers) if _worth(choice) > worth]
        if not better:
            break
        chosen = max(better, key=_worth)
    return list(chosen.values())


def _exchanges(chosen: Choice, offers: Offers) -> list[Choice]:
    """Return what comes out if each pair that was not chosen comes first."""
    found = []
    for key, pair in offers.items():
        if key not in chosen:
            rest = {other: one for other, one in chosen.items() if not set(other) & set(key)}
            found.append(_choose_greedily(offers, rest | {key: pair}))
    return found
