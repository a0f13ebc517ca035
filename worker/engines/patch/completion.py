"""Completing a picture from its own patches: windows, fallbacks, and how well it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from worker.engines.base import StepCallback
from worker.engines.patch.estimate import Evidence, estimate_quality
from worker.engines.patch.fallback import fill_plainly
from worker.engines.patch.guide import Guide, guide_plan
from worker.engines.patch.levels import Solution, Start, solve
from worker.engines.patch.plan import Plan, Quality, make_plan
from worker.engines.patch.strips import Workers
from worker.engines.patch.transparency import is_opaque
from worker.engines.patch.windows import Window, find_windows
from worker.imaging import ImageArray, MaskArray


@dataclass(frozen=True, eq=False)
class Completion:
    """A completed picture.

    Attributes:
        image: of the shape that was given, and equal to it outside the mask.
        estimate: how well it went, 0 .. 1.
        reason: why something simpler than the full patches was used; `None` where it was not.
        levels: scales of the pyramid above the finest, the most that any window had.
        windows: parts of the picture that were worked on.
        origins: int16 (H, W, 2), row and column that each painted pixel was copied from, -1 where
            from none; `None` where nothing was painted.
    """

    image: ImageArray
    estimate: float
    reason: str | None
    levels: int
    windows: int
    origins: NDArray[np.int16] | None = None


class Progress:
    """Counts rounds over all windows.

    Args:
        on_step: called with rounds done and rounds in all; may raise to stop.
        rounds: rounds in all.
    """

    def __init__(self, on_step: StepCallback, rounds: int) -> None:
        self._on_step = on_step
        self._rounds = max(rounds, 1)
        self._done = 0

    def check(self) -> None:
        """Report again what is done, so that the callback can stop the work."""
        self._on_step(self._done, self._rounds)

    def advance(self) -> None:
        """Count one round."""
        self._done = min(self._done + 1, self._rounds)
        self.check()

    def finish(self) -> None:
        """Report that all is done, where some rounds turned out not to be needed."""
        if self._done < self._rounds:
            self._done = self._rounds
            self.check()


@dataclass(frozen=True, eq=False)
class _Part:
    """One window and how it is to be done."""

    rows: slice
    columns: slice
    own: MaskArray
    sources: MaskArray
    forbidden: MaskArray | None
    structures: MaskArray | None
    settles: bool
    plan: Plan | None


def complete(
    image: ImageArray,
    mask: MaskArray,
    *,
    seed: int,
    quality: Quality = "balanced",
    source_mask: MaskArray | None = None,
    strict: bool = False,
    avoided: MaskArray | None = None,
    structures: MaskArray | None = None,
    start: Start | None = None,
    guide: Guide | None = None,
    on_step: StepCallback,
    threads: int | None = None,
) -> Completion:
    """Fill the mask with what lies elsewhere in the picture.

    Each hole is completed at several scales, from coarse to fine: every patch that touches it
    looks for its likeness in the known part, and the likenesses vote on each pixel. Where no patch
    can be copied from, smaller ones are tried, then a smooth fill, then the mean color; `reason`
    says so.

    Args:
        image: RGB uint8 (H, W, 3), or premultiplied RGBA (H, W, 4), whose alpha is painted with its
            colors; what lies under the mask is not read.
        mask: uint8 (H, W), 255 = repaint.
        seed: 0 .. 2**32 - 1; the same seed gives the same bytes on any number of threads.
        quality: how much time to take.
        source_mask: uint8 (H, W), 255 where may be copied from; `None` for everywhere.
        strict: whether no other known pixel is copied; else a patch whose center may be copied
            brings all of its known pixels.
        avoided: uint8 (H, W), 255 at what is not copied as long as there is enough else.
        structures: uint8 (H, W), 255 at lines and edges, which do not say how bright it is beside
            them.
        start: what to begin with instead of a guess from the hole's border.
        guide: what the hole looks like from afar: it begins with that, and keeps to it; no `start`.
        on_step: called with rounds done and rounds in all, at least every 0.1 s or so of work;
            what it raises ends the work and passes through.
        threads: how many run at once; `None` for as many as the process may use.

    Returns:
        The completed picture and how well it went.

    Source: Y. Wexler, E. Shechtman, M. Irani, "Space-Time Completion of Video", PAMI 29(3), 2007;
        A. Newson et al., "Video Inpainting of Complex Scenes", SIAM J. Imaging Sciences 7(4), 2014.
    """
    if not mask.any():
        return Completion(image.copy(), 1.0, None, 0, 0)
    allowed = _Allowed(source_mask, strict, avoided, structures)
    if guide is not None:
        start = Start(guide.level, guide.picture)
    parts = _plan_parts(mask, quality, allowed, start)
    if guide is not None:
        parts = [replace(part, plan=part.plan and guide_plan(part.plan)) for part in parts]
    progress = Progress(on_step, sum(part.plan.rounds if part.plan else 1 for part in parts))
    progress.check()
    result, left = image.copy(), mask.copy()
    origins = np.full((*mask.shape, 2), -1, np.int16)
    solutions = []
    with Workers(progress.check, threads) as workers:
        for part in parts:
            window = np.ascontiguousarray(result[part.rows, part.columns])
            hole = np.ascontiguousarray(left[part.rows, part.columns])
            solution = _complete_part(
                window, hole, part, seed, start, guide, workers, progress.advance
            )
            own = part.own != 0
            np.copyto(result[part.rows, part.columns], solution.image, where=own[..., None])
            _note_origins(origins, solution, part)
            left[part.rows, part.columns][own] = 0
            solutions.append(solution)
    progress.finish()
    return Completion(
        result,
        estimate_quality([solution.evidence for solution in solutions]),
        next((solution.reason for solution in solutions if solution.reason), None),
        max(solution.levels for solution in solutions),
        len(parts),
        origins,
    )


@dataclass(frozen=True, eq=False)
class _Allowed:
    """Arguments of `complete` about the picture, under the same names."""

    source_mask: MaskArray | None
    strict: bool
    avoided: MaskArray | None
    structures: MaskArray | None


def _note_origins(origins: NDArray[np.int16], solution: Solution, part: _Part) -> None:
    """Write where a window's pixels came from, in the picture's rows and columns."""
    if solution.origins is None:
        return
    corner = np.array([part.rows.start, part.columns.start], np.int16)
    has_origin = (part.own != 0) & (solution.origins[..., 0] >= 0)
    moved = solution.origins + corner
    np.copyto(origins[part.rows, part.columns], moved, where=has_origin[..., None])


def _plan_parts(
    mask: MaskArray, quality: Quality, allowed: _Allowed, start: Start | None
) -> list[_Part]:
    # A start may point anywhere in the picture, a user's sources may lie anywhere.
    whole = allowed.source_mask is not None or start is not None
    plan = partial(
        make_plan,
        quality=quality,
        start_level=start.level if start else None,
        is_close=start is not None and start.is_close,
    )
    return [_plan_part(window, mask, allowed, plan) for window in find_windows(mask, whole=whole)]


def _plan_part(
    window: Window,
    mask: MaskArray,
    allowed: _Allowed,
    plan_for: Callable[[MaskArray, MaskArray], Plan | None],
) -> _Part:
    box = window.box
    rows, columns = slice(box.top, box.bottom), slice(box.left, box.right)
    hole = np.ascontiguousarray(mask[rows, columns])
    known = sources = (hole == 0).astype(np.uint8) * 255
    forbidden = None
    if allowed.source_mask is not None:
        sources = known & allowed.source_mask[rows, columns]
        if allowed.strict:
            forbidden = _or_none(known & ~allowed.source_mask[rows, columns])
    # Who says where to copy from may want what is unlike the surroundings that are not copied.
    settles = allowed.strict or np.array_equal(sources, known)
    plan = None
    if allowed.avoided is not None:
        fewer = sources & ~allowed.avoided[rows, columns]
        plan = plan_for(hole, fewer)
        sources = fewer if plan is not None else sources
    plan = plan or plan_for(hole, sources)
    structures = allowed.structures
    if structures is not None:
        structures = _or_none(np.ascontiguousarray(structures[rows, columns]))
    return _Part(rows, columns, window.own, sources, forbidden, structures, settles, plan)


def _complete_part(
    window: ImageArray,
    hole: MaskArray,
    part: _Part,
    seed: int,
    start: Start | None,
    guide: Guide | None,
    workers: Workers,
    advance: Callable[[], None],
) -> Solution:
    if window.shape[2] == 4 and is_opaque(window, hole):
        # As good and as fast as without alpha, and the same bytes.
        color = np.ascontiguousarray(window[..., :3])
        colors = _drop_alpha(start), guide and guide.drop_alpha()
        done = _complete_part(color, hole, part, seed, *colors, workers, advance)
        return replace(done, image=np.dstack((done.image, np.full_like(hole, 255))))
    if part.plan is None:
        image, reason = fill_plainly(window, hole, part.forbidden)
        advance()
        return Solution(image, Evidence(int(np.count_nonzero(hole)), is_plain=True), reason, 0)
    return solve(
        window,
        hole,
        part.sources,
        part.plan,
        forbidden=part.forbidden,
        structures=part.structures if part.settles else None,
        settles=part.settles,
        seed=seed,
        start=start,
        guide=guide,
        workers=workers,
        advance=advance,
    )


def _or_none(mask: MaskArray) -> MaskArray | None:
    return mask if mask.any() else None


def _drop_alpha(start: Start | None) -> Start | None:
    if start is None or start.picture is None:
        return start
    return replace(start, picture=np.ascontiguousarray(start.picture[..., :3]))
