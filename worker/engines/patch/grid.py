"""The patches that look for a likeness, and where they begin to look."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.patch.distance import Field, Ground
from worker.engines.patch.features import CHANNELS, Planes, lay_out, make_lanes
from worker.engines.patch.plan import Plan, find_sources
from worker.engines.patch.pyramid import Scale
from worker.imaging import MaskArray
from worker.imaging.compiled import kernel

MAX_SHIFT = 12.0
"""Gray values by which a copy may be lightened or darkened to match."""

REACH = 16
"""Pixels around a position in which a better one is looked for one by one."""

ENOUGH_WHOLE = 256
"""Patches free of forbidden pixels from which no other is copied from: what a patch lacks, other
patches must say, and they agree on the less the more is forbidden."""

MAX_POOL = 1 << 18
"""Sources to draw from; the search refines what was drawn anyway."""


def make_ground(scale: Scale, planes: Planes, plan: Plan, stride: int) -> Ground:
    """Lay a scale out for the kernels.

    Patches stay whole within the picture, so those at a hole on its border are centered inside.

    Args:
        scale: the hole and the sources.
        planes: the scale's planes from `lay_out`; the ground shares their memory.
        plan: patch size.
        stride: pixels between patches.
    """
    radius = plan.radius
    rows, columns = (_positions(side, radius, stride) for side in scale.hole.shape)
    reach = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    touching = np.asarray(cv2.dilate(scale.hole, reach), np.uint8)
    sources = _prefer_whole(find_sources(scale.sources, radius, plan.clear), scale, reach)
    known = _flatten(_mark(scale.hole == 0))
    pitch = planes.strides[0]
    ground = Ground(
        flat=_flatten(planes),
        pitch=pitch,
        lanes=make_lanes(radius),
        known=known,
        votes=known if scale.forbidden is None else _flatten(_mark(scale.readable != 0)),
        sums=np.empty((*scale.hole.shape, 3), np.uint16),
        sources=sources,
        pool=_thin_out(np.flatnonzero(sources)),
        rows=rows,
        columns=columns,
        active=np.ascontiguousarray(touching[np.ix_(rows, columns)]),
        radius=radius,
        shift=MAX_SHIFT,
        prior=plan.prior * (2 * radius + 1) ** 2 / max(scale.hole.shape) ** 2,
    )
    sum_colors(ground, planes)
    return ground


def _thin_out(places: NDArray[np.intp]) -> NDArray[np.int32]:
    """Return every n-th so that not too many are left to be kept in memory."""
    return places[:: len(places) // MAX_POOL + 1].astype(np.int32)


def _prefer_whole(centers: MaskArray, scale: Scale, reach: MaskArray) -> MaskArray:
    """Return the centers of patches without forbidden pixels, or all where those are too few."""
    if scale.forbidden is None:
        return centers
    whole = np.where(cv2.dilate(scale.forbidden, reach), 0, centers).astype(np.uint8)
    return whole if cv2.countNonZero(whole) >= ENOUGH_WHOLE else centers


def _mark(chosen: NDArray[np.bool_]) -> Planes:
    """Return 1 for every byte of a chosen pixel, laid out as planes are."""
    return lay_out(np.broadcast_to(chosen[..., None], (*chosen.shape, CHANNELS)))


def _flatten(planes: Planes) -> NDArray[np.uint8]:
    """Return planes from `lay_out` as one row of bytes, spare lanes included."""
    return np.lib.stride_tricks.as_strided(planes, (planes.shape[0] * planes.strides[0],), (1,))


def sum_colors(ground: Ground, planes: Planes) -> None:
    """Bring the sums over patches up to date with the planes."""
    side = 2 * ground.radius + 1
    for channel in range(3):
        ground.sums[..., channel] = cv2.boxFilter(
            planes[..., channel], cv2.CV_16U, (side, side), normalize=False
        )


def _positions(side: int, radius: int, stride: int) -> NDArray[np.int16]:
    last = side - 1 - radius
    return np.array([*range(radius, last, stride), last], np.int16)


def field_from_offsets(ground: Ground, offsets: NDArray[np.int16], defined: MaskArray) -> Field:
    """Start every patch from the offset at the nearest pixel that has one.

    Args:
        ground: the scale.
        offsets: int16 (H, W, 2), rows and columns from a pixel to its source.
        defined: uint8 (H, W), non-zero where there is an offset.
    """
    i, j = np.nonzero(ground.active)
    ty, tx = ground.rows[i].astype(np.int64), ground.columns[j].astype(np.int64)
    at_y, at_x = nearest(defined, ty, tx)
    found = np.stack((ty, tx), axis=1) + offsets[at_y, at_x]
    return make_field(ground, i, j, found)


def field_from_coarser(ground: Ground, coarser: Ground, field: Field) -> Field:
    """Start every patch from what the one at the same place of the coarser scale has found."""
    i, j = np.nonzero(ground.active)
    ty, tx = ground.rows[i].astype(np.int64), ground.columns[j].astype(np.int64)
    ci = np.abs(coarser.rows[None] * 2 - ground.rows[:, None]).argmin(axis=1)[i]
    cj = np.abs(coarser.columns[None] * 2 - ground.columns[:, None]).argmin(axis=1)[j]
    ci, cj = nearest(coarser.active, ci, cj)
    found = np.empty((len(ty), 2), np.int64)
    found[:, 0] = ty + 2 * (field.source[ci, cj, 0].astype(np.int64) - coarser.rows[ci])
    found[:, 1] = tx + 2 * (field.source[ci, cj, 1].astype(np.int64) - coarser.columns[cj])
    return make_field(ground, i, j, found)


def make_field(
    ground: Ground, i: NDArray[np.intp], j: NDArray[np.intp], found: NDArray[np.int64]
) -> Field:
    """Return a field whose patches (i, j) begin at `found`, each moved to the nearest valid source.

    Args:
        ground: the scale.
        i: rows of the grid.
        j: columns of the grid.
        found: int64 (N, 2), row and column, anywhere.
    """
    height, width = ground.sources.shape
    sy = found[:, 0].clip(0, height - 1)
    sx = found[:, 1].clip(0, width - 1)
    sy, sx = nearest(ground.sources, sy, sx)
    source = np.zeros((*ground.active.shape, 2), np.int16)
    source[i, j, 0], source[i, j, 1] = sy, sx
    return Field(source, np.zeros(ground.active.shape, np.float32))


def nearest(
    wanted: NDArray[np.uint8], y: NDArray[np.int64], x: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each position the nearest that is non-zero; itself if it is.

    Args:
        wanted: uint8 (H, W), somewhere non-zero.
        y: int64 (N,), rows.
        x: int64 (N,), columns.
    """
    found = np.stack((y, x), axis=1)
    if _look_around(wanted, found):
        return found[:, 0], found[:, 1]
    zeros = (wanted == 0).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(
        zeros, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = np.asarray(labels)
    by_y, by_x = np.nonzero(wanted)
    place = np.empty(len(by_y) + 1, np.int64)
    place[labels[by_y, by_x]] = np.arange(len(by_y))
    chosen = place[labels[found[:, 0], found[:, 1]]]
    return by_y[chosen], by_x[chosen]


@kernel
def _look_around(wanted: NDArray[np.uint8], found: NDArray[np.int64]) -> bool:
    """Move positions to what is wanted a few pixels from them; `False` if that was not enough.

    Nearly all lie a pixel off: a map of what is nearest to every pixel would cost a second where
    this costs a millisecond.
    """
    done = True
    for index in range(found.shape[0]):
        if not wanted[found[index, 0], found[index, 1]]:
            done = _look_around_one(wanted, found[index]) and done
    return done


@kernel
def _look_around_one(wanted: NDArray[np.uint8], at: NDArray[np.int64]) -> bool:
    """Move one position to the nearest that is wanted, in ever wider squares around it."""
    y, x = at[0], at[1]
    best = (REACH + 1) * (REACH + 1)
    for reach in range(1, REACH + 1):
        if reach * reach >= best:
            break
        for step in range(-reach, reach + 1):
            away = step * step + reach * reach
            for side in range(4):
                ny = y + (step if side < 2 else (reach if side == 2 else -reach))
                nx = x + (step if side >= 2 else (reach if side == 0 else -reach))
                inside = 0 <= ny < wanted.shape[0] and 0 <= nx < wanted.shape[1]
                if inside and away < best and wanted[ny, nx]:
                    best = away
                    at[0], at[1] = ny, nx
    return best < (REACH + 1) * (REACH + 1)
