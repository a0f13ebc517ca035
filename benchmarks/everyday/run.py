"""Paints the cases with every method and takes the figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import cv2
import numpy as np

from benchmarks.everyday.measures import Floats, layers_of
from benchmarks.everyday.painting import Method, Painting, choose_methods
from benchmarks.everyday.perception import is_there, measure_distance
from benchmarks.everyday.sample import Case, Check, Sample
from benchmarks.weightfree.metrics import measure_ms_ssim
from worker.imaging import ImageArray


@dataclass(frozen=True)
class Figure:
    """One figure of a result.

    Attributes:
        goal: the row of the table of goals.
        value: as measured.
        is_kept: whether it lies within the bounds.
    """

    goal: str
    value: float
    is_kept: bool


@dataclass(frozen=True)
class Outcome:
    """Result of one method on one sample, in figures.

    Attributes:
        kind: of the case.
        name: of the case.
        seed: of the sample.
        method: what painted.
        is_ours: whether the method is to keep the goals.
        ms_ssim: to the truth, inside the mask; the lesser of black and white where transparent.
        seconds: of the clock.
        figures: one a check.
        estimate: what the method said of its result.
        warnings: codes.
        details: how it was made, as the recipe says.
        distance: of the features that a network finds, where one is installed.
        error: the exception that it ended with.
    """

    kind: str
    name: str
    seed: int
    method: str
    is_ours: bool
    ms_ssim: float = float("nan")
    seconds: float = float("nan")
    figures: tuple[Figure, ...] = ()
    estimate: float | None = None
    warnings: tuple[str, ...] = ()
    details: dict[str, object] = field(default_factory=dict)
    distance: float | None = None
    error: str | None = None

    @property
    def is_right(self) -> bool:
        """Return whether all figures are kept."""
        return self.error is None and all(figure.is_kept for figure in self.figures)

    def as_row(self) -> dict[str, object]:
        """Return it for JSON: of the details, what the estimate was made of."""
        row = {**asdict(self), "is_right": self.is_right}
        return row | {"details": self.details.get("evidence")}


@dataclass(frozen=True, eq=False)
class Painted:
    """A sample with what all methods made of it, for a sheet.

    Attributes:
        case: the case.
        seed: of the sample.
        sample: the sample.
        paintings: by method.
        outcomes: by method.
    """

    case: Case
    seed: int
    sample: Sample
    paintings: dict[str, Painting]
    outcomes: dict[str, Outcome]


def paint_case(case: Case, seed: int, methods: Sequence[Method]) -> Painted:
    """Paint a case's sample of a seed with every method that can."""
    sample = case.make(seed)
    paintings: dict[str, Painting] = {}
    outcomes: dict[str, Outcome] = {}
    for method in choose_methods(sample, methods):
        empty = Outcome(case.kind, case.name, seed, method.name, method.is_ours)
        try:
            painting = method.paint(sample, seed)
        except Exception as error:
            # A method that fails is a result, not the end of the run.
            outcomes[method.name] = _failed(empty, error)
            continue
        paintings[method.name] = painting
        outcomes[method.name] = judge(empty, sample, painting)
    return Painted(case, seed, sample, paintings, outcomes)


def _failed(empty: Outcome, error: Exception) -> Outcome:
    return replace(empty, error=f"{type(error).__name__}: {error}"[:160])


def judge(empty: Outcome, sample: Sample, painting: Painting) -> Outcome:
    """Return the figures of a painting."""
    return replace(
        empty,
        ms_ssim=likeness(sample, painting.pixels),
        seconds=painting.seconds,
        figures=tuple(_figure(check, sample, painting.pixels) for check in sample.checks),
        estimate=painting.estimate,
        warnings=painting.warnings,
        details=painting.details,
        distance=_distance(sample, painting) if empty.is_ours else None,
    )


def _distance(sample: Sample, painting: Painting) -> float | None:
    return measure_distance(sample, painting.pixels) if is_there() else None


def _figure(check: Check, sample: Sample, pixels: ImageArray) -> Figure:
    value = check.measure(sample, pixels)
    return Figure(check.goal, value, check.is_kept(value))


def likeness(sample: Sample, pixels: ImageArray) -> float:
    """Return the MS-SSIM to the truth inside the mask; the lesser one of two backgrounds."""
    hole = sample.mask > 0
    pairs = zip(layers_of(sample.truth), layers_of(pixels), strict=False)
    return min(measure_ms_ssim(_gray(right), _gray(made), hole) for right, made in pairs)


def _gray(layer: Floats) -> Floats:
    return np.asarray(cv2.cvtColor(layer, cv2.COLOR_RGB2GRAY), np.float32)
