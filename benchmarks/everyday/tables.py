"""The tables of a run: JSON with every figure, Markdown to read."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.everyday.cases import CASES
from benchmarks.everyday.estimates import render_estimates
from benchmarks.everyday.run import Outcome
from benchmarks.everyday.sample import KINDS
from benchmarks.weightfree.tables import Cell, describe_machine, grid, plain, without_nan

INTRODUCTION = """\
Written by `make bench-everyday`. Pictures as services send them, made by code, so that the right
answer is known; every method painted every case in one run. Ours are painted as a worker paints a
job, from the file to the proven output. A case is right when all of its figures are kept. Trust
ratios of times, not seconds."""


@dataclass(frozen=True)
class Verdict:
    """A goal over all of our results.

    Attributes:
        name: the goal.
        target: its bounds in words.
        worst: by method, of the figures that it has.
        missed: by method, how many figures lie outside the bounds, and of how many.
    """

    name: str
    target: str
    worst: dict[str, float]
    missed: dict[str, tuple[int, int]]

    def is_met(self, outcomes: Sequence[Outcome]) -> bool:
        """Return whether our methods keep it everywhere."""
        ours = {one.method for one in outcomes if one.is_ours}
        return not any(self.missed[name][0] for name in ours if name in self.missed)


def list_targets(seed: int = 0) -> dict[str, tuple[float | None, float | None]]:
    """Return the goals that the cases have, with their bounds."""
    checks = [check for case in CASES for check in case.make(seed).checks]
    return {check.goal: (check.low, check.high) for check in checks}


def judge_run(outcomes: Sequence[Outcome]) -> list[Verdict]:
    """Judge every goal that a run has figures for."""
    verdicts = []
    for goal, (low, high) in list_targets().items():
        values: dict[str, list[tuple[float, bool]]] = {}
        for one in outcomes:
            for figure in one.figures:
                if figure.goal == goal:
                    values.setdefault(one.method, []).append((figure.value, figure.is_kept))
        if values:
            verdicts.append(_verdict(goal, low, high, values))
    return verdicts


def _verdict(
    goal: str,
    low: float | None,
    high: float | None,
    values: dict[str, list[tuple[float, bool]]],
) -> Verdict:
    pick = min if high is None else max
    if low is not None and high is not None:
        target = f"{low:g} to {high:g}"
    else:
        target = f"≥ {low:g}" if low is not None else f"≤ {high:g}"
    worst = {name: _farthest(found, low, high, pick) for name, found in values.items()}
    missed = {
        name: (sum(not kept for _, kept in found), len(found)) for name, found in values.items()
    }
    return Verdict(goal, target, worst, missed)


def _farthest(
    found: Sequence[tuple[float, bool]],
    low: float | None,
    high: float | None,
    pick: object,
) -> float:
    values = [value for value, _ in found]
    if low is not None and high is not None:
        middle = (low + high) / 2
        return max(values, key=lambda value: abs(value - middle))
    return min(values) if pick is min else max(values)


def write_tables(outcomes: Sequence[Outcome], out: Path, setting: dict[str, object]) -> str:
    """Write `everyday.json` and `everyday.md`; returns the Markdown.

    Args:
        outcomes: every method in every case.
        out: a folder that exists.
        setting: what to say of the run as a whole.
    """
    setting = {**describe_machine(), **setting}
    verdicts = judge_run(outcomes)
    data = {
        "setting": setting,
        "goals": [{**vars(verdict), "is_met": verdict.is_met(outcomes)} for verdict in verdicts],
        "results": [one.as_row() for one in outcomes],
    }
    (out / "everyday.json").write_text(_as_lines(data), encoding="utf-8")
    markdown = render(outcomes, verdicts, setting)
    (out / "everyday.md").write_text(markdown, encoding="utf-8")
    return markdown


def _as_lines(data: Mapping[str, object]) -> str:
    """Return JSON with a line for each goal and each result."""
    parts = []
    for key, value in data.items():
        rows = value if isinstance(value, list) else [value]
        lines = ",\n".join(json.dumps(without_nan(row), ensure_ascii=False) for row in rows)
        parts.append(f'"{key}": [\n{lines}\n]' if isinstance(value, list) else f'"{key}": {lines}')
    return "{" + ",\n".join(parts) + "}\n"


def render(
    outcomes: Sequence[Outcome], verdicts: Sequence[Verdict], setting: dict[str, object]
) -> str:
    """Return the run as Markdown."""
    methods = list(dict.fromkeys(one.method for one in outcomes))
    parts = [
        "# Everyday pictures",
        INTRODUCTION,
        "; ".join(f"{key}: {plain(value)}" for key, value in setting.items()),
        "## Goals: the worst figure, and how many miss\n\n"
        + _goal_grid(outcomes, verdicts, methods),
        "## Right results of all, by kind\n\n" + _kind_grid(outcomes, methods),
        render_estimates(outcomes),
        _render_misses(outcomes),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _goal_grid(
    outcomes: Sequence[Outcome], verdicts: Sequence[Verdict], methods: Sequence[str]
) -> str:
    rows: list[list[Cell]] = []
    for verdict in verdicts:
        cells: list[Cell] = [_goal_cell(verdict, name) for name in methods]
        word = "met" if verdict.is_met(outcomes) else "**missed**"
        rows.append([verdict.name, verdict.target, word, *cells])
    return grid(["goal", "target", "ours", *methods], rows)


def _goal_cell(verdict: Verdict, method: str) -> str | None:
    if method not in verdict.worst:
        return None
    missed, count = verdict.missed[method]
    return f"{plain(verdict.worst[method])} ({missed}/{count})"


def _kind_grid(outcomes: Sequence[Outcome], methods: Sequence[str]) -> str:
    rows: list[list[Cell]] = []
    painted = [one for one in outcomes if one.figures and not one.error]
    methods = [name for name in methods if any(one.method == name for one in painted)]
    for kind in (*KINDS, "all"):
        of_kind = [one for one in outcomes if kind in (one.kind, "all") and one.figures]
        if of_kind:
            rows.append([kind, *(_share_right(of_kind, name) for name in methods)])
    clocks = [
        statistics.median(one.seconds for one in painted if one.method == name) for name in methods
    ]
    rows.append(["seconds, median", *clocks])
    return grid(["kind", *methods], rows)


def _share_right(outcomes: Sequence[Outcome], method: str) -> str | None:
    own = [one.is_right for one in outcomes if one.method == method]
    return f"{sum(own)}/{len(own)}" if own else None


def _render_misses(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for one in outcomes:
        if not one.is_ours or one.is_right:
            continue
        missed = [f"{f.goal} {plain(f.value)}" for f in one.figures if not f.is_kept]
        told = one.error or "; ".join(missed)
        lines.append(f"- {one.name} (seed {one.seed}), {one.method}: {told}")
    return "## What is not right\n\n" + "\n".join(lines) if lines else ""
