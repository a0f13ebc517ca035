"""Continuing a ground past the border of a picture, and the figures that meet it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.contract.geometry import Box
from worker.engines.ground.closing import Fill, continue_figure
from worker.engines.ground.grain import lay_grain
from worker.engines.ground.outside import Ground
from worker.engines.ground.sides import SIDES
from worker.imaging import ImageArray

BAND_PIXELS: Final = 1 << 20
"""Pixels laid at a time: floats of a whole canvas take gigabytes."""

SURE: Final = 0.95
"""Estimate of ground that was continued."""


@dataclass(frozen=True, eq=False)
class Extended:
    """A canvas with the ground continued.

    Attributes:
        image: uint8 (H, W, C).
        known: the part that is painted now; the canvas where every extended side was ground.
        estimate: how well it went, 0 .. 1.
        reason: why something simpler was used for a figure; `None` where it was not.
    """

    image: ImageArray
    known: Box
    estimate: float
    reason: str | None


def describe_grounds(grounds: list[Ground]) -> dict[str, Any]:
    """Return what was found, for the recipe."""
    sides = {side for ground in grounds for side in ground.sides}
    return {
        "ground": {
            "kind": [ground.kind for ground in grounds],
            "sides": [side for side in SIDES if side in sides],
            "grain": [round(ground.grain.level, 1) for ground in grounds],
            "figures": max(ground.count for ground in grounds),
            "continued": sum(len(ground.runs) for ground in grounds),
        }
    }


def extend_grounds(
    image: ImageArray,
    box: Box,
    grounds: list[Ground],
    *,
    seed: int,
    fill: Fill,
    check: Callable[[], None],
) -> Extended:
    """Continue the grounds of a picture over its canvas, as far as they are known.

    Args:
        image: the canvas, uint8 (H, W, C); only the box is read.
        box: where the picture lies.
        grounds: none of them a texture; each side at most once.
        seed: of the grain.
        fill: completes figures that meet a side.
        check: called often; may raise to stop.
    """
    height, width = image.shape[:2]
    result = image.copy()
    known = _reach(box, grounds, width, height)
    random = np.random.default_rng(seed)
    for part in _cut_around(known, box):
        _lay_part(result, part, box, grounds, random, check)
    estimate, reason = SURE, None
    painted = known.width * known.height - box.width * box.height
    for ground in grounds:
        for run in ground.runs:
            done, pixels = continue_figure(result, known, box, ground, run, fill)
            reason = reason or done.reason
            estimate += (done.estimate - SURE) * pixels / max(painted, 1)
    return Extended(result, known, min(max(estimate, 0.0), 1.0), reason)


def _reach(box: Box, grounds: list[Ground], width: int, height: int) -> Box:
    sides = {side for ground in grounds for side in ground.sides}
    return Box(
        left=0 if "left" in sides else box.left,
        top=0 if "top" in sides else box.top,
        right=width if "right" in sides else box.right,
        bottom=height if "bottom" in sides else box.bottom,
    )


def _cut_around(outer: Box, inner: Box) -> Iterator[Box]:
    """Yield boxes that together are what lies in one box and not in the other, none too large."""
    columns = sorted({outer.left, inner.left, inner.right, outer.right})
    rows = sorted({outer.top, inner.top, inner.bottom, outer.bottom})
    for top, bottom in pairwise(rows):
        for left, right in pairwise(columns):
            if top == inner.top and left == inner.left:
                continue
            step = max(BAND_PIXELS // (right - left), 64)
            for first in range(top, bottom, step):
                yield Box(left=left, top=first, right=right, bottom=min(first + step, bottom))


def _lay_part(
    result: ImageArray,
    part: Box,
    box: Box,
    grounds: list[Ground],
    random: np.random.Generator,
    check: Callable[[], None],
) -> None:
    check()
    weights = [_weigh(part, box, ground) for ground in grounds]
    total = sum(weights)
    values = np.zeros((part.height, part.width, result.shape[2]), np.float32)
    here = part.left - box.left, part.top - box.top, part.right - box.left, part.bottom - box.top
    for ground, weight in zip(grounds, weights, strict=True):
        if not weight.any():
            continue
        share = weight / np.maximum(total, 1e-6)
        where = np.broadcast_to(share > 0, values.shape[:2])
        own = lay_grain(ground.grain, values.shape[:2], here[:2], where, random, check)
        # Where two grounds meet, their grain is mixed so that it keeps its strength.
        values += share[..., None] * ground.base(*here) + np.sqrt(share)[..., None] * own
    painted = np.rint(values).clip(0, 255).astype(np.uint8)
    result[part.top : part.bottom, part.left : part.right] = painted


def _weigh(part: Box, box: Box, ground: Ground) -> NDArray[np.float32]:
    """Return how much a ground counts: by the way past its own sides, so that corners blend."""
    columns = np.arange(part.left, part.right, dtype=np.float32)[None] + 0.5
    rows = np.arange(part.top, part.bottom, dtype=np.float32)[:, None] + 0.5
    beyond = {
        "left": box.left - columns,
        "top": box.top - rows,
        "right": columns - box.right,
        "bottom": rows - box.bottom,
    }
    weight = np.zeros((part.height, part.width), np.float32)
    for side in ground.sides:
        np.maximum(weight, beyond[side], out=weight)
    return weight
