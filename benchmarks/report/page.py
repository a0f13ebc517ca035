"""The page of the report: ratios first, then each measurement with its plots."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks.report.section import Section

HEAD = """# Speed report

All of this was measured in one run, one thing at a time, by `make report`. Misses stand beside
their goals. What needs a run of its own is in the other [pages](README.md).
"""


def render_report(
    sections: Sequence[Section], machine: Sequence[str], minutes: float, *, quick: bool
) -> str:
    """Return the page."""
    lines = [HEAD, *machine]
    length = f"The run took {minutes:.1f} minutes"
    lines.append(f"{length}, with `--quick`: few runs of each.\n" if quick else f"{length}.\n")
    lines.append("## Ratios\n")
    lines += [f"- {ratio}" for section in sections for ratio in section.ratios]
    for section in sections:
        lines.append(f"\n## {section.title}\n")
        lines += [f"![{_title(plot)}]({name})" for name, plot in section.plots.items()]
        lines += ["", *section.lines, "", f"By itself: `{section.command}`."]
    return "\n".join(lines) + "\n"


def _title(plot: str) -> str:
    found = re.search(r'aria-label="([^"]*)"', plot)
    return found.group(1) if found else ""
