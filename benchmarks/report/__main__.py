"""Writes the speed report: `make report`, or `python -m benchmarks.report --quick`.

Everything is measured in one run, one thing at a time. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.report.clients import measure_clients
from benchmarks.report.page import render_report
from benchmarks.report.rows import measure_rows
from benchmarks.report.section import Section
from benchmarks.report.sizes import measure_sizes
from benchmarks.report.stages import measure_stages
from benchmarks.report.starts import measure_starts
from benchmarks.support.machine import describe_machine


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page with its plots."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = _parse(arguments)
    machine = describe_machine()
    begun = time.perf_counter()
    quick: bool = options.quick
    parts: dict[str, Callable[[], list[Section]]] = {
        "stages": lambda: [measure_stages(quick=quick)],
        "clients": lambda: [measure_clients(options.python, quick=quick)],
        "sizes": lambda: [measure_sizes(quick=quick)],
        "starts": lambda: measure_starts(quick=quick),
        "rows": lambda: [measure_rows(quick=quick)],
    }
    sections: list[Section] = []
    for name, measure in parts.items():
        if options.only is None or name in options.only:
            started = time.perf_counter()
            sections += measure()
            print(f"{name}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    minutes = (time.perf_counter() - begun) / 60
    write(options.out, sections, render_report(sections, machine, minutes, quick=quick))


def write(folder: Path, sections: Sequence[Section], page: str) -> None:
    """Write the page, and the plots beside it."""
    for section in sections:
        for name, plot in section.plots.items():
            (folder / name).write_text(plot, encoding="utf-8")
    (folder / "report.md").write_text(page, encoding="utf-8")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--only", nargs="+", help="parts of it: stages, clients, sizes, …")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--python", type=Path, default=Path(".venv-peers/bin/python"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
