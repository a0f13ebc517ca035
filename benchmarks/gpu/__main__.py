"""Measures every family of `generate` at its real size; `make bench-gpu`.

    python -m benchmarks.gpu [--minutes 9] [--families flux2-klein ...] [--output FILE]

Weights are random and made on the device, so that nothing is downloaded; time and memory do not
depend on their values. `--tiny` measures the tests' tiny pipelines, on any machine: the figures
then say nothing, but every part has run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.gpu.building import GrownEngine, make_entry
from benchmarks.gpu.measuring import (
    Budget,
    Clock,
    FamilyReport,
    drop,
    make_canvas,
    measure_family,
    timed,
    without_time,
)
from benchmarks.gpu.report import write_report
from benchmarks.gpu.sizes import SIZES, RealSize
from worker.engines.diffusion.loading import choose_device
from worker.engines.models import GroupModel, ModelEngines

TINY_SIDE: Final = 64
COMPILED: Final = ("flux2-klein", "z-image")
"""Families that are compiled: it takes a minute or more each."""

PAIR: Final = ("stable-diffusion", "stable-diffusion-xl")
TURNS: Final = 4


def choose_sizes(families: Sequence[str], *, tiny: bool) -> dict[str, RealSize]:
    """Return the sizes of the families, in the order in which they are measured."""
    chosen = {name: SIZES[name] for name in SIZES if name in families}
    return {name: RealSize(TINY_SIDE, 0) for name in chosen} if tiny else chosen


def measure(
    sizes: dict[str, RealSize], minutes: float, device: str, compiled: Sequence[str] = COMPILED
) -> str:
    """Measure families until the time is over, and return the page."""
    begun, clock = time.monotonic(), Clock(minutes)
    reports, budget = [], None
    for family, size in sizes.items():
        report = FamilyReport(family, size.side)
        print(family, flush=True)
        if clock.is_over:
            reports.append(without_time(report, "no time left"))
            continue
        compiles = family in compiled
        reports.append(measure_one(size, report, clock, device, compiles=compiles))
    if set(PAIR) <= sizes.keys() and not clock.is_over:
        print("two models under a budget", flush=True)
        budget = measure_budget({name: sizes[name] for name in PAIR}, device)
    return write_report(reports, budget, (time.monotonic() - begun) / 60)


def measure_one(
    size: RealSize, report: FamilyReport, clock: Clock, device: str, *, compiles: bool
) -> FamilyReport:
    """Measure one family, and free its memory."""
    with tempfile.TemporaryDirectory() as folder:
        engine = GrownEngine(make_entry(report.family, size.side, Path(folder)), size, device)
        try:
            measure_family(engine, report, clock, compiles=compiles)
        except Exception as error:
            # A family that cannot be made is a result, and not the end of the run.
            return without_time(report, f"{type(error).__name__}: {error}"[:200])
        finally:
            drop(engine)
    return report


def measure_budget(sizes: dict[str, RealSize], device: str) -> Budget:
    """Paint in turns with two models under a budget that holds only one of them."""
    with tempfile.TemporaryDirectory() as folder:
        models = {}
        for family, size in sizes.items():
            place = Path(folder) / family
            place.mkdir()
            engine = GrownEngine(make_entry(family, size.side, place), size, device)
            models[family] = GroupModel(engine, memory_bytes=2)
        engines = ModelEngines(models, PAIR[0], limit_bytes=3)
        switches, loaded = [], []
        for turn in range(TURNS):
            family = PAIR[turn % 2]
            canvas = make_canvas(sizes[family].side)
            switches.append(
                timed(
                    lambda family=family, canvas=canvas: engines.get(  # type: ignore[misc]
                        "inpaint", "generate", family
                    ).paint([canvas], lambda step, steps: None)
                )
            )
            loaded.append(len(engines.loaded_models()))
        for model in models.values():
            model.engine.unload()
    return Budget(PAIR, switches, loaded)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--families", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--minutes", type=float, default=9.0, help="begin nothing new after these")
    parser.add_argument("--tiny", action="store_true", help="tiny pipelines, to see that it runs")
    parser.add_argument("--no-compile", action="store_true", help="compile nothing")
    parser.add_argument("--output", type=Path, help="Markdown file to write")
    options = parser.parse_args(arguments)
    device = choose_device()
    if device == "cpu" and not options.tiny:
        print("there is no accelerator here; --tiny runs every part on the processor")
        return 1
    sizes = choose_sizes(options.families, tiny=options.tiny)
    page = measure(sizes, options.minutes, device, () if options.no_compile else COMPILED)
    print(page)
    if options.output:
        options.output.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
