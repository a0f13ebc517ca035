"""The tables of a run: JSON with every figure, Markdown to read."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.weightfree.goals import BEST, Verdict, judge
from benchmarks.weightfree.pictures import SOURCES
from benchmarks.weightfree.summary import (
    SCORES,
    Run,
    average,
    estimate_correlation,
    kind_correlation,
    median_of,
    time_ratio,
)

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "numba",
    "scikit-image",
    "pypatchmatch",
    "patchmatch-cython",
)

ROLES = {
    "all pictures": "",
    "untuned pictures": "untuned",
    "known pictures (an early prototype saw them)": "known",
    "tuned pictures": "tuned",
}

INTRODUCTION = """\
Written by `python -m benchmarks.weightfree`. All methods painted in turn in one run: trust ratios,
not seconds. Scores are taken inside the hole alone, against what was there before: another fill
that is as plausible scores low in PSNR and SSIM. Sharp and seam are medians, the other scores
means, over the cases that a method painted. PSNR in dB, times in seconds (medians), memory in MB of
10^6 bytes."""

THIN_MASKS = ("strokes", "text")

Cell = str | float | None


def write_tables(run: Run, out: Path, setting: dict[str, object]) -> str:
    """Write `weightfree.json` and `weightfree.md`; gives the Markdown.

    Args:
        run: the results.
        out: a folder that exists.
        setting: what to say of the run as a whole.
    """
    setting = {**describe_machine(), **setting}
    verdicts = judge(run)
    data = {
        "setting": setting,
        "goals": [_goal_row(verdict) for verdict in verdicts],
        "results": [result.as_row() for result in run.results],
    }
    text = json.dumps(without_nan(data), indent=1, ensure_ascii=False)
    (out / "weightfree.json").write_text(text + "\n", encoding="utf-8")
    markdown = render(run, verdicts, setting)
    (out / "weightfree.md").write_text(markdown, encoding="utf-8")
    return markdown


def describe_machine() -> dict[str, object]:
    """Return what the figures depend on: cores and versions."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "absent"
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": versions,
    }


def render(run: Run, verdicts: Sequence[Verdict], setting: dict[str, object]) -> str:
    """Return the run as Markdown."""
    parts = [
        "# Weight-free methods, side by side",
        INTRODUCTION,
        "; ".join(f"{key}: {plain(value)}" for key, value in setting.items()),
        _render_goals(verdicts, judge(run.role("untuned"))),
        *_render_scores(run, "inpaint", "Inpainting"),
        *_render_kinds(run.section("inpaint")),
        *_render_scores(run, "outpaint", "Outpainting"),
        *_render_scores(run, "periodic", "Outpainting of periodic pictures"),
        _render_times(run.section("time")),
        _render_memory(run.section("memory")),
        _render_estimate(run.section("inpaint")),
        _render_remarks(run),
        _render_pictures(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _goal_row(verdict: Verdict) -> dict[str, object]:
    goal = verdict.goal
    return {
        "name": goal.name,
        "target": verdict.target,
        "value": verdict.value,
        "met": verdict.is_met,
        "remark": verdict.remark,
    }


def _render_goals(verdicts: Sequence[Verdict], untuned: Sequence[Verdict]) -> str:
    words = {True: "met", False: "**missed**", None: "not measured"}
    alone = {verdict.goal.name: verdict.value for verdict in untuned}
    rows: list[list[Cell]] = [
        [v.goal.name, v.target, v.value, words[v.is_met], alone.get(v.goal.name), v.remark]
        for v in verdicts
    ]
    heads = ["goal", "target", "measured", "", "untuned pictures alone", "below"]
    return "## Goals\n\n" + grid(heads, rows)


def _render_scores(run: Run, section: str, title: str) -> list[str]:
    parts = []
    for words, role in ROLES.items():
        part = run.section(section)
        part = part.role(role) if role else part
        if part.results:
            cases = len({(r.case.picture, r.case.label) for r in part.results})
            parts.append(f"### {title}: {words}, {cases} cases\n\n" + _score_grid(part))
    return parts


def _score_grid(part: Run) -> str:
    heads = ["method", "PSNR", "SSIM", "MS-SSIM", "SWD", "sharp", "seam", "s", "CPU s"]
    rows: list[list[Cell]] = []
    for method in part.values("method"):
        results = list(part.of(method).values())
        scores: list[Cell] = [average(results, name) for name in SCORES]
        clocks: list[Cell] = [median_of(part, method, key) for key in ("seconds", "cpu_seconds")]
        rows.append([method, *scores, *clocks])
    return grid(heads, rows)


def _render_kinds(part: Run) -> list[str]:
    if not part.results:
        return []
    groups = {group: part.group(group) for group in ("photo", "structure", "texture")}
    masks = {mask: part.mask(mask) for mask in part.values("mask")}
    untuned = {mask: part.role("untuned").mask(mask) for mask in part.values("mask")}
    return [
        "### By kind of mask: PSNR / MS-SSIM / SWD\n\n" + _kind_grid(part, masks),
        "### By kind of mask, untuned pictures: PSNR / MS-SSIM / SWD\n\n"
        + _kind_grid(part, untuned),
        "### By group of pictures: PSNR / MS-SSIM / SWD\n\n" + _kind_grid(part, groups),
    ]


def _kind_grid(part: Run, kinds: dict[str, Run]) -> str:
    methods = part.values("method")
    rows: list[list[Cell]] = []
    for kind, cases in kinds.items():
        row: list[Cell] = [kind]
        for method in methods:
            results = list(cases.of(method).values())
            row.append(" / ".join(plain(average(results, s)) for s in ("psnr", "ms_ssim", "swd")))
        rows.append(row)
    return grid(["", *methods], rows)


def _render_times(part: Run) -> str:
    if not part.results:
        return ""

    def ratio(name: str) -> str:
        return _by_label(part, lambda cases, method: time_ratio(cases, method, BEST, name))

    return "\n\n".join(
        [
            "## Time in seconds (CPU seconds)",
            _by_label(part, _clock),
            f"## Time over {BEST}'s, median over the pictures",
            ratio("seconds"),
            f"## CPU time over {BEST}'s, median over the pictures",
            ratio("cpu_seconds"),
        ]
    )


def _clock(cases: Run, method: str) -> str | None:
    seconds = median_of(cases, method, "seconds")
    if seconds is None:
        return None
    return f"{plain(seconds)} ({plain(median_of(cases, method, 'cpu_seconds'))})"


def _render_memory(part: Run) -> str:
    if not part.results:
        return ""
    return "## Extra peak memory in MB\n\n" + _by_label(
        part, lambda cases, method: median_of(cases, method, "extra_megabytes")
    )


def _by_label(part: Run, cell: Callable[[Run, str], Cell]) -> str:
    methods = part.values("method")
    rows: list[list[Cell]] = [
        [label, *(cell(part.label(label), method) for method in methods)]
        for label in part.values("label")
    ]
    return grid(["case", *methods], rows)


def _render_estimate(part: Run) -> str:
    rows: list[list[Cell]] = []
    thick = part.select(lambda result: result.case.mask not in THIN_MASKS)
    for masks, cases in (("", part), (", wide holes alone", thick)):
        for words, role in ROLES.items():
            chosen = cases.role(role) if role else cases
            correlation, count = estimate_correlation(chosen)
            if correlation is not None:
                rows.append([words + masks, correlation, kind_correlation(chosen), str(count)])
    if not rows:
        return ""
    heads = ["pictures", "Spearman's rho", "of a guess by the kind of mask alone", "cases"]
    return "## Rank correlation of `estimate` with the true SSIM\n\n" + grid(heads, rows)


def _render_remarks(run: Run) -> str:
    """Tell what failed, and what a method did instead of what was asked."""
    cases: dict[str, list[str]] = {}
    for result in run.results:
        for remark in (result.error, result.note):
            if remark is not None:
                where = f"{result.case.picture} {result.case.label}"
                cases.setdefault(f"{result.method}: {remark}", []).append(where)
    lines = [f"- {what}; {len(where)} cases: {', '.join(where)}" for what, where in cases.items()]
    return "## Failures and remarks\n\n" + "\n".join(lines) if lines else ""


def _render_pictures() -> str:
    lines = []
    for role in ("untuned", "known", "tuned"):
        of_role = {name: source for name, source in SOURCES.items() if source.role == role}
        listed = ", ".join(f"{name} ({source.group})" for name, source in of_role.items())
        lines.append(f"- {role}: {listed}")
    return "## Pictures\n\n" + "\n".join(lines)


def grid(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(plain(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def plain(value: object) -> str:
    """Return a cell's value in a few digits."""
    if value is None or (isinstance(value, float) and value != value):
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {one}" for key, one in value.items())
    if not isinstance(value, float):
        return str(value)
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def without_nan(value: object) -> object:
    """Return a value as JSON can hold it: five digits, `None` for nan."""
    if isinstance(value, dict):
        return {key: without_nan(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(one) for one in value]
    if isinstance(value, float):
        return None if value != value else round(value, 5)
    return value
