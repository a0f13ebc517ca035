"""The loop over scales: search, vote, again, and on to the next finer one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.patch.blend import blend
from worker.engines.patch.distance import Field, Ground
from worker.engines.patch.estimate import Evidence, measure_roughness
from worker.engines.patch.features import Planes, lay_out, stack_planes
from worker.engines.patch.grid import (
    field_from_coarser,
    field_from_offsets,
    make_ground,
    sum_colors,
)
from worker.engines.patch.guide import Guide
from worker.engines.patch.peel import peel
from worker.engines.patch.plan import MIN_SOURCES, Plan, count_sources
from worker.engines.patch.pyramid import Scale, build_pyramid, fill_smoothly, halve_image
from worker.engines.patch.search import find_likenesses
from worker.engines.patch.strips import Workers
from worker.engines.patch.tone import settle_tone
from worker.engines.patch.vote import vote, weigh
from worker.imaging import ImageArray, MaskArray

WHOLE_RADIUS = 3
"""A patch of this radius or more was wanted so; a smaller one is what was left."""


@dataclass(frozen=True, eq=False)
class Start:
    """The beginning of a completion, in place of a guess from the hole's border.

    Attributes:
        level: scale to begin at, 0 = finest; coarser ones than the hole needs are not used.
        picture: what the hole might hold, with the channels of the picture to complete.
        offsets: int32 (H, W, 2), rows and columns from each pixel of the hole to its source.
        is_close: whether it is so near the result that the fine scales need few rounds.
    """

    level: int
    picture: ImageArray | None = None
    offsets: NDArray[np.int32] | None = None
    is_close: bool = False


@dataclass(frozen=True, eq=False)
class Solution:
    """One window completed.

    Attributes:
        image: of the shape that was given.
        evidence: what tells how well it went.
        reason: why something simpler was used; `None` where it was not.
        levels: scales above the finest.
        origins: int16 (H, W, 2), row and column that each pixel of the hole was copied from, -1
            where from none; `None` where no patch was copied.
    """

    image: ImageArray
    evidence: Evidence
    reason: str | None
    levels: int
    origins: NDArray[np.int16] | None = None


class Layer:
    """One scale being worked on.

    Args:
        scale: the scale.
        planes: its planes with a guess under the hole.
        plan: how the window is completed.
        level: 0 = finest.
        check: called between the parts of it; may raise to stop.
    """

    def __init__(
        self, scale: Scale, planes: Planes, plan: Plan, level: int, check: Callable[[], None]
    ) -> None:
        self.hole = scale.hole
        self.planes = lay_out(planes)
        check()
        self.ground: Ground = make_ground(
            scale, self.planes, plan, plan.stride if level == 0 else 1
        )
        check()
        self.depth = np.asarray(
            cv2.distanceTransform(scale.hole, cv2.DIST_L2, cv2.DIST_MASK_5), np.float32
        )
        self.field: Field
        self.weights: NDArray[np.float32]

    def search(self, sweeps: int, seed: int, workers: Workers) -> None:
        """Find likenesses for the present guess, and weigh them."""
        sum_colors(self.ground, self.planes)
        find_likenesses(self.ground, self.field, sweeps=sweeps, seed=seed, workers=workers)
        self.weights = weigh(self.field, self.ground, self.depth)

    def vote(self, workers: Workers) -> None:
        """Make a new guess of what was found."""
        vote(self.ground, self.field, self.weights, self.hole, workers=workers)

    def keep_to(self, guide: Guide, level: int) -> None:
        """Make the present guess agree with a guide."""
        color = self.planes[..., : guide.picture.shape[2]]
        color[...] = guide.hold(np.ascontiguousarray(color), self.hole, level)

    def energy(self) -> float:
        """Return the mean cost of the patches."""
        return float(self.field.cost[self.ground.active != 0].mean())


def solve(
    image: ImageArray,
    hole: MaskArray,
    sources: MaskArray,
    plan: Plan,
    *,
    forbidden: MaskArray | None,
    structures: MaskArray | None,
    settles: bool,
    seed: int,
    start: Start | None,
    guide: Guide | None,
    workers: Workers,
    advance: Callable[[], None],
) -> Solution:
    """Complete one window.

    Args:
        image: RGB uint8 (H, W, 3), or premultiplied RGBA (H, W, 4).
        hole: uint8 (H, W), 255 = hole.
        sources: uint8 (H, W), 255 where may be copied from.
        plan: how.
        forbidden: uint8 (H, W), 255 at known pixels of which none may be copied; `None` for none.
        structures: uint8 (H, W), 255 at lines and edges; `None` for none.
        settles: whether the hole is to be as bright as what lies around it.
        seed: of all that is random.
        start: what to begin with, of the same size.
        guide: what to keep to at every scale, of the same size.
        workers: run the kernels.
        advance: called after every round.
    """
    workers.check()
    finest = Scale(stack_planes(image, hole, plan.levels, plan.texture), hole, sources, forbidden)
    workers.check()
    scales = _usable(build_pyramid(finest, plan.levels, workers.check), plan)
    level = len(scales) - 1
    layer = _begin(scales[level], plan, level, seed, start, guide, workers, advance)
    while level > 0:
        level -= 1
        layer = _refine(layer, scales[level], plan, level, workers)
        if guide is not None:
            layer.keep_to(guide, level)
        _iterate(layer, plan, level, seed, guide, workers, advance)
    voted = np.ascontiguousarray(layer.planes[..., : image.shape[2]])
    if plan.levels > 0 and settles and guide is None:
        voted = settle_tone(voted, finest, structures, plan.half_width, workers.check)
    picture, origins = blend(
        layer.ground,
        layer.field,
        layer.weights,
        voted,
        finest,
        larger=plan.larger,
        workers=workers,
    )
    if guide is not None:
        picture = guide.hold(picture, hole)
    advance()
    return Solution(picture, _evidence(layer, picture), _reason(plan), len(scales) - 1, origins)


def _usable(scales: list[Scale], plan: Plan) -> list[Scale]:
    """Drop the coarsest scales while they leave too little to copy from."""
    while len(scales) > 1:
        coarsest = scales[-1]
        fits = min(coarsest.hole.shape) >= 2 * plan.radius + 1
        if fits and count_sources(coarsest.sources, plan.radius, plan.clear) >= MIN_SOURCES:
            break
        scales.pop()
    return scales


def _begin(
    scale: Scale,
    plan: Plan,
    level: int,
    seed: int,
    start: Start | None,
    guide: Guide | None,
    workers: Workers,
    advance: Callable[[], None],
) -> Layer:
    """Make the first guess at the coarsest scale and improve it; the best of several is kept."""
    layers = []
    for attempt in range(plan.starts):
        own_seed = seed * 16 + attempt
        layer = _guess(scale, plan, level, own_seed, start, workers)
        _iterate(layer, plan, level, own_seed, guide, workers, advance)
        layers.append(layer)
    return min(layers, key=Layer.energy)


def _guess(
    scale: Scale, plan: Plan, level: int, seed: int, start: Start | None, workers: Workers
) -> Layer:
    if start is not None:
        return _given(scale, plan, level, start, workers)
    layer = Layer(scale, fill_smoothly(scale.planes, scale.hole), plan, level, workers.check)
    if plan.smooth:
        offsets = np.zeros((*scale.hole.shape, 2), np.int16)
        layer.field = field_from_offsets(layer.ground, offsets, np.ones_like(scale.hole))
        return layer
    offsets = peel(layer.ground, layer.planes, scale.hole, seed=seed, workers=workers)
    layer.field = field_from_offsets(layer.ground, offsets, scale.hole)
    return layer


def _given(scale: Scale, plan: Plan, level: int, start: Start, workers: Workers) -> Layer:
    planes = fill_smoothly(scale.planes, scale.hole)
    if start.picture is not None:
        color = halve_image(start.picture, level)
        np.copyto(planes[..., : color.shape[2]], color, where=scale.hole[..., None] != 0)
    layer = Layer(scale, planes, plan, level, workers.check)
    offsets = np.zeros((*scale.hole.shape, 2), np.int16)
    if start.offsets is not None:
        step = 2**level
        near = start.offsets[::step, ::step][: offsets.shape[0], : offsets.shape[1]]
        offsets[: near.shape[0], : near.shape[1]] = np.rint(near / step)
    layer.field = field_from_offsets(layer.ground, offsets, scale.hole)
    if start.offsets is not None:
        _vote_blindly(layer, workers)
    return layer


def _vote_blindly(layer: Layer, workers: Workers) -> None:
    """Make a guess from a field whose costs are not known yet."""
    layer.field.cost[...] = 0
    layer.weights = weigh(layer.field, layer.ground, layer.depth)
    layer.vote(workers)


def _refine(coarse: Layer, scale: Scale, plan: Plan, level: int, workers: Workers) -> Layer:
    """Go to the next finer scale: detail by the offsets found, low frequencies from the guess."""
    height, width = scale.hole.shape
    planes = scale.planes.copy()
    for channel in range(planes.shape[2]):
        plane = np.ascontiguousarray(coarse.planes[..., channel])
        up = np.asarray(cv2.pyrUp(plane, dstsize=(width, height)))
        np.copyto(planes[..., channel], up, where=scale.hole != 0)
        workers.check()
    layer = Layer(scale, planes, plan, level, workers.check)
    workers.check()
    layer.field = field_from_coarser(layer.ground, coarse.ground, coarse.field)
    workers.check()
    _vote_blindly(layer, workers)
    return layer


def _iterate(
    layer: Layer,
    plan: Plan,
    level: int,
    seed: int,
    guide: Guide | None,
    workers: Workers,
    advance: Callable[[], None],
) -> None:
    rounds = plan.em_at(level)
    for number in range(rounds):
        workers.check()
        layer.search(plan.sweeps_at(level), (seed * 16 + level) * 32 + number, workers)
        layer.vote(workers)
        if guide is not None:
            layer.keep_to(guide, level)
        advance()


def _evidence(layer: Layer, picture: ImageArray) -> Evidence:
    count = (2 * layer.ground.radius + 1) ** 2
    inside = layer.hole != 0
    return Evidence(
        pixels=int(np.count_nonzero(inside)),
        unlikeness=math.sqrt(max(layer.energy(), 0.0) / count),
        depth=float(layer.depth[inside].mean()),
        roughness=measure_roughness(picture, layer.hole),
    )


def _reason(plan: Plan) -> str | None:
    if plan.radius >= WHOLE_RADIUS:
        return None
    return f"few patches to copy from: smaller ones of {2 * plan.radius + 1} pixels were used"
