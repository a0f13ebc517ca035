"""The ground at the sides of a picture that are extended: whether there is one, and which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.channels import largest_channel
from worker.engines.ground.figures import (
    Small,
    count_parts,
    enlarge,
    find_figures,
    find_inside,
    make_small,
    widen_figures,
)
from worker.engines.ground.grain import Grain, collect_grain
from worker.engines.ground.membrane import average_known, pull_push
from worker.engines.ground.sides import Side, seen_from
from worker.engines.ground.surface import Fit, Points, Surface, fit_surface
from worker.imaging import ImageArray

Kind = Literal["flat", "graded", "texture"]

LEAST_SIDE: Final = 24
"""Pixels: a smaller picture has no band that could be judged."""

BAND: Final = 0.06
"""Part of the longer side that a side's band is deep."""

INNER: Final = 0.15
"""Weight of what lies deeper than the bands, where it falls off."""

SHARE: Final = 0.75
CLEAR_SHARE: Final = 0.55
CLEAR: Final = 1.5
"""Part of a band that must belong to the surface; less suffices for a ground without texture, whose
scale and unevenness are at most so many levels: what covers the rest of the side is a figure."""

UNEVEN: Final = 3.0
UNEVEN_SHARE: Final = 0.35
"""Levels, and robust scales, of low frequencies in a band beside the surface, up to which it is a
ground: what varies more is a picture of something."""

TEXTURE_SHARE: Final = 0.27
"""The same scales for a texture, whose low frequencies must be gone: noise leaves 0.2."""

TORN: Final = 1.5
TORN_SHARE: Final = 0.3
"""Levels, and robust scales, that a line of a band may differ from that side's own surface."""

FADE: Final = 0.12
"""Part of the longer side after which what the surface misses at the rim is down to e^-1."""

REACH: Final = 0.6
"""Part of the longer side up to which that is carried at all."""

MOST_RUNS: Final = 3
LEAST_ROOM: Final = 16
"""Figures that may meet a side; pixels a side of what must be free between figures somewhere."""

RIM: Final = 3
"""Outermost lines, in pixels, that are averaged to find what meets a side."""

SHARP: Final = 3.0
HIGH: Final = 48.0
"""Levels a pixel along a side from which a change is an edge, and levels from which what meets the
side is a figure however soft: the rest is shadow and fades out."""


@dataclass(frozen=True)
class Run:
    """A part of a side where a figure meets it: first and last pixel along it, half-open."""

    side: Side
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Ground:
    """The ground that meets some sides of a picture.

    Attributes:
        sides: that it meets.
        surface: its low frequencies, in pixels of the picture.
        membrane: what the surface misses past the border, at the small scale; `None` for nothing.
        grain: what it holds beside them.
        figures: uint8 (H, W), non-zero on figures and their halo.
        count: figures on it, those that meet an extended side too.
        runs: where figures meet its sides.
    """

    sides: tuple[Side, ...]
    surface: Surface
    membrane: Membrane | None
    grain: Grain
    figures: NDArray[np.uint8]
    count: int
    runs: tuple[Run, ...]

    @property
    def kind(self) -> Kind:
        """Return what sort of ground it is."""
        if self.grain.is_texture:
            return "texture"
        return "flat" if self.surface.degree == 0 and self.membrane is None else "graded"

    def base(self, left: int, top: int, right: int, bottom: int) -> NDArray[np.float32]:
        """Return the low frequencies of a box, which may lie outside the picture."""
        base = self.surface.over(left, top, right, bottom)
        if self.membrane is None:
            return base
        return base + self.membrane.over(left, top, right, bottom)


@dataclass(frozen=True, eq=False)
class Membrane:
    """A smooth correction past the border of a picture.

    Attributes:
        values: float32 (h, w, C), 0 inside the picture.
        pad: pixels of it that lie before the picture's first ones.
        step_x: pixels of the picture that one of these is wide.
        step_y: pixels of the picture that one of these is high.
    """

    values: NDArray[np.float32]
    pad: int
    step_x: float
    step_y: float

    def over(self, left: int, top: int, right: int, bottom: int) -> NDArray[np.float32]:
        """Return the values of a box of pixels, float32 (H, W, C)."""
        x = (np.arange(left, right, dtype=np.float32) + 0.5) / self.step_x - 0.5 + self.pad
        y = (np.arange(top, bottom, dtype=np.float32) + 0.5) / self.step_y - 0.5 + self.pad
        columns, rows = np.meshgrid(x, y)
        moved = cv2.remap(
            self.values, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(moved, np.float32).reshape(*columns.shape, self.values.shape[2])


def find_grounds(
    image: ImageArray, sides: tuple[Side, ...], check: Callable[[], None] = lambda: None
) -> list[Ground]:
    """Return the grounds that meet the given sides: one for all of them, or one each, or none.

    Args:
        image: uint8 (H, W, C), the original.
        sides: that are extended.
        check: called between the steps; may raise to stop.
    """
    if min(image.shape[:2]) < LEAST_SIDE or not sides:
        return []
    small = make_small(image)
    check()
    joint = _fit(small, sides)
    if _is_ground(small, joint, sides) and not _is_torn(small, joint, sides):
        ground = _describe(image, small, joint, sides, sides)
        return [ground] if _is_open(ground, image) else []
    found = []
    for side in sides:
        check()
        fit = _fit(small, (side,))
        if len(sides) > 1 and _is_ground(small, fit, (side,)):
            found.append(_describe(image, small, fit, (side,), sides))
    return [ground for ground in found if _is_open(ground, image)]


def _is_open(ground: Ground, image: ImageArray) -> bool:
    """Check that there is room between the figures: a ground covered with them is a texture."""
    crossed = max(sum(run.side == side for run in ground.runs) for side in ground.sides)
    room = ground.grain.blocks.shape[1] if len(ground.grain.blocks) else 0
    return crossed <= MOST_RUNS and room >= min(LEAST_ROOM, min(image.shape[:2]) // 6)


def _fit(small: Small, sides: tuple[Side, ...]) -> Fit:
    height, width = small.values.shape[:2]
    depth = _band_depth(small)
    band = np.zeros((height, width), np.bool_)
    distance = np.full((height, width), np.inf)
    for side in sides:
        seen_from(band, side)[:depth] = True
        seen = seen_from(distance, side)
        np.minimum(seen, np.arange(seen.shape[0])[:, None], out=seen)
    weights = np.where(band, 1.0, INNER * np.exp(-(distance - depth) / (4 * depth)))
    columns, rows = np.meshgrid(small.columns, small.rows)
    # The inside is there to steady the slopes: every other line of it suffices.
    taken = band | (weights > 0.02)
    taken[1::2, :] &= band[1::2, :]
    taken[:, 1::2] &= band[:, 1::2]
    points = Points(
        columns[taken],
        rows[taken],
        small.values[taken].astype(np.float64),
        weights[taken],
        band[taken],
    )
    right, bottom = width * small.step_x - 1, height * small.step_y - 1
    return fit_surface(points, (0.0, 0.0, right, bottom), max(right, bottom) + 1)


def _band_depth(small: Small) -> int:
    return max(round(BAND * float(max(small.values.shape[:2]))), 2)


def _is_ground(small: Small, fit: Fit, sides: tuple[Side, ...]) -> bool:
    """Check every side by itself: a good one does not speak for a bad one."""
    depth = _band_depth(small)
    rest = small.rest(fit.surface)
    allowed = max(UNEVEN, UNEVEN_SHARE * fit.scale)
    for side in sides:
        band = np.ascontiguousarray(seen_from(rest, side)[:depth])
        inlier = largest_channel(np.abs(band)) <= fit.tolerance
        met = min(inlier.mean(), inlier[: max(depth // 3, 1)].mean())
        if met < CLEAR_SHARE:
            return False
        means, share = average_known(band, inlier.astype(np.float32), 1.6)
        where = share > 0.3
        if not where.any():
            return False
        uneven = float(np.sqrt(np.square(means[where]).mean(axis=0).max()))
        if uneven > allowed or (met < SHARE and max(uneven, fit.scale) > CLEAR):
            return False
    return True


def _is_torn(small: Small, joint: Fit, sides: tuple[Side, ...]) -> bool:
    """Check whether one surface was bent over grounds that differ from side to side."""
    if len(sides) == 1 or joint.surface.degree == 0:
        return False
    columns, rows = np.meshgrid(small.columns, small.rows)
    allowed = max(TORN, TORN_SHARE * joint.scale)
    for side in sides:
        own = _fit(small, (side,))
        depth = _band_depth(small)
        x, y = (seen_from(places, side)[:depth] for places in (columns, rows))
        change = joint.surface.at(x, y) - own.surface.at(x, y)
        if own.share >= SHARE and float(np.abs(np.median(change, axis=1)).max()) > allowed:
            return True
    return False


def _describe(
    image: ImageArray, small: Small, fit: Fit, sides: tuple[Side, ...], extended: tuple[Side, ...]
) -> Ground:
    height, width = image.shape[:2]
    rest = small.rest(fit.surface)
    figures = find_figures(rest, fit.tolerance)
    step = min(small.step_x, small.step_y)
    wide_small = widen_figures(figures, step)
    wide = enlarge(wide_small, height, width)
    near = wide if len(sides) == len(extended) else wide | _far_from(sides, height, width)
    grain = collect_grain(image, np.asarray(near == 0, np.uint8), fit.surface, (0, 0))
    runs = tuple(run for side in sides for run in _find_runs(image, fit.surface, grain, side))
    inside = find_inside(figures, sides) | np.asarray(
        largest_channel(np.abs(rest)) > HIGH, np.uint8
    )
    membrane = _make_membrane(small, fit, rest, inside, sides, runs)
    return Ground(sides, fit.surface, membrane, grain, wide, count_parts(wide_small), runs)


def _far_from(sides: tuple[Side, ...], height: int, width: int) -> NDArray[np.uint8]:
    """Return what lies nearer to the opposite side: the ground may be another one there."""
    far = np.ones((height, width), np.uint8)
    for side in sides:
        seen = seen_from(far, side)
        seen[: seen.shape[0] // 3] = 0
    return far


def _find_runs(image: ImageArray, surface: Surface, grain: Grain, side: Side) -> list[Run]:
    """Return where a figure meets a side: shadows, which have no edge, are none."""
    rest = _rim_rest(image, surface, side)
    line = rest.mean(axis=0)
    noise = grain.level / np.sqrt(RIM)
    high = np.abs(line).max(axis=1)
    out = (high > max(5 * noise, 8.0)).astype(np.uint8)
    # Letters and fringes of one figure are one run.
    gap = max(len(line) // 50, 5) | 1
    closed = np.asarray(cv2.morphologyEx(out[None], cv2.MORPH_CLOSE, np.ones((1, gap)))).ravel()
    smooth = np.asarray(cv2.GaussianBlur(line[None], (0, 0), 1.5)).reshape(line.shape)
    steep = np.abs(np.gradient(smooth, axis=0)).max(axis=1) > max(SHARP, 0.6 * noise)
    bounds = np.flatnonzero(np.diff(np.concatenate(([0], closed, [0]))))
    runs = []
    for first, last in zip(bounds[::2], bounds[1::2], strict=True):
        inside = slice(max(first - 4, 0), last + 4)
        if last - first >= 2 and (steep[inside].any() or high[first:last].max() > HIGH):
            runs.append(Run(side, int(first), int(last)))
    return runs


def _rim_rest(image: ImageArray, surface: Surface, side: Side) -> NDArray[np.float32]:
    """Return what the surface leaves of the outermost lines, float32 (RIM, N, C)."""
    height, width = image.shape[:2]
    box = {
        "left": (0, 0, RIM, height),
        "top": (0, 0, width, RIM),
        "right": (width - RIM, 0, width, height),
        "bottom": (0, height - RIM, width, height),
    }[side]
    left, top, right, bottom = box
    rest = image[top:bottom, left:right] - surface.over(*box)
    return np.ascontiguousarray(seen_from(rest, side), np.float32)


def _make_membrane(
    small: Small,
    fit: Fit,
    rest: NDArray[np.float32],
    inside: NDArray[np.uint8],
    sides: tuple[Side, ...],
    runs: tuple[Run, ...],
) -> Membrane | None:
    """Return what the surface misses along the sides, carried outward and fading.

    Figures that stay inside have no part in it, however near to a side they come.
    """
    height, width = rest.shape[:2]
    usable = np.asarray(cv2.dilate(inside, np.ones((3, 3), np.uint8)) == 0, np.float32)
    for run in runs:
        step = small.step_y if run.side in ("left", "right") else small.step_x
        first, last = int(run.first / step) - 1, int(np.ceil(run.last / step)) + 1
        seen_from(usable, run.side)[: _band_depth(small), max(first, 0) : last] = 0
    sigma = 3.0
    means, share = average_known(rest, usable, sigma)
    # What noise alone leaves in such a mean is none of the surface's faults.
    doubt = 2.0 * fit.scale / (2 * np.sqrt(np.pi) * sigma) / np.sqrt(np.maximum(share, 0.05))
    means = np.sign(means) * np.maximum(np.abs(means) - doubt[..., None], 0)
    rim = np.zeros((height, width), np.float32)
    for side in sides:
        seen_from(rim, side)[:1] = 1
    rim *= usable * (share > 0.1)
    if not np.abs(means * rim[..., None]).max(initial=0) > 0.5:
        return None
    longest = max(height, width)
    pad = int(REACH * longest)
    around = ((pad, pad), (pad, pad))
    weight = np.pad(rim, around)
    values = pull_push(np.pad(means * rim[..., None], (*around, (0, 0))), weight)
    beyond = np.asarray(
        cv2.distanceTransform(
            np.pad(np.zeros((height, width), np.uint8), around, constant_values=1),
            cv2.DIST_L2,
            cv2.DIST_MASK_5,
        )
    )
    fade = np.exp(-beyond / (FADE * longest)) * np.clip((pad - beyond) / (0.2 * pad), 0, 1)
    return Membrane(
        np.asarray(values * fade[..., None], np.float32), pad, small.step_x, small.step_y
    )
