"""The last picture: pieces copied whole, joined by their gradients."""

from __future__ import annotations

from functools import partial
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.patch.distance import Field, Ground
from worker.engines.patch.pyramid import Scale
from worker.engines.patch.strictness import hide_forbidden
from worker.engines.patch.strips import Workers, cut
from worker.engines.patch.transparency import settle_alpha
from worker.imaging import ImageArray, MaskArray
from worker.imaging.compiled import compiled, kernel

ITERATIONS: Final = 50
SHARP_ITERATIONS: Final = 15
"""Rounds of solving; what is pulled harder reaches less far and needs fewer."""

RELAXATION: Final = 1.6
SCREEN: Final = 0.005
"""Pull towards the voted color: gradients alone would drift over a wide hole."""

STRICT_SCREEN: Final = 0.03
"""The same where pixels are forbidden: pieces are smaller, and have more seams to drift at."""

LOOSE_SCREEN: Final = 0.25
"""The same where no rim holds the hole: gradients of unlike pieces would run away."""

SHARP_SCREEN: Final = 0.25
"""Pull towards nothing of what larger gradients add. They are chosen for their size, so their sums
are not balanced: over more than a few pixels, color would pile up."""

MOST_VOTES = 82
"""Patches over a pixel: 9 x 9 at most."""


def blend(
    ground: Ground,
    field: Field,
    weights: NDArray[np.float32],
    voted: ImageArray,
    scale: Scale,
    *,
    larger: float,
    workers: Workers,
) -> tuple[ImageArray, NDArray[np.int16]]:
    """Return the picture made of whole pieces instead of means, and where each pixel came from.

    Each pixel takes the offset that the patches over it agree on most. Gradients come from there;
    the picture that fits them, the hole's rim and, weakly, the voted colors is solved for.

    Args:
        ground: the finest scale, laid out.
        field: what was found.
        weights: float32 (GH, GW), of the votes.
        voted: the voted colors: RGB uint8 (H, W, 3), or premultiplied RGBA (H, W, 4).
        scale: the finest scale.
        larger: share of the larger gradient where two pieces meet, 0.5 .. 1: the larger keeps what
            is sharp, the mean of both hides the seam.
        workers: run the strips.

    Source: P. Perez, M. Gangnet, A. Blake, "Poisson image editing", SIGGRAPH 2003; S. Darabi et
        al., "Image Melding", SIGGRAPH 2012.
    """
    hole = scale.hole
    bounds = cut(np.count_nonzero(hole, axis=1))
    origin = np.full((*hole.shape, 2), -1, np.int16)
    workers.run(partial(_choose, ground, field, weights, hole, scale.readable, origin), bounds)
    screen = SCREEN
    if scale.forbidden is not None:
        voted, is_loose = hide_forbidden(voted, hole, scale.forbidden, origin)
        screen = LOOSE_SCREEN if is_loose else STRICT_SCREEN
    join = partial(_join, origin=origin, scale=scale, larger=larger, screen=screen, workers=workers)
    if voted.shape[2] == 3:
        return join(voted), origin
    # The solver takes three channels: alpha goes three times, which costs as much as the colors.
    color = join(np.ascontiguousarray(voted[..., :3]))
    alpha = join(np.repeat(voted[..., 3:], 3, axis=2))[..., 0]
    return settle_alpha(color, alpha, voted, hole, origin), origin


def _join(
    voted: ImageArray,
    *,
    origin: NDArray[np.int16],
    scale: Scale,
    larger: float,
    screen: float,
    workers: Workers,
) -> ImageArray:
    """Solve for the three channels that fit the gradients at the origins.

    Means of gradients say how bright it is; what larger ones add to them only sharpens.
    """
    box = _box(scale.hole)
    color = voted.copy()
    top, left = box[0].start, box[1].start
    inner = np.ascontiguousarray(scale.hole[box])
    bounds = cut(np.count_nonzero(inner, axis=1))
    value, goal, sharp = np.empty((3, *inner.shape, 3), np.float32)
    # Without forbidden pixels `None`: the compiler then leaves out what asks for them.
    for share, wanted in (larger, sharp), (0.5, goal):
        goals = color, origin, scale.forbidden, inner, value, wanted, top, left, share, screen
        workers.run(partial(_set_goals, *goals), bounds)
    sharp -= goal
    detail = np.zeros_like(value)
    for _ in range(ITERATIONS):
        for parity in range(2):
            workers.run(partial(_relax, value, goal, inner, screen, parity), bounds)
    for _ in range(SHARP_ITERATIONS):
        for parity in range(2):
            workers.run(partial(_relax, detail, sharp, inner, SHARP_SCREEN, parity), bounds)
    value += detail
    workers.run(partial(_round, color[box], value, inner), bounds)
    return color


def _box(hole: MaskArray) -> tuple[slice, slice]:
    """Return the hole's bounding box, a pixel wider where there is one."""
    left, top, width, height = cv2.boundingRect(hole)
    rows = slice(max(top - 1, 0), min(top + height + 1, hole.shape[0]))
    return rows, slice(max(left - 1, 0), min(left + width + 1, hole.shape[1]))


@compiled
def _choose(
    ground: Ground,
    field: Field,
    weights: NDArray[np.float32],
    hole: MaskArray,
    readable: MaskArray,
    origin: NDArray[np.int16],
    first: int,
    last: int,
) -> None:
    """Set the place that most weight wants each pixel of rows `first` to `last` copied from."""
    places = np.empty((MOST_VOTES, 2), np.int64)
    votes = np.empty(MOST_VOTES, np.float32)
    for y in range(first, last):
        for x in range(hole.shape[1]):
            if hole[y, x]:
                count = _collect(ground, field, weights, readable, y, x, places, votes)
                if count:
                    best = np.argmax(votes[:count])
                    origin[y, x, 0], origin[y, x, 1] = places[best, 0], places[best, 1]


@kernel
def _collect(
    ground: Ground,
    field: Field,
    weights: NDArray[np.float32],
    readable: MaskArray,
    y: int,
    x: int,
    places: NDArray[np.int64],
    votes: NDArray[np.float32],
) -> int:
    """List the places that patches over a pixel want it copied from; return their number."""
    count = 0
    for i in _over(y, ground.rows, ground.radius):
        dy = y - int(ground.rows[i])
        for j in _over(x, ground.columns, ground.radius):
            if ground.active[i, j]:
                py = field.source[i, j, 0] + dy
                px = field.source[i, j, 1] + x - ground.columns[j]
                if readable[py, px]:
                    count = _add_vote(places, votes, count, py, px, weights[i, j])
    return count


@kernel
def _over(position: int, centers: NDArray[np.int16], radius: int) -> range:
    """Return the indexes of the patches that lie over a position."""
    first = np.searchsorted(centers, position - radius)
    last = first
    while last < centers.shape[0] and centers[last] <= position + radius:
        last += 1
    return range(first, last)


@kernel
def _add_vote(
    places: NDArray[np.int64],
    votes: NDArray[np.float32],
    count: int,
    py: int,
    px: int,
    weight: float,
) -> int:
    """Add a weight to a place's; return the number of places."""
    for index in range(count):
        if places[index, 0] == py and places[index, 1] == px:
            votes[index] += weight
            return count
    places[count, 0], places[count, 1], votes[count] = py, px, weight
    return count + 1


@kernel
def _slope(
    color: ImageArray,
    origin: NDArray[np.int16],
    barred: MaskArray | None,
    y: int,
    x: int,
    dy: int,
    dx: int,
    channel: int,
) -> tuple[bool, float]:
    """Return the step from a pixel to the neighbor at (dy, dx), as it is where the pixel came from.

    A known pixel came from itself, but what lies beside it is the hole: it has no say. Nor has a
    step onto a pixel that may not be copied.
    """
    py, px = int(origin[y, x, 0]), int(origin[y, x, 1])
    qy, qx = py + dy, px + dx
    if py < 0 or qy < 0 or qx < 0 or qy >= color.shape[0] or qx >= color.shape[1]:
        return False, 0.0
    if barred is not None and barred[qy, qx]:
        return False, 0.0
    return True, float(color[qy, qx, channel]) - float(color[py, px, channel])


@kernel
def _set_goals(
    color: ImageArray,
    origin: NDArray[np.int16],
    barred: MaskArray | None,
    hole: MaskArray,
    value: NDArray[np.float32],
    goal: NDArray[np.float32],
    top: int,
    left: int,
    share: float,
    screen: float,
    first: int,
    last: int,
) -> None:
    """Begin rows `first` to `last` with the voted colors, and sum up what each pixel is to fit."""
    height, width = hole.shape
    for y in range(first, last):
        for x in range(width):
            for channel in range(3):
                value[y, x, channel] = color[top + y, left + x, channel]
                goal[y, x, channel] = np.float32(screen) * value[y, x, channel]
            if hole[y, x]:
                for side in range(4):
                    dy, dx = (side == 1) - (side == 0), (side == 3) - (side == 2)
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        at = top + y, left + x
                        _add_step(color, origin, barred, *at, dy, dx, share, goal[y, x])


@kernel
def _add_step(
    color: ImageArray,
    origin: NDArray[np.int16],
    barred: MaskArray | None,
    y: int,
    x: int,
    dy: int,
    dx: int,
    share: float,
    goal: NDArray[np.float32],
) -> None:
    """Take the wanted step from a pixel to its neighbor from the pixel's goal."""
    for channel in range(3):
        has, step = _slope(color, origin, barred, y, x, dy, dx, channel)
        back_has, back = _slope(color, origin, barred, y + dy, x + dx, -dy, -dx, channel)
        if back_has and not has:
            step = -back
        elif back_has:
            larger = step if abs(step) > abs(back) else -back
            step = share * larger + (1.0 - share) * (step - back - larger)
        goal[channel] -= step


@kernel
def _relax(
    value: NDArray[np.float32],
    goal: NDArray[np.float32],
    hole: MaskArray,
    screen: float,
    parity: int,
    first: int,
    last: int,
) -> None:
    """Move every other pixel of rows `first` to `last` towards the mean of its neighbors."""
    width = hole.shape[1]
    for y in range(first, last):
        for x in range((y + parity) % 2, width, 2):
            if hole[y, x]:
                _relax_pixel(value, goal, screen, y, x)


@kernel
def _relax_pixel(
    value: NDArray[np.float32], goal: NDArray[np.float32], screen: float, y: int, x: int
) -> None:
    """Move one pixel towards the mean of its neighbors and past it."""
    count = np.float32(screen)
    red, green, blue = goal[y, x, 0], goal[y, x, 1], goal[y, x, 2]
    for side in range(4):
        ny, nx = y + (side == 1) - (side == 0), x + (side == 3) - (side == 2)
        if 0 <= ny < value.shape[0] and 0 <= nx < value.shape[1]:
            count += np.float32(1)
            red += value[ny, nx, 0]
            green += value[ny, nx, 1]
            blue += value[ny, nx, 2]
    factor = np.float32(RELAXATION)
    value[y, x, 0] += factor * (red / count - value[y, x, 0])
    value[y, x, 1] += factor * (green / count - value[y, x, 1])
    value[y, x, 2] += factor * (blue / count - value[y, x, 2])


@kernel
def _round(
    color: ImageArray, value: NDArray[np.float32], hole: MaskArray, first: int, last: int
) -> None:
    """Put rows `first` to `last` of the hole into the picture."""
    for y in range(first, last):
        for x in range(hole.shape[1]):
            if hole[y, x]:
                for channel in range(3):
                    color[y, x, channel] = np.uint8(
                        min(max(value[y, x, channel] + np.float32(0.5), 0), 255)
                    )
