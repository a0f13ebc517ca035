"""Drawings of flowcharts in Mermaid's text, as far as our documents use it.

Mermaid itself is 3 MB of script. Here boxes lie in rows, each above all that it points to, and an
arrow runs from the lower edge of one to the upper edge of the other.

Source: Sugiyama, Tagawa, Toda, "Methods for Visual Understanding of Hierarchical System Structures"
(1981): layers, then the order in each by the mean place of the neighbors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import product
from statistics import fmean
from textwrap import wrap

WIDTH, HEIGHT, GAP, RISE = 146, 74, 12, 62
"""Size of a box, and the space between boxes of a row and between rows."""

LETTERS = 20
"""Of a line of text in a box, at most."""

SWEEPS = 8

_NODE = re.compile(r'(\w+)\["([^"]*)"\]')


@dataclass
class Flowchart:
    """Boxes and arrows.

    Attributes:
        labels: lines of text of each box, by its name.
        arrows: pairs of names.
    """

    labels: dict[str, list[str]] = field(default_factory=dict)
    arrows: list[tuple[str, str]] = field(default_factory=list)


def parse_flowchart(text: str) -> Flowchart:
    """Read lines such as `a["A<br>more"] --> b & c`."""
    chart = Flowchart()
    for line in text.splitlines()[1:]:
        for name, label in _NODE.findall(line):
            chart.labels[name] = [
                line for part in label.split("<br>") for line in wrap(part, LETTERS)
            ]
        sources, _, targets = _NODE.sub(r"\1", line).partition("-->")
        chart.arrows += product(_split(sources), _split(targets))
        for name in (*_split(sources), *_split(targets)):
            chart.labels.setdefault(name, [name])
    return chart


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split("&") if name.strip()]


def draw_flowchart(text: str) -> str:
    """Return a flowchart as SVG, whose colors are the page's."""
    chart = parse_flowchart(text)
    rows = _order(_find_rows(chart), chart)
    across = max(map(len, rows)) * (WIDTH + GAP) - GAP
    places = {
        name: ((across - len(row) * (WIDTH + GAP) + GAP) / 2 + at * (WIDTH + GAP), down)
        for down, row in zip(
            range(0, len(rows) * (HEIGHT + RISE), HEIGHT + RISE), rows, strict=True
        )
        for at, name in enumerate(row)
    }
    down = len(rows) * (HEIGHT + RISE) - RISE
    arrows = "".join(_draw_arrow(places[one], places[other]) for one, other in chart.arrows)
    boxes = "".join(_draw_box(chart.labels[name], place) for name, place in places.items())
    return (
        f'<div class="table"><svg class="flowchart" role="img" aria-label="Diagram" '
        f'viewBox="-2 -2 {across + 4} {down + 4}" width="{across}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>{arrows}{boxes}'
        "</svg></div>"
    )


def _find_rows(chart: Flowchart) -> list[list[str]]:
    """Return the boxes from the top row to the lowest, in which are those without arrows."""
    heights: dict[str, int] = {}

    def measure(name: str) -> int:
        if name not in heights:
            heights[name] = 0
            below = [measure(target) for source, target in chart.arrows if source == name]
            heights[name] = max(below, default=-1) + 1
        return heights[name]

    highest = max(map(measure, chart.labels))
    return [
        [name for name in chart.labels if heights[name] == height]
        for height in range(highest, -1, -1)
    ]


def _order(rows: list[list[str]], chart: Flowchart) -> list[list[str]]:
    """Order the boxes of each row by the mean place of those that they are joined to."""
    joined: dict[str, list[str]] = {name: [] for name in chart.labels}
    for source, target in chart.arrows:
        joined[source].append(target)
        joined[target].append(source)
    for _ in range(SWEEPS):
        for row in rows:
            place = _find_places(rows)
            row.sort(key=lambda name: _average(name, joined, place))
    return rows


def _find_places(rows: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return where each box lies in its row, from its middle."""
    return {name: at - (len(row) - 1) / 2 for row in rows for at, name in enumerate(row)}


def _average(name: str, joined: Mapping[str, Sequence[str]], places: Mapping[str, float]) -> float:
    return fmean([places[other] for other in joined[name]] or [places[name]])


def _draw_arrow(start: tuple[float, float], end: tuple[float, float]) -> str:
    x, y = start[0] + WIDTH / 2, start[1] + HEIGHT
    to_x, to_y = end[0] + WIDTH / 2, end[1]
    bend = (to_y - y) / 2
    return f'<path d="M{x:g} {y:g}C{x:g} {y + bend:g} {to_x:g} {to_y - bend:g} {to_x:g} {to_y:g}"/>'


def _draw_box(label: Sequence[str], place: tuple[float, float]) -> str:
    left, top = place
    box = f'<rect x="{left:g}" y="{top:g}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>'
    middle, first = left + WIDTH / 2, top + HEIGHT / 2 + 5 - 9 * (len(label) - 1)
    lines = [
        f'<text x="{middle:g}" y="{first + 17 * row:g}" class="{"rest" if row else "first"}">'
        f"{escape(line)}</text>"
        for row, line in enumerate(label)
    ]
    return box + "".join(lines)
