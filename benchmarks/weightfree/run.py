"""Paints the cases with every method in turn, takes the times and the scores."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from benchmarks.weightfree.cases import Case, erase
from benchmarks.weightfree.metrics import Scores, measure
from benchmarks.weightfree.painting import Painting
from benchmarks.weightfree.peers import METHODS, Method
from benchmarks.weightfree.pictures import SOURCES
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

MAX_SCORED_PIXELS = 1_200_000
MAX_ERROR = 120
SEED = 0


@dataclass(frozen=True)
class Result:
    """What one method did in one case.

    Attributes:
        case: the case.
        method: its name.
        seconds: of the clock, the median of the repeats.
        cpu_seconds: of all threads, likewise.
        hole_pixels: how many were painted.
        scores: of the first repeat; none for large pictures, which are there for the clock.
        estimate: what the method thought of its fill, 0 .. 1.
        note: what it did instead of what was asked.
        error: the exception that it ended with.
        extra_megabytes: peak memory over what the process had before.
    """

    case: Case
    method: str
    seconds: float = float("nan")
    cpu_seconds: float = float("nan")
    hole_pixels: int = 0
    scores: Scores | None = None
    estimate: float | None = None
    note: str | None = None
    error: str | None = None
    extra_megabytes: float | None = None

    def as_row(self) -> dict[str, object]:
        """Return it flat, for JSON."""
        source = SOURCES[self.case.picture]
        row: dict[str, object] = {**asdict(self.case), "role": source.role, "group": source.group}
        row["label"] = self.case.label
        own = {
            name: value for name, value in asdict(self).items() if name not in ("case", "scores")
        }
        return {**row, **own, **(asdict(self.scores) if self.scores else {})}


@dataclass(frozen=True, eq=False)
class Painted:
    """A case with what all methods made of it.

    Attributes:
        case: the case.
        truth: the whole picture.
        erased: what the methods were given.
        mask: where they painted.
        images: by method.
        results: by method.
    """

    case: Case
    truth: ImageArray
    erased: ImageArray
    mask: MaskArray
    images: dict[str, ImageArray]
    results: dict[str, Result]


def choose_methods(case: Case, names: Sequence[str]) -> list[Method]:
    """Return the methods among these that take part in a case, save those that lack something."""
    kind = "outpaint" if case.is_outpainting else "inpaint"
    methods = [METHODS[name] for name in names]
    return [method for method in methods if kind in method.kinds and method.is_there()]


def paint_case(case: Case, names: Sequence[str], repeats: int) -> Painted:
    """Paint a case with every method, turn and turn about, so that a busy moment meets all.

    Args:
        case: the case.
        names: of the methods.
        repeats: how often each one paints; the times are medians.
    """
    truth, mask = case.load()
    erased, hole = erase(truth, mask), int(np.count_nonzero(mask))
    methods = [method for method in choose_methods(case, names) if hole <= method.max_hole]
    tries = {method.name: Tries(method) for method in methods}
    for _ in range(repeats):
        for one in tries.values():
            one.paint(erased, mask)
    empty = Result(case, "", hole_pixels=hole)
    images, results = {}, {}
    for name, one in tries.items():
        results[name] = replace(empty, method=name, error=one.error)
        if one.painting is not None:
            images[name] = to_uint8(np.where(mask[..., None] > 0, one.painting.image, truth))
            is_small = mask.size <= MAX_SCORED_PIXELS
            scores = measure(truth, images[name], mask) if is_small else None
            results[name] = one.describe(replace(results[name], scores=scores))
    return Painted(case, truth, erased, mask, images, results)


class Tries:
    """The tries of one method at one case.

    Args:
        method: the method.
    """

    def __init__(self, method: Method) -> None:
        self.painting: Painting | None = None
        self.error: str | None = None
        self._method = method
        self._clocks: list[tuple[float, float]] = []

    def paint(self, erased: ImageArray, mask: MaskArray) -> None:
        """Paint once more, on the clock, unless it failed before."""
        if self.error is not None:
            return
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            painting = self._method.paint(erased, mask, SEED)
        except Exception as error:
            # A method that fails is a result, not the end of the run.
            self.painting, self.error = None, f"{type(error).__name__}: {error}"[:MAX_ERROR]
            return
        self._clocks.append((time.perf_counter() - wall, time.process_time() - cpu))
        self.painting = self.painting or painting

    def describe(self, result: Result) -> Result:
        """Return the result with the median times and what the method said itself."""
        return replace(
            result,
            seconds=statistics.median(clock[0] for clock in self._clocks),
            cpu_seconds=statistics.median(clock[1] for clock in self._clocks),
            estimate=self.painting.estimate if self.painting else None,
            note=self.painting.note if self.painting else None,
        )


def warm_up(names: Sequence[str]) -> None:
    """Let every method paint once: what is imported or compiled then is not on the clock."""
    for kind in ("blobs15", "text", "lr"):
        case = Case("inpaint", "tile48x61", kind, 96)
        paint_case(case, names, 1)
