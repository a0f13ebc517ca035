"""Requests a second and latency with more and more clients, beside IOPaint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.peers.__main__ import (
    Contender,
    build_pictures,
    compare_kept,
    running_iopaint,
    running_ours,
)
from benchmarks.peers.load import Measured
from benchmarks.report.section import Section
from benchmarks.support.plots import Line, draw_lines

CLIENTS: Final = (1, 2, 4, 8, 16)
QUICK_CLIENTS: Final = (1, 8)
WORKERS: Final = 2
Runs = Mapping[str, Mapping[int, Measured]]
"""By service and number of clients."""


def measure_clients(python: Path, *, quick: bool) -> Section:
    """Send one picture by more and more clients, to one service after the other.

    Args:
        python: of IOPaint's environment; where it is not there, ours are measured alone.
        quick: fewer clients, shorter.
    """
    picture, mask = build_pictures()
    with ExitStack() as stack:
        contenders = [
            stack.enter_context(running_ours(name, engines, WORKERS, picture, mask))
            for name, engines in (
                ("Paintjob, Telea", "benchmarks.peers.telea:build_engines"),
                ("Paintjob, patch", ""),
            )
        ]
        if python.exists():
            contenders.append(stack.enter_context(running_iopaint(python, picture, mask)))
            compare_kept(contenders, picture, mask)
        runs = run(contenders, QUICK_CLIENTS if quick else CLIENTS, 2.0 if quick else 5.0)
    return render_clients(runs)


def run(contenders: Sequence[Contender], counts: Sequence[int], seconds: float) -> Runs:
    """Return what came of every number of clients; services take turns at each."""
    for contender in contenders:
        contender.measure(2, min(seconds, 2.0))
    for clients in counts:
        for contender in contenders:
            contender.measure(clients, seconds)
    # The first run warmed up.
    return {one.name: dict(zip(counts, one.runs[1:], strict=True)) for one in contenders}


def render_clients(runs: Runs) -> Section:
    """Return the section; ratios are to the last service where it is IOPaint."""
    names = list(runs)
    peer = names[-1] if names[-1].startswith("IOPaint") else None
    counts = list(runs[names[0]])
    lines = ["| service | clients | requests/s | p50 ms | p95 ms | times IOPaint |"]
    lines.append("|---|--:|--:|--:|--:|--:|")
    for name, found in runs.items():
        for clients, measured in found.items():
            ratio = f"{measured.rate / runs[peer][clients].rate:.1f}" if peer else "-"
            times = f"{_at(measured, 0.5):.0f} | {_at(measured, 0.95):.0f}"
            lines.append(f"| {name} | {clients} | {measured.rate:.1f} | {times} | {ratio} |")
    rates = [
        Line(name, [(clients, one.rate) for clients, one in found.items()])
        for name, found in runs.items()
    ]
    waits = [
        Line(name, [(clients, _at(one, 0.5)) for clients, one in found.items()])
        for name, found in runs.items()
    ]
    return Section(
        "Requests with 1 to 16 clients",
        "make bench-peers",
        _tell_ratios(runs, names[0], peer, counts),
        [
            f"A 512 x 512 photo with a hole of 80 x 80, {WORKERS} workers, one API process; a "
            "request ends with the picture's bytes. What is compared, and how: "
            "[peers.md](peers.md).",
            "",
            *lines,
        ],
        {
            "report-rate.svg": draw_lines("Requests a second", "clients", "a second", rates),
            "report-wait.svg": draw_lines("Median wait", "clients", "ms", waits),
        },
    )


def _tell_ratios(runs: Runs, ours: str, peer: str | None, counts: Sequence[int]) -> list[str]:
    first, last = counts[0], counts[-1]
    found = runs[ours]
    told = [
        f"{last} clients are served {found[last].rate / found[first].rate:.1f} times as many "
        f"requests a second as {first}, same fill as IOPaint's."
    ]
    if peer is None:
        return [*told, "IOPaint's environment was not there: no ratio to it was measured."]
    least, *_, most = sorted(found[clients].rate / runs[peer][clients].rate for clients in counts)
    return [f"With the same fill, {least:.1f} to {most:.1f} times IOPaint's requests.", *told]


def _at(measured: Measured, share: float) -> float:
    latencies = measured.latencies
    return 1000 * latencies[min(len(latencies) - 1, int(len(latencies) * share))]
