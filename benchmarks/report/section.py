"""One part of the report."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Section:
    """What one measurement has found.

    Attributes:
        title: of its part of the page.
        command: measures the same by itself, and more of it.
        ratios: sentences for the head of the page.
        lines: Markdown, below its plots.
        plots: SVG by the names of their files.
    """

    title: str
    command: str
    ratios: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    plots: dict[str, str] = field(default_factory=dict)
