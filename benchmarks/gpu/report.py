"""The page of figures."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import diffusers
import torch
import transformers

from benchmarks.gpu.building import STEPS
from benchmarks.gpu.measuring import ROWS, Budget, FamilyReport

NONE = ""


def write_report(reports: Sequence[FamilyReport], budget: Budget | None, minutes: float) -> str:
    """Return the page as Markdown."""
    parts = [
        "# On an accelerator",
        "",
        f"`make bench-gpu` writes this page. {describe_machine()}.",
        "Random weights made on the device, nothing is downloaded; bfloat16,",
        f"{STEPS} steps, one picture with a hole of 16 %; seconds, warm, the median of three where",
        f"one figure is told. The run took {minutes:.1f} minutes.",
        "",
        _write_calls(reports),
        "",
        "## Pictures in a call",
        "",
        "Seconds a picture.",
        "",
        _write_rows(reports),
        "",
        "## Compiled, and attention backends",
        "",
        "Seconds of a bare call.",
        "",
        _write_variants(reports),
        "",
        "## Cancel and memory",
        "",
        "Cancel: from the step that asks to the engine's return. Memory: of a call of one row",
        "besides the weights; then, for more rows, what was measured over what the memory model",
        "had foretold from the smaller calls (1 or less is safe).",
        "",
        _write_limits(reports),
        "",
        _write_budget(budget),
        "",
        _write_failures(reports),
    ]
    return "\n".join(parts).rstrip() + "\n"


def describe_machine() -> str:
    """Return the machine, the date and the versions, in words."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor()
    versions = (
        f"torch {torch.__version__}, diffusers {diffusers.__version__}, "
        f"transformers {transformers.__version__}"
    )
    return f"{device or platform.machine()}, {datetime.now(UTC):%Y-%m-%d}, {versions}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _told(value: float | None, digits: int = 3) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def _write_calls(reports: Sequence[FamilyReport]) -> str:
    head = ("family", "side", "denoiser, 10⁹", "made in", "bare call", "with the engine", "ratio")
    rows = []
    for one in reports:
        ratio = one.ours / one.bare if one.ours and one.bare else None
        figures = (_told(one.bare), _told(one.ours), _told(ratio))
        made = (_told(one.billions, 2), _told(one.load, 1))
        rows.append((one.family, str(one.side), *made, *figures))
    return _table(head, rows)


def _write_rows(reports: Sequence[FamilyReport]) -> str:
    head = ("family", *(str(rows) for rows in ROWS))
    return _table(
        head, [(one.family, *(_told(one.rows.get(rows)) for rows in ROWS)) for one in reports]
    )


def _write_variants(reports: Sequence[FamilyReport]) -> str:
    backends = list(dict.fromkeys(name for one in reports for name in one.attention))
    head = ("family", "as it is", "compiled", "first compiled", *backends)
    rows = []
    for one in reports:
        first, warm = one.compiled or (None, None)
        times = (_told(one.attention.get(name)) for name in backends)
        rows.append((one.family, _told(one.bare), _told(warm), _told(first, 1), *times))
    return _table(head, rows)


def _write_limits(reports: Sequence[FamilyReport]) -> str:
    later = ROWS[1:]
    head = ("family", "weights, GB", "one row, GB", *(f"{rows} rows" for rows in later))
    head = (*head, "cancel", "one step")
    rows = []
    for one in reports:
        peak = None if one.peak_bytes is None else one.peak_bytes / 1e9
        shares = (_told(one.memory.get(number), 2) for number in later)
        cancel, step = one.cancel or (None, None)
        sizes = (_told(one.weight_bytes / 1e9, 1), _told(peak, 1))
        rows.append((one.family, *sizes, *shares, _told(cancel), _told(step)))
    return _table(head, rows)


def _write_budget(budget: Budget | None) -> str:
    if budget is None:
        return "Two models under a budget were not measured."
    kept = "never both were loaded" if budget.is_kept else "**both were loaded at once**"
    times = ", ".join(f"{seconds:.1f}" for seconds in budget.switches)
    one, other = budget.names
    return (
        f"Two models under a budget that holds one ({one} and {other}), in turns: {kept}; "
        f"seconds of a picture with the change of models: {times}."
    )


def _write_failures(reports: Sequence[FamilyReport]) -> str:
    found = [f"- {one.family}: {'; '.join(one.failures)}" for one in reports if one.failures]
    return "\n".join(["## Not measured", "", *found]) if found else ""
