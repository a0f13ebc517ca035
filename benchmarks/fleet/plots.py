"""Line plots as SVG, with nothing but text: they lie in `docs` and are read as pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

Points = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 640, 320
LEFT, TOP, RIGHT, BOTTOM = 64, 36, 150, 44
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf")


class _Axis:
    """Places values between two ends, by their logarithm or as they are."""

    def __init__(self, values: Sequence[float], first: float, last: float, is_log: bool) -> None:
        low, high = (min(values), max(values)) if is_log else (0.0, max(values))
        self._low, self._high = (math.log10(low), math.log10(high)) if is_log else (low, high)
        self._first, self._last, self._is_log = first, last, is_log

    def place(self, value: float) -> float:
        """Return the pixel of a value."""
        value = math.log10(value) if self._is_log else value
        share = (value - self._low) / ((self._high - self._low) or 1.0)
        return self._first + share * (self._last - self._first)

    def find_ticks(self) -> list[float]:
        """Return round values for the axis: powers of ten, or four to ten steps."""
        if self._is_log:
            powers = range(math.ceil(self._low - 1e-9), math.floor(self._high + 1e-9) + 1)
            return [10.0**power for power in powers]
        rough = (self._high or 1.0) / 5
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        return [step * number for number in range(int(self._high / step) + 1)]


def draw(
    path: Path,
    lines: Mapping[str, Points],
    *,
    title: str,
    x: str,
    y: str,
    logs: tuple[bool, bool] = (False, False),
) -> None:
    """Write a plot.

    Args:
        path: the file.
        lines: points by the name of their line.
        title: above the plot.
        x: what the horizontal axis shows.
        y: what the vertical axis shows.
        logs: whether each axis is logarithmic.
    """
    points = [point for line in lines.values() for point in line]
    across = _Axis([x for x, _ in points], LEFT, WIDTH - RIGHT, logs[0])
    up = _Axis([y for _, y in points], HEIGHT - BOTTOM, TOP, logs[1])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 20, title, weight="bold"),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x, anchor="middle"),
        _text(8, TOP - 6, y),
        *_draw_grid(across, up),
    ]
    for (name, line), color, number in zip(lines.items(), COLORS, range(len(lines)), strict=False):
        place = " ".join(f"{across.place(x):.1f},{up.place(y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{place}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts.append(_text(WIDTH - RIGHT + 10, TOP + 12 + 18 * number, name, color=color))
    path.write_text("\n".join([*parts, "</svg>\n"]))


def _draw_grid(across: _Axis, up: _Axis) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for value in across.find_ticks():
        at = across.place(value)
        parts.append(f'<path d="M{at:.1f} {TOP}V{bottom}" stroke="#dddddd"/>')
        parts.append(_text(at, bottom + 16, f"{value:g}", anchor="middle"))
    for value in up.find_ticks():
        at = up.place(value)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{right}" stroke="#dddddd"/>')
        parts.append(_text(LEFT - 6, at + 4, f"{value:g}", anchor="end"))
    return parts


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    weight: str = "normal",
    color: str = "#222222",
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-weight="{weight}" fill="{color}">{escape(text)}</text>'
