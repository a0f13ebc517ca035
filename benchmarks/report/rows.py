"""What several pictures in one call of a model gain."""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.report.section import Section
from benchmarks.support.fitting import Point
from benchmarks.support.plots import Line, draw_lines

ROWS: Final = (1, 2, 4, 8)
SIDES: Final = (128, 256)
STEPS: Final = 4
Found = dict[int, list[Point]]
"""By side: rows, and milliseconds of CPU a row."""


def measure_rows(*, quick: bool) -> Section:
    """Paint one to eight pictures a call by a tiny model of random weights, on one thread."""
    if importlib.util.find_spec("torch") is None:
        return render_rows({})
    repeats = 1 if quick else 5
    with tempfile.TemporaryDirectory(prefix="pj-bench-") as folder:
        return render_rows({side: _measure(Path(folder), side, repeats) for side in SIDES})


def _measure(folder: Path, side: int, repeats: int) -> list[Point]:
    # torch is not there in every installation.
    import torch

    from benchmarks.generate_overhead import make_canvas
    from service.contract.catalogue import ModelDefaults, ModelEntry
    from tests.support.tiny_pipelines import build_tiny_sd_inpaint
    from worker.engines.diffusion.engine import DiffusionEngine

    torch.set_num_threads(1)
    entry = ModelEntry(
        name="tiny",
        family="stable-diffusion",
        source=str(build_tiny_sd_inpaint(folder / str(side))),
        native_pixels=side * side,
        max_batch=max(ROWS),
        defaults=ModelDefaults(num_inference_steps=STEPS, guidance_scale=3.0),
    )
    engine = DiffusionEngine(entry, threads=1)
    canvas = make_canvas(side, 0.4, {"region": "full"})
    _paint(engine, [canvas])
    found = []
    for rows in ROWS:
        times = [_paint(engine, [canvas] * rows) for _ in range(repeats)]
        found.append((float(rows), statistics.median(times) / rows))
    return found


def _paint(engine: Any, canvases: list[Any]) -> float:
    begun = time.process_time()
    engine.paint(canvases, lambda step, steps: None)
    return 1000 * (time.process_time() - begun)


def render_rows(found: Found) -> Section:
    """Return the section."""
    command = "python -m benchmarks.generate_service"
    if not found:
        return Section("Rows a call", command, [], ["torch was not there: not measured."])
    head = " | ".join(f"{side} x {side}" for side in found)
    lines = [f"| rows | {head} |", "|--:|" + "--:|" * len(found)]
    for number, rows in enumerate(ROWS):
        values = " | ".join(f"{points[number][1]:.0f}" for points in found.values())
        lines.append(f"| {rows} | {values} |")
    gains = ", ".join(
        f"{points[0][1] / points[-1][1]:.2f} at {side} x {side}" for side, points in found.items()
    )
    return Section(
        "Rows a call",
        command,
        [
            f"A row in a call of {ROWS[-1]} costs less than one alone by these factors, on a "
            f"processor: {gains}."
        ],
        [
            "CPU milliseconds a row, a tiny Stable Diffusion of random weights, "
            f"{STEPS} steps, one thread of a processor.",
            "",
            *lines,
        ],
        {
            "report-rows.svg": draw_lines(
                "Cost of a row by rows a call",
                "rows a call",
                "CPU ms a row",
                [Line(f"{side} x {side}", points) for side, points in found.items()],
            )
        },
    )
