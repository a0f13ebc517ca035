"""Small plots as SVG: lines and stacked bars, readable on light and on dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from benchmarks.support.fitting import Point, fit_power

WIDTH, HEIGHT = 680, 340
LEFT, RIGHT, TOP, BOTTOM = 64, 230, 34, 46
COLORS: Final = (
    "#2f6fb0", "#d9822b", "#3a9a5b", "#c23b4b", "#7d5ba6", "#8c6d4f", "#c76fa8", "#7a7a7a",
    "#a8a032", "#2fa3a8",
)  # fmt: skip
INK: Final = "#6f7680"
"""Of text and axes: in contrast with white and with black."""

GRID: Final = "#9aa2ac"
TICKS: Final = 6
"""About so many labels on an axis."""

MOST_DOTS: Final = 20
"""Points of a line; with more, none is marked."""


@dataclass(frozen=True)
class Line:
    """One series of a plot.

    Attributes:
        name: in the legend.
        points: x and y, above 0 where the axis is logarithmic.
        fits: whether a fitted power is drawn through them, with its exponent in the legend.
    """

    name: str
    points: Sequence[Point]
    fits: bool = False


@dataclass(frozen=True)
class Axes:
    """Scales from values to pixels."""

    x: Callable[[float], float]
    y: Callable[[float], float]


def draw_lines(
    title: str,
    x_name: str,
    y_name: str,
    lines: Sequence[Line],
    logs: tuple[bool, bool] = (True, True),
) -> str:
    """Return a plot.

    Args:
        title: above it.
        x_name: below the horizontal axis.
        y_name: beside the vertical axis.
        lines: at least one, with points.
        logs: whether each axis is logarithmic; one that is not begins at 0.
    """
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    x_scale, x_ticks = _scale(xs, LEFT, WIDTH - RIGHT, logs[0])
    y_scale, y_ticks = _scale(ys, HEIGHT - BOTTOM, TOP, logs[1])
    axes = Axes(x_scale, y_scale)
    parts = [_text(axes.x(tick), HEIGHT - BOTTOM + 16, shorten(tick)) for tick in x_ticks]
    parts += [_grid(axes.y(tick), shorten(tick)) for tick in y_ticks]
    for number, line in enumerate(lines):
        parts.append(_draw_line(line, axes, COLORS[number % len(COLORS)]))
    return _frame(title, x_name, y_name, [*parts, *_legend([_name_line(one) for one in lines])])


def draw_stacks(title: str, y_name: str, stacks: Mapping[str, Mapping[str, float]]) -> str:
    """Return a plot of one stacked bar for each entry, its parts from the bottom up."""
    names = list(dict.fromkeys(name for parts in stacks.values() for name in parts))
    sums = [sum(parts.values()) for parts in stacks.values()]
    place, ticks = _scale(sums, HEIGHT - BOTTOM, TOP, is_log=False)
    drawn = [_grid(place(tick), shorten(tick)) for tick in ticks]
    room = (WIDTH - LEFT - RIGHT) / len(stacks)
    for number, (label, parts) in enumerate(stacks.items()):
        left, below = LEFT + room * (number + 0.2), 0.0
        for name, value in parts.items():
            top, high = place(below + value), place(below) - place(below + value)
            below += value
            told = f"<title>{escape(name)}: {value:.1f}</title>"
            drawn.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{room * 0.6:.1f}" '
                f'height="{high:.1f}" fill="{_color(names, name)}">{told}</rect>'
            )
        drawn.append(_text(left + room * 0.3, HEIGHT - BOTTOM + 16, label))
    return _frame(title, "", y_name, [*drawn, *_legend(names)])


def list_ticks(low: float, high: float) -> list[float]:
    """Return round numbers from the last below `low` to the first above `high`, logarithmic."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= TICKS // 2 else (1,)
    found = [digit * 10.0**power for power in range(first, last + 1) for digit in steps]
    below = [tick for tick in found if tick <= low * 1.0001]
    above = [tick for tick in found if tick >= high * 0.9999]
    return [tick for tick in found if below[-1] <= tick <= above[0]]


def shorten(value: float) -> str:
    """Return a number as an axis shows it: 0.05, 20, 3k, 4M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _scale(
    values: Sequence[float], start: float, end: float, is_log: bool
) -> tuple[Callable[[float], float], list[float]]:
    """Return what places values between two pixels, and the ticks, which enclose all values."""
    if not is_log:
        step = _round_step((max(values) or 1.0) / TICKS)
        ticks = [step * number for number in range(math.ceil(max(values) / step - 1e-9) + 1)]
        top = ticks[-1] or 1.0
        return lambda value: start + (end - start) * value / top, ticks
    ticks = list_ticks(min(values), max(values))
    low, width = ticks[0], math.log(ticks[-1] / ticks[0]) or 1.0
    return lambda value: start + (end - start) * math.log(value / low) / width, ticks


def _round_step(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= step)


def _draw_line(line: Line, axes: Axes, color: str) -> str:
    path = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in line.points)
    dots = "".join(
        f'<circle cx="{axes.x(x):.1f}" cy="{axes.y(y):.1f}" r="3" fill="{color}"/>'
        for x, y in (line.points if len(line.points) <= MOST_DOTS else ())
    )
    if not line.fits:
        return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>{dots}'
    exponent, factor = fit_power(line.points)
    ends = [min(x for x, _ in line.points), max(x for x, _ in line.points)]
    (x1, y1), (x2, y2) = [(axes.x(x), axes.y(factor * x**exponent)) for x in ends]
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" '
        f'stroke-width="1.5" stroke-dasharray="5 4"/>{dots}'
    )


def _name_line(line: Line) -> str:
    return f"{line.name}, slope {fit_power(line.points)[0]:.2f}" if line.fits else line.name


def _color(names: Sequence[str], name: str) -> str:
    return COLORS[names.index(name) % len(COLORS)]


def _legend(names: Sequence[str]) -> list[str]:
    left, parts = WIDTH - RIGHT + 14, []
    for number, name in enumerate(names):
        top, color = TOP + 8 + 18 * number, COLORS[number % len(COLORS)]
        parts.append(f'<rect x="{left}" y="{top - 9}" width="10" height="10" fill="{color}"/>')
        parts.append(_text(left + 15, top, name, "start"))
    return parts


def _grid(y: float, label: str) -> str:
    line = f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{GRID}" '
    return f'{line}stroke-opacity=".4"/>{_text(LEFT - 6, y + 4, label, "end")}'


def _text(x: float, y: float, words: str, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


def _frame(title: str, x_name: str, y_name: str, parts: Sequence[str]) -> str:
    middle, center = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    turned = f' transform="rotate(-90 14 {center:.0f})"'
    names = [
        _text(LEFT, 18, title, "start", ' font-weight="bold"'),
        _text(middle, HEIGHT - 10, x_name),
        _text(14, center, y_name, "middle", turned),
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(title)}" '
            f'font-family="sans-serif" font-size="12" fill="{INK}">',
            *names,
            *parts,
            "</svg>\n",
        ]
    )
