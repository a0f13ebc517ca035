"""Structures that run into a hole and end there on another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.engines.structures.curves import SAMPLING, Curve, extend
from worker.engines.structures.drawing import Way
from worker.engines.structures.entries import Entry
from worker.engines.structures.pairing import STRAIGHT, is_lasting
from worker.engines.structures.profiles import BIN, HALF, Profile
from worker.engines.structures.rim import AWAY
from worker.engines.structures.scene import Floats, Scene, sample
from worker.engines.structures.tracing import REACH
from worker.imaging import MaskArray

TOUCHING: Final = 1.5
"""Pixels from one structure to another at which the first has reached it."""

RIM: Final = 6.0
"""Pixels from an entry's point after which its way lies in the hole."""

SURE_LENGTH: Final = 24.0
SURE_CLARITY: Final = 4.0
SURE_CONTRAST: Final = 18.0
MAX_BEND: Final = 0.02
LASTS: Final = 1.5
"""Pixels that a structure was followed at least to go on without a partner, how clear it is, of
what contrast and how bent, and how far it goes on, over that length. Past the border of photos, 16
edges came nearer to the truth than patches did by 1.9 dB in the median; those of a brick wall, of
less contrast, by none."""

SEEN: Final = 8
AGAIN: Final = 0.4
"""Places beyond a hole, two pixels apart, of which half must show a structure again, and of its
contrast by how much they may differ."""

OVER: Final = 1.0
"""Pixels that it goes on then, so that no gap is left."""


def find_ends(entries: Sequence[Entry], ways: Sequence[Way], scene: Scene) -> list[Way]:
    """Return the ways of entries without a partner, as far as it is clear where they go.

    In a graphic they go on to where they are seen again, or end on the structure that they meet. In
    all pictures they go on where the hole is open to the picture's border, for a while. Others are
    left out: nobody knows their end.

    Args:
        entries: those without a partner.
        ways: the structures that go through the hole.
        scene: with the hole.
    """
    found: list[Way] = []
    for entry in entries:
        if not scene.is_graphic and not _is_sure(entry):
            continue
        curve = _find_end(entry, [*ways, *found], scene)
        if curve is None or (scene.is_graphic and not is_lasting((entry,), curve.length)):
            continue
        reach = len(curve.points)
        if not scene.is_graphic:
            reach = round(LASTS * entry.length / SAMPLING)
        short = Curve(curve.points[:reach])
        found.append(Way(short, entry.profile, lengths=(entry.length, 0.0)))
    return found


def mark_ongoing(entries: Sequence[Entry], scene: Scene) -> list[Entry]:
    """Return the entries, each of which says whether it is seen again beyond the hole."""
    marked = []
    for entry in entries:
        curve = extend(entry, float(np.hypot(*scene.hole.shape)))
        leaves, is_open = _leave(curve, scene.hole)
        marked.append(replace(entry, goes_on=not is_open and _goes_on(entry, curve, leaves, scene)))
    return marked


def _is_sure(entry: Entry) -> bool:
    profile = entry.profile
    is_clear = profile.clarity >= SURE_CLARITY and profile.contrast >= SURE_CONTRAST
    return entry.length >= SURE_LENGTH and is_clear and abs(entry.bend) <= MAX_BEND


def _find_end(entry: Entry, ways: Sequence[Way], scene: Scene) -> Curve | None:
    """Return the way to where the structure is seen again, to one it meets, or to the border."""
    curve = extend(entry, float(np.hypot(*scene.hole.shape)))
    leaves, is_open = _leave(curve, scene.hole)
    if scene.is_graphic and not is_open:
        if entry.goes_on:
            # Another way of the same line would be drawn over this one.
            is_new = not any(_touches(curve, leaves, way.curve) for way in ways)
            return Curve(curve.points[:leaves]) if is_new else None
        ends = [end for way in ways if (end := _meet(curve, way.curve)) is not None]
        if ends and min(ends) <= leaves:
            return Curve(curve.points[: min(ends) + round(OVER / SAMPLING) + 1])
        return None
    return Curve(curve.points[:leaves]) if is_open and leaves > 1 else None


def _goes_on(entry: Entry, curve: Curve, leaves: int, scene: Scene) -> bool:
    """Return whether a straight line is seen again beyond the hole."""
    step = round(2 / SAMPLING)
    first = leaves + round(AWAY / SAMPLING)
    beyond = np.arange(first, first + SEEN * step, step)
    if abs(entry.bend) > STRAIGHT or beyond[-1] >= len(curve.points):
        return False
    across = np.stack((-curve.tangents[:, 1], curve.tangents[:, 0]), axis=1)[beyond]
    aside = np.arange(-REACH, REACH + 1)
    places = curve.points[beyond][:, None] + aside[None, :, None] * across[:, None]
    x, y = (np.asarray(places[..., axis], np.float32) for axis in (0, 1))
    lab = sample(scene.color, x, y)
    known = sample((scene.unknown == 0).astype(np.float32)[..., None], x, y).min(axis=(1, 2)) > 0.9
    own = _read_lab(entry.profile, aside)
    gaps = np.sqrt(((lab - own) ** 2).sum(axis=2).mean(axis=1))
    contrast = float(np.sqrt(((own - own.mean(axis=0)) ** 2).sum(axis=1).mean()))
    if float(np.linalg.norm(own[0] - own[-1])) > AGAIN * contrast:
        # Beside an edge, other areas may begin under the hole.
        return False
    return bool(np.count_nonzero(known & (gaps < AGAIN * contrast)) >= SEEN // 2)


def _read_lab(profile: Profile, aside: NDArray[np.int64]) -> Floats:
    return np.asarray(profile.lab[np.rint((aside + HALF) / BIN).astype(np.int64)], np.float32)


def _touches(curve: Curve, leaves: int, other: Curve) -> bool:
    """Return whether most of a way lies on another."""
    step = round(2 / SAMPLING)
    part, rest = curve.points[:leaves:step], other.points[::step]
    gaps = np.hypot(*(part[:, None] - rest[None]).transpose(2, 0, 1)).min(axis=1)
    return bool(np.mean(gaps < 2 * TOUCHING) > 0.5)


def _leave(curve: Curve, hole: MaskArray) -> tuple[int, bool]:
    """Return at which of its points a curve leaves the hole, and whether it leaves the picture."""
    height, width = hole.shape
    place = np.rint(curve.points).astype(np.int64)
    outside = (place < 0).any(axis=1) | (place[:, 0] >= width) | (place[:, 1] >= height)
    inside = hole[place[:, 1].clip(0, height - 1), place[:, 0].clip(0, width - 1)] != 0
    gone = outside | ~inside
    gone[: round(RIM / SAMPLING)] = False
    if not gone.any():
        return len(curve.points), False
    leaves = int(np.argmax(gone))
    return leaves, bool(outside[leaves])


def _meet(curve: Curve, other: Curve) -> int | None:
    """Return at which of its points a curve reaches another; `None` if it does not."""
    step = round(1 / SAMPLING)
    for first in range(0, len(curve.points), 64):
        part = curve.points[first : first + 64 : 2]
        gaps = np.hypot(*(part[:, None] - other.points[None, ::step]).transpose(2, 0, 1)).min(
            axis=1
        )
        if gaps.min() <= TOUCHING:
            return first + 2 * int(np.argmax(gaps <= TOUCHING))
    return None
