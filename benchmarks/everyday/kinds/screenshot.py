"""Pages and windows: text, icons, panels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.everyday.checks import PAGE, PALETTE
from benchmarks.everyday.drawing import (
    Color,
    Rng,
    box_mask,
    disk,
    flat,
    levels,
    paint_over,
    pick_color,
    rounded_box,
    write_text,
)
from benchmarks.everyday.sample import Case, Sample, extend, fill
from worker.imaging import ImageArray

HEIGHT, WIDTH = 300, 440


@dataclass(frozen=True)
class _Theme:
    """Colors of a window."""

    page: Color
    text: Color
    bar: Color
    rule: Color


LIGHT = _Theme((255, 255, 255), (40, 42, 48), (236, 239, 243), (205, 208, 214))
DARK = _Theme((30, 32, 38), (205, 208, 215), (44, 47, 56), (70, 74, 84))


def _pick_theme(rng: Rng) -> _Theme:
    return LIGHT if rng.random() < 0.6 else DARK


def _window(rng: Rng, theme: _Theme) -> ImageArray:
    """Return a window: a bar with icons on top, a side bar with entries, an empty page."""
    page = flat(HEIGHT, WIDTH, theme.page)
    page[:36] = theme.bar
    page[36] = theme.rule
    page[37:, :100] = theme.bar
    for number in range(3):
        paint_over(page, disk(HEIGHT, WIDTH, (18 + 22 * number, 18), 7), pick_color(rng))
    for row in range(60, HEIGHT - 30, 34):
        write_text(page, rng, (12, row, 92, row + 14), theme.text)
    return page


def _text_page(rng: Rng, theme: _Theme, box: tuple[int, int, int, int]) -> ImageArray:
    page = _window(rng, theme)
    write_text(page, rng, box, theme.text)
    return page


def _popup(rng: Rng) -> Sample:
    """A notice over the empty part of a page is taken away."""
    truth = _text_page(rng, theme := _pick_theme(rng), (116, 50, 420, 130))
    covered = truth.copy()
    box = (180, 165, 360, 265)
    paint_over(covered, rounded_box(HEIGHT, WIDTH, box, 8), pick_color(rng))
    write_text(covered, rng, (195, 180, 345, 250), theme.page)
    return fill(
        truth, box_mask(HEIGHT, WIDTH, (174, 159, 366, 271)), PAGE, PALETTE, covered=covered
    )


def _paragraph(rng: Rng) -> Sample:
    """A paragraph between two others is taken away: no words are invented."""
    theme = _pick_theme(rng)
    truth = _text_page(rng, theme, (116, 48, 425, 110))
    write_text(truth, rng, (116, 216, 425, 286), theme.text)
    covered = truth.copy()
    write_text(covered, rng, (116, 126, 425, 204), theme.text)
    return fill(
        truth, box_mask(HEIGHT, WIDTH, (108, 122, 432, 206)), PAGE, PALETTE, covered=covered
    )


def _icon(rng: Rng) -> Sample:
    """An icon is taken off the bar."""
    truth = _window(rng, _pick_theme(rng))
    covered = truth.copy()
    at = int(rng.integers(140, 400))
    paint_over(covered, disk(HEIGHT, WIDTH, (at, 18), 9), pick_color(rng))
    return fill(
        truth, box_mask(HEIGHT, WIDTH, (at - 13, 4, at + 13, 32)), PAGE, PALETTE, covered=covered
    )


def _over_edge(rng: Rng) -> Sample:
    """A badge over the edge of side bar and page is taken away: the edge goes on straight."""
    theme = _pick_theme(rng)
    truth = flat(HEIGHT, WIDTH, theme.page)
    truth[:, :100] = theme.bar
    truth[:, 100] = theme.rule
    write_text(truth, rng, (130, 30, 420, 280), theme.text)
    row = int(rng.integers(70, 200))
    mask = box_mask(HEIGHT, WIDTH, (66, row, 124, row + 56))
    return fill(truth, mask, PAGE, PALETTE)


def _table(rng: Rng) -> Sample:
    """A hole over the rules of an empty table."""
    theme = _pick_theme(rng)
    truth = flat(HEIGHT, WIDTH, theme.page)
    truth[20 : HEIGHT - 19 : 26] = theme.rule
    truth[:, 30 : WIDTH - 29 : 76] = theme.rule
    truth[:20], truth[HEIGHT - 20 :] = theme.page, theme.page
    top, left = int(rng.integers(60, 150)), int(rng.integers(90, 220))
    mask = box_mask(HEIGHT, WIDTH, (left, top, left + 90, top + 66))
    return fill(truth, mask, PAGE, PALETTE)


def _lower(rng: Rng) -> Sample:
    """A window, extended downward: bar and page go on, words do not."""
    theme = _pick_theme(rng)
    truth = _text_page(rng, theme, (116, 50, 420, 180))
    truth[200:, :100] = theme.bar
    return extend(truth, (0, 0, 0, 70), PAGE, PALETTE)


def _right_jpeg(rng: Rng) -> Sample:
    """A window as a JPEG, extended to the right."""
    theme = _pick_theme(rng)
    truth = _text_page(rng, theme, (116, 60, 320, 240))
    return extend(truth, (0, 0, 100, 0), PAGE, jpeg=True)


def _lit(rng: Rng) -> Sample:
    """A button that fades from one color to another loses its words."""
    truth = _window(rng, LIGHT)
    first, last = levels(pick_color(rng)), levels((250, 250, 250))
    share = np.linspace(0, 0.5, 240)[None, :, None]
    truth[140:220, 150:390] = np.rint(first * (1 - share) + last * share).astype(np.uint8)
    covered = truth.copy()
    write_text(covered, rng, (220, 166, 330, 196), (255, 255, 255))
    return fill(truth, box_mask(HEIGHT, WIDTH, (212, 158, 336, 202)), PAGE, covered=covered)


CASES = (
    Case("screenshot", "notice removed", _popup),
    Case("screenshot", "paragraph removed", _paragraph),
    Case("screenshot", "icon removed", _icon),
    Case("screenshot", "edge of two panels", _over_edge),
    Case("screenshot", "rules of a table", _table),
    Case("screenshot", "window downward", _lower),
    Case("screenshot", "window to the right JPEG", _right_jpeg),
    Case("screenshot", "fading button", _lit),
)
