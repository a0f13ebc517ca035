"""Structures that run into a hole and end there on another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from worker.engines.structures.curves import SAMPLING, Curve, extend
from worker.engines.structures.drawing import Way
from worker.engines.structures.entries import Entry
from worker.engines.structures.pairing import is_lasting
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

OVER: Final = 1.0
"""Pixels that it goes on then, so that no gap is left."""


def find_ends(
    entries: Sequence[Entry], ways: Sequence[Way], hole: MaskArray, *, is_graphic: bool = False
) -> list[Way]:
    """Return the ways of entries without a partner, as far as it is clear where they go.

    In a graphic they end on the structure that they meet. In all pictures they go on where the hole
    is open to the picture's border, for a while. Others are left out: nobody knows their end.

    Args:
        entries: those without a partner.
        ways: the structures that go through the hole.
        hole: uint8 (H, W), 255 = hole.
        is_graphic: whether it is a drawing or a page.
    """
    found = []
    for entry in entries:
        if not is_graphic and not _is_sure(entry):
            continue
        curve = _find_end(entry, ways if is_graphic else (), hole)
        if curve is None or (is_graphic and not is_lasting((entry,), curve.length)):
            continue
        reach = len(curve.points) if is_graphic else round(LASTS * entry.length / SAMPLING)
        short = Curve(curve.points[:reach])
        found.append(Way(short, entry.profile, lengths=(entry.length, 0.0)))
    return found


def _is_sure(entry: Entry) -> bool:
    profile = entry.profile
    is_clear = profile.clarity >= SURE_CLARITY and profile.contrast >= SURE_CONTRAST
    return entry.length >= SURE_LENGTH and is_clear and abs(entry.bend) <= MAX_BEND


def _find_end(entry: Entry, ways: Sequence[Way], hole: MaskArray) -> Curve | None:
    """Return the way to the structure it meets or to the picture's border; `None` for neither."""
    curve = extend(entry, float(np.hypot(*hole.shape)))
    ends = [end for way in ways if (end := _meet(curve, way.curve)) is not None]
    leaves, is_open = _leave(curve, hole)
    if ends and min(ends) <= leaves:
        return Curve(curve.points[: min(ends) + round(OVER / SAMPLING) + 1])
    return Curve(curve.points[:leaves]) if is_open and leaves > 1 else None


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
