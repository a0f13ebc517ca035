"""Progress of work in parts: each part reports its own, the caller sees one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from worker.engines.base import Canvas, Painted, StepCallback
from worker.engines.estimate import judge

STEPS: Final = 1000
"""Steps in which progress of one canvas is reported: canvases of a call differ in their rounds."""


def share_of(on_step: StepCallback, first: float, last: float, steps: int = STEPS) -> StepCallback:
    """Return a callback that reports a part's progress as that of the whole.

    Args:
        on_step: of the whole; what it raises passes through.
        first: where the part begins, 0 .. 1 of the whole.
        last: where it ends.
        steps: that the whole is reported in.
    """

    def report(step: int, total: int) -> None:
        done = first + (last - first) * step / max(total, 1)
        on_step(min(int(done * steps + 1e-9), steps), steps)

    return report


def repeat(on_step: StepCallback) -> StepCallback:
    """Return a callback for a part that counts as no progress, but can be stopped."""
    return lambda _step, _steps: on_step(0, 1)


def paint_each(
    canvases: Sequence[Canvas],
    on_step: StepCallback,
    paint_one: Callable[[Canvas, StepCallback], Painted],
) -> list[Painted]:
    """Paint one canvas after the other, and estimate each.

    Args:
        canvases: what to paint.
        on_step: called with the thousandths done and the total, over all canvases.
        paint_one: paints one and reports its own progress; its estimate covers the fit alone.
    """
    count, painted = len(canvases), []
    for index, canvas in enumerate(canvases):
        report = share_of(on_step, index / count, (index + 1) / count, STEPS * count)
        painted.append(judge(canvas, paint_one(canvas, report)))
    return painted
