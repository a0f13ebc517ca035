"""What one job costs, by process and by stage."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.job_cost import GOALS, Columns, measure, render
from benchmarks.report.section import Section
from benchmarks.support.plots import draw_stacks

PAINTING: Final = "painting process"
CODEC: Final = ("decode", "encode", "verify")


def measure_stages(*, quick: bool) -> Section:
    """Send jobs to a deployment, and share out the CPU time that each process took."""
    with tempfile.TemporaryDirectory(prefix="pj-samples-") as folder:
        columns = measure(Path(folder), 6 if quick else 40)
    return render_stages(columns)


def render_stages(columns: Columns) -> Section:
    """Return the section."""
    stacks = {f"{side} x {side}": group_stages(found) for side, found in columns.items()}
    ratios = []
    for (side, goal), parts in zip(GOALS.items(), stacks.values(), strict=True):
        beside = sum(parts.values()) - parts["paint"]
        ratios.append(
            f"Of a job's CPU time at {side} x {side}, {parts['paint'] / sum(parts.values()):.0%} "
            f"paints; beside it are {beside:.0f} ms (goal {goal:g}: "
            f"{'met' if beside <= goal else '**missed**'})."
        )
    return Section(
        "One job by stage",
        "python -m benchmarks.job_cost",
        ratios,
        ["Milliseconds of CPU a job, with a hole of 80 x 80:", "", *render(columns)],
        {"report-stages.svg": draw_stacks("CPU time of one job", "ms", stacks)},
    )


def group_stages(found: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Return milliseconds by what a reader tells apart: paint, codec, and the processes."""
    groups = dict.fromkeys(("paint", "decode, encode, verify", "rest of the painting process"), 0.0)
    for (part, stage), value in found.items():
        groups.setdefault(_name(part, stage), 0.0)
        groups[_name(part, stage)] += value
    return groups


def _name(part: str, stage: str) -> str:
    if part != PAINTING:
        return part
    if stage.startswith("paint"):
        return "paint"
    return "decode, encode, verify" if stage in CODEC else "rest of the painting process"
