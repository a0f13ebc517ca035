"""The report of a soak: one page of HTML, with a plot of the jobs and the faults marked in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from service.local.chaos.soak import SoakResult
from service.local.chaos.timeline import Sample

WIDTH, HEIGHT, LEFT, TOP = 1000, 320, 50, 20
COLORS = {
    "unfinished": "#999",
    "succeeded": "#2a7",
    "canceled": "#27a",
    "failed": "#d80",
    "lost": "#c00",
}


def summarize(result: SoakResult) -> list[str]:
    """Return the result in a few lines for a terminal."""
    faults = result.faults
    jobs = sum(len(one.job_ids) for one in result.ended)
    before, after = (max(sizes.values()) / 2**20 for sizes in result.memory)
    return [
        f"seed {result.options.seed}: {sum(faults.values())} faults, {len(result.ended)} "
        f"submissions, {jobs} jobs in {result.timeline.seconds:.0f} s",
        "ended: " + ", ".join(f"{n} {status}" for status, n in sorted(result.statuses.items())),
        "faults: " + ", ".join(f"{n} {kind}" for kind, n in sorted(faults.items())),
        f"largest parent: {before:.0f} MiB before, {after:.0f} MiB after",
        *(f"PROBLEM: {problem}" for problem in result.problems[:20]),
        f"{len(result.problems)} problems" if result.problems else "every invariant held",
    ]


def draw_report(result: SoakResult) -> str:
    """Return the report as one HTML page that needs nothing else."""
    rows = "".join(
        f"<tr><td>{entry.seconds:.2f}</td><td>{escape(entry.kind)}</td>"
        f"<td>{escape(entry.detail)}</td></tr>"
        for entry in result.timeline.entries
    )
    lines = "".join(f"<p>{escape(line)}</p>" for line in summarize(result))
    return (
        "<!doctype html><meta charset='utf-8'><title>Soak</title>"
        "<style>body{font:14px sans-serif;margin:2em}td{padding-right:1.5em}</style>"
        f"<h1>Soak, seed {result.options.seed}</h1>{lines}{_draw_plot(result)}"
        f"<h2>Timeline</h2><table>{rows}</table>"
    )


def _draw_plot(result: SoakResult) -> str:
    samples = result.timeline.samples
    seconds = max([1.0, *(sample.seconds for sample in samples)])
    most = max([1, *(count for sample in samples for count in sample.counts.values())])
    faults = "".join(
        f"<line x1='{_x(entry.seconds, seconds)}' x2='{_x(entry.seconds, seconds)}' y1='{TOP}' "
        f"y2='{TOP + HEIGHT}' stroke='#eaa'><title>{escape(entry.kind)}</title></line>"
        for entry in result.timeline.entries
        if entry.kind != "restart"
    )
    curves = "".join(_draw_curve(samples, state, seconds, most) for state in COLORS)
    keys = "".join(
        f"<text x='{LEFT + 110 * place}' y='{TOP + HEIGHT + 35}' fill='{color}'>{state}</text>"
        for place, (state, color) in enumerate(COLORS.items())
    )
    return (
        f"<svg width='{WIDTH + LEFT + 20}' height='{HEIGHT + 70}' role='img'>{faults}{curves}{keys}"
        f"<text x='5' y='{TOP + 10}'>{most}</text><text x='5' y='{TOP + HEIGHT}'>0</text>"
        f"<text x='{LEFT + WIDTH - 60}' y='{TOP + HEIGHT + 15}'>{seconds:.0f} s</text></svg>"
    )


def _draw_curve(samples: Sequence[Sample], state: str, seconds: float, most: int) -> str:
    points = " ".join(_points(samples, state, seconds, most))
    color = COLORS[state]
    return f"<polyline points='{points}' fill='none' stroke='{color}' stroke-width='2'/>"


def _points(samples: Sequence[Sample], state: str, seconds: float, most: int) -> Iterable[str]:
    for sample in samples:
        height = HEIGHT * sample.counts.get(state, 0) / most
        yield f"{_x(sample.seconds, seconds)},{TOP + HEIGHT - height:.1f}"


def _x(at_seconds: float, seconds: float) -> str:
    return f"{LEFT + WIDTH * at_seconds / seconds:.1f}"
