"""Check the simulation, run the scenarios, write tables and plots.

Run from the repository's root: `python -m benchmarks.fleet [--out docs/benchmarks]`. Prices are
parameters: `--core-price` of an hour of a worker with one core, `--gpu-price` of one with an
accelerator, `--spot-price` of the same where it may be taken away.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fleet.scenarios import (
    BROKER_SHARE,
    COUNTS,
    KNOWN,
    PATCH_SECONDS,
    Accelerators,
    compare,
    find_broker_share,
    find_most_workers,
    iter_scaled,
    iter_spot,
    run_steady,
)
from benchmarks.fleet.simulation import Fleet, Outcome
from benchmarks.support.plots import Line, draw_lines

ALLOWED = 0.05
"""Deviation of a mean wait from the formula's that counts as a miss."""

USED = (0.6, 0.8, 0.9, 0.95)
SERVICE_SECONDS = (0.16, 0.33, 2.0, 6.0, 20.0)


def main() -> int:
    """Write the tables; return 1 if the simulation misses a formula."""
    options = _read_options()
    sections = []
    misses, table = check()
    sections.append(table)
    sections.append(describe_steady(options.core_price, options.out))
    sections.append(describe_scaled(options.gpu_price, options.out))
    sections.append(describe_spot(options.gpu_price, options.spot_price))
    sections.append(describe_broker(options.out))
    text = "# Fleets, simulated\n\nWritten by `python -m benchmarks.fleet`.\n\n" + "\n".join(
        sections
    )
    (options.out / "fleet.md").write_text(text)
    print(text)
    return 1 if misses else 0


def check() -> tuple[int, str]:
    """Compare mean waits with those of M/M/1 and M/M/c; return the misses, and the table."""
    found = [compare(*case) for case in KNOWN]
    rows = (
        f"| M/M/{one.servers} | {one.used:g} | {one.jobs:,} | {one.simulated:.4f} | "
        f"{one.formula:.4f} | {one.deviation:+.1%} |"
        for one in found
    )
    heads = ("queue", "utilization", "jobs", "mean wait", "formula", "deviation")
    misses = sum(abs(one.deviation) > ALLOWED for one in found)
    verdict = "met" if not misses else f"missed {misses} times"
    title = f"Against the formulas (a service takes 1 s; goal 5 %: {verdict})"
    return misses, _table(title, heads, rows)


def describe_steady(price: float, out: Path) -> str:
    """Describe fleets of a fixed size: how waits shrink as they grow."""
    service = PATCH_SECONDS["patch, 2048 x 2048"]
    lines: dict[str, list[tuple[float, float]]] = {f"{used:.0%} used": [] for used in USED}
    rows = []
    for count in COUNTS:
        outcomes = {used: run_steady(count, used, service) for used in USED}
        for used, outcome in outcomes.items():
            # A plot by logarithms has no zero.
            lines[f"{used:.0%} used"].append((count, max(outcome.find_wait(95), 0.001)))
        waits = " | ".join(_show(outcome) for outcome in outcomes.values())
        rows.append(f"| {count} | {waits} | {outcomes[0.8].cost_of_thousand(price):.4f} |")
    plot = draw_lines(
        "95 % of callers wait no longer than",
        "workers",
        "seconds",
        [Line(name, points) for name, points in lines.items()],
    )
    (out / "fleet-steady.svg").write_text(plot, encoding="utf-8")
    heads = ("workers", *(f"{used:.0%} used" for used in USED), "cost of 1,000 at 80 %")
    title = f"Fleets of a fixed size: `patch` at 2048 x 2048 ({service} s), {price} an hour"
    note = "Seconds that jobs wait: half of them, 95 and 99 of a hundred.\n"
    return _table(title, heads, rows, note)


def describe_scaled(price: float, out: Path) -> str:
    """Describe a fleet with accelerators that KEDA scales."""
    fleet, rows = Accelerators(), []
    for name, outcome in iter_scaled(fleet):
        cost = outcome.cost_of_thousand(price)
        rows.append(f"| {name} | {_show(outcome)} | {outcome.find_wait(100):.0f} | {cost:.2f} |")
    trace = Fleet(fleet.plan(0, 15.0)).run().trace
    first = [entry for entry in trace if entry[0] <= 3600]
    plot = draw_lines(
        "A burst of ten minutes, scaled from zero",
        "minutes",
        "count",
        [
            Line("waiting jobs", [(at / 60, waiting) for at, waiting, _ in first]),
            Line("workers", [(at / 60, workers) for at, _, workers in first]),
        ],
        (False, False),
    )
    (out / "fleet-scaled.svg").write_text(plot, encoding="utf-8")
    heads = ("fleet", "wait 50 / 95 / 99", "longest", "cost of 1,000")
    title = f"Scaled by KEDA: a picture takes {fleet.paint_seconds:g} s, {price} an hour"
    note = (
        f"A worker is there {fleet.boot_seconds:g} s after the decision and loads its model for "
        f"{fleet.load_seconds:g} s. Every hour ten minutes bring twenty times the work.\n"
    )
    return _table(title, heads, rows, note)


def describe_spot(price: float, spot_price: float) -> str:
    """Describe what losses of workers cost."""
    rows = []
    for losses, outcome in iter_spot(Accelerators()):
        paid = spot_price if losses else price
        cost = outcome.cost_of_thousand(paid)
        rows.append(f"| {losses:g} | {_show(outcome)} | {outcome.lost} | {paid} | {cost:.2f} |")
    heads = ("losses an hour", "wait 50 / 95 / 99", "jobs begun anew", "an hour", "cost of 1,000")
    return _table("Workers that may be taken away, from two", heads, rows)


def describe_broker(out: Path) -> str:
    """Describe where one broker ends."""
    lines = {
        f"jobs of {seconds:g} s": [
            (count, find_broker_share(count, seconds) * 100)
            for count in COUNTS
            if find_broker_share(count, seconds) <= 1
        ]
        for seconds in SERVICE_SECONDS
    }
    plot = draw_lines(
        "Percent of one core of the broker, workers 80 % used",
        "workers",
        "percent",
        [Line(name, points) for name, points in lines.items()],
        (True, False),
    )
    (out / "fleet-broker.svg").write_text(plot, encoding="utf-8")
    rows = (
        f"| {seconds:g} | {find_most_workers(seconds):,} | "
        f"{find_most_workers(seconds) * 0.8 / seconds:,.0f} |"
        for seconds in SERVICE_SECONDS
    )
    heads = ("seconds of a job", "workers", "jobs a second")
    title = f"One broker, to {BROKER_SHARE:.0%} of a core, with workers that are 80 % used"
    return _table(title, heads, rows)


def _show(outcome: Outcome) -> str:
    return " / ".join(f"{outcome.find_wait(percent):.3g}" for percent in (50, 95, 99))


def _table(
    title: str, heads: tuple[str, ...], rows: Iterator[str] | list[str], note: str = ""
) -> str:
    lines = [f"## {title}", "", *([note] if note else [])]
    return "\n".join([*lines, f"| {' | '.join(heads)} |", "|---" * len(heads) + "|", *rows, ""])


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--core-price", type=float, default=0.05)
    parser.add_argument("--gpu-price", type=float, default=2.5)
    parser.add_argument("--spot-price", type=float, default=1.0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
