"""The measurements of one family: its bare call, ours, rows, variants, cancel, memory."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
import torch

from benchmarks import generate_overhead
from benchmarks.gpu.building import GrownEngine, count_billions
from worker.engines.base import Canvas
from worker.engines.diffusion.call_memory import MemoryModel, Shape, make_shape
from worker.engines.diffusion.families.base import CallInputs
from worker.engines.diffusion.fitting import set_attention
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.planning import plan_rounds
from worker.engines.diffusion.probes import choose_probe
from worker.engines.diffusion.running import needs_tiles
from worker.engines.diffusion.sheets import Sheet, frame_call
from worker.reporting import Aborted

ROWS: Final = (1, 2, 4, 8)
PAIRS: Final = 3
HOLE: Final = 0.4
"""Side of the hole as a share of the picture's."""

ATTENTION: Final = (
    "native",
    "_native_cudnn",
    "_native_efficient",
    "_native_flash",
    "flash",
    "sage",
)
"""Backends by diffusers' names; those that are not there are left out."""


class Clock:
    """The time that is left.

    Args:
        minutes: from now on.
    """

    def __init__(self, minutes: float) -> None:
        self._until = time.monotonic() + 60 * minutes

    @property
    def is_over(self) -> bool:
        """True when nothing new is to be begun."""
        return time.monotonic() >= self._until


@dataclass
class FamilyReport:
    """The figures of one family; seconds, unless something else is said.

    Attributes:
        billions: parameters of the denoiser.
        load: making and placing the pipeline.
        bare: one call of the pipeline, warm, of one row.
        ours: the same picture through the engine.
        rows: a picture, by pictures in a call.
        attention: one bare call, by backend.
        compiled: first and warm bare call after compiling; none where there is nothing to compile.
        cancel: from the callback that stops it to the engine's return, and one step.
        memory: measured bytes over the memory model's estimate, by rows; 1 or less is safe.
        peak_bytes: of the call of one row, besides the weights.
        weight_bytes: of all components.
        failures: what could not be measured, and why.
    """

    family: str
    side: int
    billions: float = 0.0
    load: float = 0.0
    bare: float | None = None
    ours: float | None = None
    rows: dict[int, float] = field(default_factory=dict)
    attention: dict[str, float] = field(default_factory=dict)
    compiled: tuple[float, float] | None = None
    cancel: tuple[float, float] | None = None
    memory: dict[int, float] = field(default_factory=dict)
    peak_bytes: int | None = None
    weight_bytes: int = 0
    failures: list[str] = field(default_factory=list)


def measure_family(
    engine: GrownEngine, report: FamilyReport, clock: Clock, *, compiles: bool
) -> None:
    """Measure a family, part after part, until the time is over; a failed part is noted."""
    started = time.perf_counter()
    model = engine.model
    report.load = time.perf_counter() - started
    report.billions = count_billions(model.denoiser)
    report.weight_bytes = sum(
        weight.nbytes
        for part in model.pipeline.components.values()
        if hasattr(part, "parameters")
        for weight in part.parameters()
    )
    parts: list[tuple[str, Callable[[], None]]] = [
        ("pair", partial(_measure_pair, engine, report)),
        ("cancel", partial(_measure_cancel, engine, report)),
        ("rows", partial(_measure_rows, engine, report)),
        ("memory", partial(_measure_memory, engine, report)),
        ("attention", partial(_measure_attention, engine, report)),
    ]
    if compiles:
        parts.append(("compile", partial(_measure_compiled, engine, report)))
    for name, measure in parts:
        if clock.is_over:
            report.failures.append(f"{name}: no time left")
            continue
        try:
            measure()
        except Exception as error:
            # One family's trouble is a result, and not the end of the run.
            report.failures.append(f"{name}: {type(error).__name__}: {error}"[:200])


def make_canvas(side: int, seed: int = 1) -> Canvas:
    """Return a textured picture with a hole in its middle, that a model sees as a whole."""
    asked = {"region": "full", "prompt": "a red door"}
    return replace(generate_overhead.make_canvas(side, HOLE, asked), seed=seed)


def make_inputs(model: LoadedModel, canvases: Sequence[Canvas]) -> CallInputs:
    """Return what the engine would call the pipeline with, for all canvases in one call."""
    # Of those that cannot share a call, the first ones.
    planned = plan_rounds(list(canvases), model)[0][0]
    sheets = [Sheet(canvas, model) for canvas in canvases]
    return frame_call(planned, sheets, lambda: None).to_inputs(model.entry)


def timed(run: Callable[[], Any]) -> float:
    """Return the seconds of a call, until the device has done it."""
    synchronize()
    started = time.perf_counter()
    run()
    synchronize()
    return time.perf_counter() - started


def synchronize() -> None:
    """Wait until the accelerator has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _ignore(_step: int, _steps: int) -> None:
    return None


def _measure_pair(engine: GrownEngine, report: FamilyReport) -> None:
    canvas = make_canvas(report.side)
    inputs = make_inputs(engine.model, [canvas])
    bare, ours = (
        partial(generate_overhead.call_bare, engine.model, inputs),
        partial(engine.paint, [canvas], _ignore),
    )
    bare()
    ours()
    pairs = [(timed(bare), timed(ours)) for _ in range(PAIRS)]
    report.bare, report.ours = (statistics.median(times) for times in zip(*pairs, strict=True))


def _measure_rows(engine: GrownEngine, report: FamilyReport) -> None:
    for rows in ROWS:
        canvases = [make_canvas(report.side, seed) for seed in range(rows)]
        run = partial(engine.paint, canvases, _ignore)
        run()
        report.rows[rows] = timed(run) / rows


def _measure_cancel(engine: GrownEngine, report: FamilyReport) -> None:
    stopped_at: list[float] = []
    steps: list[float] = []

    def stop(step: int, _steps: int) -> None:
        steps.append(time.perf_counter())
        if step == 1:
            stopped_at.append(steps[-1])
            raise Aborted

    def note(_step: int, _steps: int) -> None:
        steps.append(time.perf_counter())

    canvas = make_canvas(report.side)
    try:
        engine.paint([canvas], stop)
    except Aborted:
        waited = time.perf_counter() - stopped_at[0]
    steps.clear()
    engine.paint([canvas], note)
    gaps = np.diff(steps)
    report.cancel = waited, float(np.median(gaps)) if len(gaps) else 0.0


def _measure_memory(engine: GrownEngine, report: FamilyReport) -> None:
    """Let the memory model learn from each call, and compare what it foretold of the next."""
    model, probe, known = engine.model, choose_probe(engine.model.device), MemoryModel()
    for rows in ROWS:
        inputs = make_inputs(model, [make_canvas(report.side, seed) for seed in range(rows)])
        shape = _shape_of(model, inputs, rows)
        foretold = known.estimate(shape)
        probe.begin()
        generate_overhead.call_bare(model, inputs)
        synchronize()
        peak = probe.peak()
        if peak is None:
            return
        if rows == 1:
            report.peak_bytes = peak
        if foretold:
            report.memory[rows] = peak / foretold
        known.learn(shape, peak)


def _shape_of(model: LoadedModel, inputs: CallInputs, rows: int) -> Shape:
    tiles = needs_tiles(model, inputs.settings)
    return make_shape(model, inputs.settings, rows, tiles=tiles)


def _measure_attention(engine: GrownEngine, report: FamilyReport) -> None:
    denoiser = engine.model.denoiser
    if not hasattr(denoiser, "set_attention_backend"):
        return
    run = partial(
        generate_overhead.call_bare,
        engine.model,
        make_inputs(engine.model, [make_canvas(report.side)]),
    )
    for backend in ATTENTION:
        try:
            set_attention(denoiser, backend)
            run()
            report.attention[backend] = timed(run)
        except Exception as error:
            # A package is missing, or the hardware, the mask or the dtype does not fit.
            report.failures.append(f"attention {backend}: {type(error).__name__}")
        finally:
            denoiser.reset_attention_backend()


def _measure_compiled(engine: GrownEngine, report: FamilyReport) -> None:
    denoiser = engine.model.denoiser
    if not getattr(denoiser, "_repeated_blocks", None):
        return
    run = partial(
        generate_overhead.call_bare,
        engine.model,
        make_inputs(engine.model, [make_canvas(report.side)]),
    )
    denoiser.compile_repeated_blocks(fullgraph=True)
    report.compiled = timed(run), timed(run)


def drop(engine: GrownEngine) -> None:
    """Free the memory of a family before the next one is made."""
    engine.unload()
    gc.collect()
    torch._dynamo.reset()


@dataclass(frozen=True)
class Budget:
    """Two models that do not fit together, used in turns.

    Attributes:
        names: of the two.
        switches: seconds of a picture whose model had to be loaded for it.
        loaded: models in memory after each picture.
    """

    names: tuple[str, str]
    switches: list[float]
    loaded: list[int]

    @property
    def is_kept(self) -> bool:
        """True if never more than one of them was loaded."""
        return max(self.loaded) == 1


def without_time(report: FamilyReport, reason: str) -> FamilyReport:
    """Return a report of a family that was not measured."""
    return replace(report, failures=[*report.failures, reason])
