"""Continuing figures past the side that they meet: each for its own rest, and no further."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box, Margins
from worker.engines.channels import largest_channel
from worker.engines.ground.figures import HALO
from worker.engines.ground.outside import Ground, Run
from worker.engines.ground.sides import margin_of, seen_from
from worker.imaging import ImageArray, MaskArray
from worker.imaging.masks import bounding_box

SHADES: Final = 6.0
"""Levels of grading from which figures are completed on what is left beside the surface."""

EDGE: Final = 8
TOLD: Final = 48
"""Pixels that the edge of a figure moves from one line to the next at most, and lines from which
its way is told."""

SAME: Final = 5.0
"""Levels, besides the grain, below which what was painted is the ground again."""


@dataclass(frozen=True, eq=False)
class Filled:
    """A completion of figures that meet a side.

    Attributes:
        image: uint8 (H, W, C).
        estimate: how well it went, 0 .. 1.
        reason: why something simpler was used; `None` where it was not.
    """

    image: ImageArray
    estimate: float
    reason: str | None


Fill = Callable[[ImageArray, MaskArray, MaskArray], Filled]
"""Returns a canvas with its mask filled, from patches of where the last plane is 255."""

STRAIGHT: Final = 16
BESIDE: Final = 4
"""Pixels along which a figure must not change to go straight on; pixels beside it that go on with
it."""

LONG: Final = 0.6
"""Part of a figure's depth that is as wide as its widest line from which it goes on as it is."""

REFLECTED: Final = 0.8
"""Estimate of a figure that was closed by its own symmetry."""


def continue_figure(
    result: ImageArray, known: Box, box: Box, ground: Ground, run: Run, fill: Fill
) -> tuple[Filled, int]:
    """Continue a figure past the side that it meets, in place.

    Args:
        result: the canvas, uint8 (H, W, C), with the ground already continued.
        known: the part of it that is painted.
        box: where the picture lies on it.
        ground: that the figure stands on.
        run: where the figure meets the side.
        fill: completes from patches.

    Returns:
        How well it went, and how many pixels it was looked for in.
    """
    own, depth = _find_own(ground, run)
    margins = _margins(known, box)
    pixels = _go_straight_on(result, known, box, ground, run, depth)
    if pixels:
        return Filled(result, REFLECTED, None), pixels
    if depth < margin_of(margins, run.side):
        pixels = _close_figure(result, known, box, ground, run, own, depth)
        return Filled(result, REFLECTED, None), pixels
    zone = _zone_of(run, own, depth, known, box)
    window = _window_of(bounding_box(zone), run, known)
    there = np.s_[window.top : window.bottom, window.left : window.right]
    mask = np.ascontiguousarray(zone[there])
    sources = np.where(own | (ground.figures == 0), 255, 0).astype(np.uint8)
    sources = _move_to(sources, box, window)
    here = np.ascontiguousarray(result[there])
    base = _base_to_leave(here, mask, ground, window, box)
    if base is None:
        done = fill(here, mask, sources)
        values = done.image.astype(np.float32)
    else:
        done = fill(np.rint(here - base + 128).clip(0, 255).astype(np.uint8), mask, sources)
        values = done.image - np.float32(128) + base
    painted = _keep_ground(here, values, mask, ground.grain.level)
    np.copyto(result[there], painted, where=mask[..., None] != 0)
    return done, int(np.count_nonzero(mask))


def _go_straight_on(
    result: ImageArray, known: Box, box: Box, ground: Ground, run: Run, depth: int
) -> int:
    """Carry on what meets its side at a right angle and does not change along its way, in place.

    Returns:
        Pixels that were painted, 0 if it is not such a figure.
    """
    rest = result[box.top : box.bottom, box.left : box.right] - ground.surface.over(
        0, 0, box.width, box.height
    )
    along = slice(max(run.first - BESIDE, 0), run.last + BESIDE)
    lines = np.asarray(seen_from(rest, run.side)[:STRAIGHT, along], np.float32)
    if depth < STRAIGHT or len(lines) < STRAIGHT:
        return 0
    change = np.abs(lines - np.median(lines, axis=0))
    if float(np.quantile(change, 0.99)) > SAME + 3 * ground.grain.level:
        return 0
    beyond = _beyond(result, known, box, run)[:depth, along]
    shown = lines[np.arange(len(beyond)) % len(lines)]
    beyond[...] = np.rint(beyond + shown).clip(0, 255).astype(np.uint8)
    return int(beyond.shape[0] * beyond.shape[1])


def _keep_ground(
    ground: ImageArray, painted: NDArray[np.float32], mask: MaskArray, grain: float
) -> ImageArray:
    """Return what was painted where the figure goes on, and the ground everywhere else."""
    change = painted - ground
    means = np.asarray(cv2.blur(change, (5, 5))).reshape(change.shape)
    figure = ((largest_channel(np.abs(means)) > SAME + 0.8 * grain) & (mask != 0)).astype(np.uint8)
    figure = np.asarray(cv2.dilate(figure, np.ones((3, 3), np.uint8)))
    figure = _keep_largest(figure)
    weight = np.asarray(cv2.blur(figure.astype(np.float32), (3, 3)))[..., None]
    return np.rint(ground + weight * change).clip(0, 255).astype(np.uint8)


def _keep_largest(figure: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the largest part alone: what stands beside it was invented."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(figure, connectivity=8)
    if count < 3:
        return figure
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return np.asarray(np.asarray(labels) == largest, np.uint8)


def _close_figure(
    result: ImageArray,
    known: Box,
    box: Box,
    ground: Ground,
    run: Run,
    own: NDArray[np.bool_],
    depth: int,
) -> int:
    """Complete a small figure by its symmetry about its widest line, in place.

    A disk of which a part is cut off gets that part; what is widest at the side is reflected.
    """
    inside = result[box.top : box.bottom, box.left : box.right]
    rest = np.asarray(inside - ground.surface.over(0, 0, box.width, box.height), np.float32)
    limit = SAME + 3.5 * ground.grain.level
    is_figure = (own & (largest_channel(np.abs(rest)) > limit)).astype(np.uint8)
    is_figure = np.asarray(cv2.medianBlur(is_figure, 3))
    axis = _find_axis(seen_from(is_figure, run.side)[:depth])
    part = np.asarray(cv2.dilate(is_figure, np.ones((3, 3), np.uint8)))
    lines = np.asarray(seen_from(rest, run.side), np.float32)[axis : axis + depth]
    shown = seen_from(part, run.side)[axis : axis + depth]
    beyond = _beyond(result, known, box, run)[: len(lines)]
    lines, shown = lines[: len(beyond)], shown[: len(beyond)]
    painted = np.rint(beyond + lines).clip(0, 255).astype(np.uint8)
    np.copyto(beyond, painted, where=shown[..., None] != 0)
    return int(np.count_nonzero(shown))


def _find_axis(figure: NDArray[np.uint8]) -> int:
    """Return the line, counted from the side, that follows the last one beyond the side."""
    widths = np.count_nonzero(figure, axis=1)
    widest = np.flatnonzero(widths >= widths.max(initial=0) - 0.5)
    # As wide all along, it is no thing that closes, but one that goes on.
    if not len(widest) or len(widest) >= LONG * len(widths):
        return 0
    return int(widest[0] + widest[-1]) + 1


def _beyond(
    canvas: ImageArray, known: Box, box: Box, run: Run, *, whole: bool = False
) -> ImageArray:
    """Return a view of what lies past a side, its nearest line first.

    Args:
        canvas: (H, W, C).
        known: the part of it that is painted.
        box: where the picture lies.
        run: at the side.
        whole: take in the corners; columns then begin at the canvas's border.
    """
    if run.side in ("left", "right"):
        columns = (
            slice(known.left, box.left) if run.side == "left" else slice(box.right, known.right)
        )
        rows = slice(None) if whole else slice(box.top, box.bottom)
        part = np.swapaxes(canvas[rows, columns], 0, 1)
    else:
        rows = slice(known.top, box.top) if run.side == "top" else slice(box.bottom, known.bottom)
        columns = slice(None) if whole else slice(box.left, box.right)
        part = canvas[rows, columns]
    return part[::-1] if run.side in ("left", "top") else part


def _margins(known: Box, box: Box) -> Margins:
    return Margins(
        left=box.left - known.left,
        top=box.top - known.top,
        right=known.right - box.right,
        bottom=known.bottom - box.bottom,
    )


def _find_own(ground: Ground, run: Run) -> tuple[NDArray[np.bool_], int]:
    """Return where the figure lies that meets a side, and how deep it reaches inside, in pixels."""
    count, labels = cv2.connectedComponents(ground.figures, connectivity=8)
    is_own = np.zeros(count, np.bool_)
    is_own[np.unique(seen_from(np.asarray(labels), run.side)[:3, run.first : run.last])] = True
    is_own[0] = False
    own = is_own[labels]
    lines = np.flatnonzero(seen_from(own, run.side).any(axis=1))
    return own, max(int(lines[-1]) + 1 - HALO, 1) if len(lines) else 1


def _zone_of(run: Run, own: NDArray[np.bool_], depth: int, known: Box, box: Box) -> MaskArray:
    """Return what a figure may cover past its side: where its two edges lead, and a little more.

    Returns:
        uint8 of the canvas's size, at least what is known of it; 255 where it may be.
    """
    reach = min(depth, margin_of(_margins(known, box), run.side))
    first, last = (_follow_edge(own, run, is_last, reach) for is_last in (False, True))
    start = box.top if run.side in ("left", "right") else box.left
    ways = np.arange(reach)
    slack = HALO + ways // 4
    first, last = first - slack, last + slack
    zone = np.zeros((known.bottom, known.right), np.uint8)
    beyond = _beyond(zone[..., None], known, box, run, whole=True)[:reach, :, 0]
    along = np.arange(beyond.shape[1])[None]
    beyond[...] = np.where(
        (along >= first[:, None] + start) & (along < last[:, None] + start), 255, 0
    )
    return zone


def _follow_edge(own: NDArray[np.bool_], run: Run, is_last: bool, reach: int) -> NDArray[np.int64]:
    """Return where one edge of a figure leads past its side, for each line beyond it, int64."""
    lines = np.asarray(seen_from(own, run.side)[: min(max(reach, 4), TOLD)], np.int8)
    # Where a figure begins along a line, or ends.
    steps = np.diff(np.pad(lines, ((0, 0), (1, 1))), axis=1) == (-1 if is_last else 1)
    base = run.last if is_last else run.first
    found = [base + (HALO if is_last else -HALO)]
    for line in steps:
        places = np.flatnonzero(line)
        if not len(places):
            break
        nearest = int(places[np.argmin(np.abs(places - found[-1]))])
        # Farther away it is another figure's edge, or a corner of this one.
        if len(found) > 1 and abs(nearest - found[-1]) > EDGE:
            break
        found.append(nearest)
    ways = np.arange(1, reach + 1)
    return np.asarray(np.rint(base - _slope(np.array(found[1:])) * ways), np.int64)


def _slope(places: NDArray[np.int64]) -> float:
    """Return the usual change from line to line, over a third of them at a time."""
    step = max(len(places) // 3, 1)
    if len(places) < 4:
        return 0.0
    return float(np.clip(np.median(places[step:] - places[:-step]) / step, -2, 2))


def _window_of(zone: Box, run: Run, known: Box) -> Box:
    around = max(64, run.last - run.first, int(1.5 * min(zone.width, zone.height)))
    return Box(
        left=max(zone.left - around, known.left),
        top=max(zone.top - around, known.top),
        right=min(zone.right + around, known.right),
        bottom=min(zone.bottom + around, known.bottom),
    )


def _move_to(plane: MaskArray, box: Box, window: Box) -> MaskArray:
    """Return a plane of the picture as it lies in a window of the canvas, 0 outside of it."""
    moved = np.zeros((window.height, window.width), np.uint8)
    left, top = max(window.left, box.left), max(window.top, box.top)
    right, bottom = min(window.right, box.right), min(window.bottom, box.bottom)
    part = plane[top - box.top : bottom - box.top, left - box.left : right - box.left]
    moved[top - window.top : bottom - window.top, left - window.left : right - window.left] = part
    return moved


def _base_to_leave(
    here: ImageArray, mask: MaskArray, ground: Ground, window: Box, box: Box
) -> NDArray[np.float32] | None:
    """Return the ground's low frequencies where it helps to take them away, else `None`."""
    base = ground.base(
        window.left - box.left,
        window.top - box.top,
        window.right - box.left,
        window.bottom - box.top,
    )
    if float((base.max(axis=(0, 1)) - base.min(axis=(0, 1))).max()) < SHADES:
        return None
    rest = (here - base)[mask == 0]
    return base if np.mean((rest < -128) | (rest > 127)) < 0.002 else None
