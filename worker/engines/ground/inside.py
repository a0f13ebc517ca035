"""The ground around a hole: where nothing but ground meets the hole, it is continued into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box
from worker.engines.channels import largest_channel
from worker.engines.ground.figures import find_figures
from worker.engines.ground.grain import FAINT, Grain, collect_grain, lay_grain
from worker.engines.ground.membrane import average_known, pull_push
from worker.engines.ground.surface import Fit, Points, fit_surface
from worker.imaging import ImageArray, MaskArray
from worker.imaging.geometry import widen_box

MOST_HOLES: Final = 64
"""Holes that are looked at: more are dust or letters, which patches fill as well."""

LEAST_HALF_WIDTH: Final = 5.0
"""Pixels: across a thinner hole patches are right."""

RING: Final = 0.35
"""Half widths of the hole that the ring around it is wide in which a ground is found."""

RINGS: Final = ((8, 0), (20, 8))
"""Pixels that the ring is wide at least, and pixels of it that a JPEG or a tight mask may have
spoiled: what ends within these is the rest of what the hole covers, what goes on past them is a
figure. A narrow clean ring is tried first, for a ground between things that stand close."""

SHARE: Final = 0.85
"""Part of the ring that must belong to the surface."""

UNEVEN: Final = 3.0
UNEVEN_SHARE: Final = 0.3
"""Levels, and robust scales, of low frequencies beside the surface that a ground has at most."""

RIM: Final = 3
"""Pixels around the hole from which what the surface misses is carried into it."""

ALLOWED: Final = 0.5
"""Part of the ring that may be copied from, where the caller says what may: less means something
else is wanted in the hole."""

SHARP: Final = 3.0
HIGH: Final = 40.0
"""Levels a pixel from which what meets the hole is a figure, and levels from which it is one
however soft: the rest is shadow, and goes on smoothly."""

STRONG: Final = 70.0
LEFT: Final = 30
"""Levels beside the ground, and pixels of them within what may be spoiled, that are a figure all
the same."""

COARSEST: Final = 12.0
"""Levels of grain up to which a ground is told from a texture around a hole."""

MOST_POINTS: Final = 12_000
"""Samples that a surface is fitted to."""

SEEN: Final = 64
"""Pixels around the ring from which grain is taken."""


@dataclass(frozen=True, eq=False)
class HoleGrounds:
    """A picture whose holes in a ground are filled.

    Attributes:
        image: uint8 (H, W, C).
        rest: uint8 (H, W), 255 = still to be painted.
        holes: number of holes that were filled.
        grain: noise of each filled hole's ground: standard deviation in levels.
    """

    image: ImageArray
    rest: MaskArray
    holes: int
    grain: tuple[float, ...]

    @property
    def details(self) -> dict[str, Any]:
        """Return what was found, for the recipe; empty where no hole lies in a ground."""
        if not self.holes:
            return {}
        levels = sorted({round(level, 1) for level in self.grain})
        return {"ground": {"holes": self.holes, "grain": levels}}


def fill_grounds(
    image: ImageArray,
    mask: MaskArray,
    *,
    source_mask: MaskArray | None = None,
    figures: MaskArray | None = None,
    seed: int,
    check: Callable[[], None] = lambda: None,
) -> HoleGrounds:
    """Fill those holes that nothing but a flat or graded ground surrounds.

    Args:
        image: uint8 (H, W, C).
        mask: uint8 (H, W), 255 = hole.
        source_mask: uint8 (H, W), 255 where may be copied from; `None` for everywhere.
        figures: uint8 (H, W), non-zero on known figures that may meet a hole and are no ground.
        seed: of the grain.
        check: called between holes; may raise to stop.
    """
    result, rest = image.copy(), mask.copy()
    random = np.random.default_rng(seed)
    levels = []
    for hole in _find_holes(mask):
        for least, spoiled in RINGS:
            check()
            part = _Part.of(result, mask, source_mask, figures, hole, least, spoiled)
            level = _fill_hole(part, random)
            if level is not None:
                box = part.box
                rest[box.top : box.bottom, box.left : box.right][part.hole != 0] = 0
                levels.append(level)
                break
    return HoleGrounds(result, rest, len(levels), tuple(levels))


@dataclass(frozen=True)
class _Hole:
    """A connected hole: its label, box, and half width."""

    labels: NDArray[np.int32]
    label: int
    box: Box
    half_width: float


def _find_holes(mask: MaskArray) -> Iterator[_Hole]:
    """Yield the holes that are wide enough, none where they are many."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count - 1 > MOST_HOLES:
        return
    padded = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    depth = np.asarray(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5))[1:-1, 1:-1]
    for label in range(1, count):
        left, top, width, height = (int(value) for value in stats[label][:4])
        box = Box(left=left, top=top, right=left + width, bottom=top + height)
        inside = np.s_[box.top : box.bottom, box.left : box.right]
        half_width = float(depth[inside][np.asarray(labels)[inside] == label].max())
        if half_width >= LEAST_HALF_WIDTH:
            yield _Hole(np.asarray(labels, np.int32), label, box, half_width)


@dataclass(frozen=True, eq=False)
class _Part:
    """Surroundings of one hole.

    Attributes:
        box: where it lies.
        image: view of the picture, written to.
        hole: uint8, non-zero in this hole.
        known: bool, where no hole is.
        sources: bool, where grain may be taken.
        figures: bool, where known figures are.
        distance: float32, pixels to the hole.
        ring: pixels around the hole in which the ground is found.
        spoiled: pixels around the hole that may be spoiled.
    """

    box: Box
    image: ImageArray
    hole: MaskArray
    known: NDArray[np.bool_]
    sources: NDArray[np.bool_]
    figures: NDArray[np.bool_]
    distance: NDArray[np.float32]
    ring: int
    spoiled: int

    @classmethod
    def of(
        cls,
        image: ImageArray,
        mask: MaskArray,
        source_mask: MaskArray | None,
        figures: MaskArray | None,
        hole: _Hole,
        least: int,
        spoiled: int,
    ) -> _Part:
        ring = max(round(RING * hole.half_width), least)
        box = widen_box(hole.box, ring + max(SEEN, ring), mask.shape[1], mask.shape[0])
        there = np.s_[box.top : box.bottom, box.left : box.right]
        known = mask[there] == 0
        sources = known if source_mask is None else known & (source_mask[there] != 0)
        drawn = np.zeros(known.shape, np.bool_) if figures is None else figures[there] != 0
        own = (hole.labels[there] == hole.label).astype(np.uint8)
        distance = cv2.distanceTransform(1 - own, cv2.DIST_L2, cv2.DIST_MASK_5)
        distance = np.asarray(distance, np.float32)
        return cls(box, image[there], own, known, sources, drawn, distance, ring, spoiled)

    def around(self, pixels: float) -> NDArray[np.bool_]:
        """Return what is known within so many pixels of the hole."""
        return np.asarray((self.distance <= pixels) & self.known)

    @property
    def far(self) -> NDArray[np.bool_]:
        """Return what is known in the ring and not spoiled."""
        return self.around(self.ring) & (self.distance > self.spoiled) & ~self.figures


def _fill_hole(part: _Part, random: np.random.Generator) -> float | None:
    """Fill a hole in place if a ground surrounds it; return its grain in levels, or `None`."""
    ring = part.around(part.ring) & ~part.figures
    if np.count_nonzero(part.far) < 64 or np.mean(part.sources[ring]) < ALLOWED:
        return None
    fit = _fit(part, ring)
    if fit.share < SHARE or fit.scale > COARSEST:
        return None
    height, width = part.hole.shape
    surface = fit.surface.over(0, 0, width, height)
    rest = np.asarray(part.image - surface, np.float32)
    bad = _find_bad(part, fit, rest)
    if _is_uneven(part, fit, rest) or _is_met(part, rest, bad):
        return None
    grain = _take_grain(part, fit, rest)
    if grain.is_texture or (not len(grain.blocks) and fit.scale > FAINT):
        return None
    base = surface + _make_membrane(part, fit, rest, bad)
    own = lay_grain(grain, (height, width), (0, 0), part.hole != 0, random)
    painted = np.rint(base + own).clip(0, 255).astype(np.uint8)
    np.copyto(part.image, painted, where=part.hole[..., None] != 0)
    return grain.level


def _fit(part: _Part, ring: NDArray[np.bool_]) -> Fit:
    rows, columns = np.nonzero(ring)
    step = max(len(rows) // MOST_POINTS, 1)
    rows, columns = rows[::step], columns[::step]
    far = part.far[rows, columns]
    far |= not far.any()
    points = Points(
        columns.astype(np.float64),
        rows.astype(np.float64),
        part.image[rows, columns].astype(np.float64),
        np.where(far, 1.0, 0.5),
        far,
    )
    reach = float(columns.min()), float(rows.min()), float(columns.max()), float(rows.max())
    return fit_surface(points, reach, float(max(reach[2] - reach[0], reach[3] - reach[1], 1)))


def _is_uneven(part: _Part, fit: Fit, rest: NDArray[np.float32]) -> bool:
    """Check whether low frequencies are left in the ring: then it shows more than a ground."""
    inlier = part.far & (largest_channel(np.abs(rest)) <= fit.tolerance)
    means, share = average_known(rest, inlier.astype(np.float32), max(part.ring / 4, 2.0))
    where = inlier & (share > 0.2)
    if not where.any():
        return True
    uneven = float(np.sqrt(np.square(means[where]).mean(axis=0).max()))
    return uneven > max(UNEVEN, UNEVEN_SHARE * fit.scale)


def _find_bad(part: _Part, fit: Fit, rest: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return what is a figure around the hole: it has an edge, or is far from the ground."""
    usable = (part.known & ~part.figures).astype(np.float32)
    means, share = average_known(rest, usable, 1.0)
    high = largest_channel(np.abs(means))
    out = part.around(part.ring) & ~part.figures & (share > 0.3)
    out &= high > max(1.6 * fit.scale, 6.0)
    across, down = (np.gradient(means, axis=axis) for axis in (1, 0))
    steep = largest_channel(np.hypot(across, down)) > max(SHARP, 0.6 * fit.scale)
    bad = (out & (steep | (high > max(HIGH, 3 * fit.scale)))).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(bad, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)


def _is_met(part: _Part, rest: NDArray[np.float32], bad: NDArray[np.uint8]) -> bool:
    """Check whether a figure meets the hole that is more than what the mask has left of one."""
    count, labels = cv2.connectedComponents(bad, connectivity=8)
    rim, near = part.around(RIM), part.around(part.spoiled)
    beside = np.asarray(cv2.dilate(part.figures.astype(np.uint8), np.ones((9, 9), np.uint8))) != 0
    high = largest_channel(np.abs(rest)) > STRONG
    for label in range(1, count):
        own = np.asarray(labels) == label
        if np.count_nonzero(own) < 4 or not (own & rim).any() or (own & beside).any():
            continue
        if (own & ~near).any() or np.count_nonzero(own & high) > LEFT:
            return True
    return False


def _take_grain(part: _Part, fit: Fit, rest: NDArray[np.float32]) -> Grain:
    figures = find_figures(rest, fit.tolerance)
    figures |= (~part.sources).astype(np.uint8)
    near = np.asarray(cv2.dilate(figures, np.ones((5, 5), np.uint8)))
    return collect_grain(part.image, np.asarray(near == 0, np.uint8), fit.surface, (0, 0))


def _make_membrane(
    part: _Part, fit: Fit, rest: NDArray[np.float32], bad: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return what the surface misses at the rim, smoothly carried over the hole."""
    sigma = 3.0 if fit.scale < 3 else 6.0
    spoiled = np.asarray(cv2.dilate(bad, np.ones((5, 5), np.uint8))) != 0
    usable = part.known & ~part.figures & ~spoiled
    means, share = average_known(rest, usable.astype(np.float32), sigma)
    doubt = 1.5 * fit.scale / (2 * np.sqrt(np.pi) * sigma) / np.sqrt(np.maximum(share, 0.05))
    means = np.sign(means) * np.maximum(np.abs(means) - doubt[..., None], 0)
    rim = (part.around(RIM + part.spoiled) & usable & (share > 0.2)).astype(np.float32)
    return pull_push(np.asarray(means * rim[..., None], np.float32), rim)
