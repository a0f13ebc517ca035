from __future__ import annotations

import numpy as np
import pytest

from tests.unit.worker.engines.finders.text.writing import (
    Written,
    coarse_ground,
    partly_dark_ground,
    plain_ground,
    write,
)
from worker.engines.finders.text.strokes import LineMask, count_lines, mark_line
from worker.imaging import MaskArray

WRITTEN = {
    "dark on light": lambda: write(plain_ground(), (20, 20, 25)),
    "light on dark": lambda: write(plain_ground(60), (250, 250, 250)),
    "outlined": lambda: write(plain_ground(), (250, 250, 250), outline=3),
    "outlined on a partly dark ground": lambda: write(
        partly_dark_ground(), (250, 250, 250), outline=4
    ),
    "with a shadow": lambda: write(plain_ground(), (250, 250, 250), shadow=3),
    "half transparent": lambda: write(plain_ground(100), (255, 255, 255), opacity=0.4),
    "colored on coarse": lambda: write(coarse_ground(), (220, 40, 160)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_narrows_a_line_to_its_strokes_when_they_are_told_from_the_ground(name: str) -> None:
    written = WRITTEN[name]()

    marked = _mark(written)

    assert marked.shape == "strokes"
    whole = _spread(marked, written)
    hit = ((whole > 0) & (written.mask > 0)).sum()
    assert hit >= 0.97 * (written.mask > 0).sum()
    assert hit >= 0.5 * (whole > 0).sum()


def test_takes_the_whole_line_when_its_strokes_are_not_told_from_the_ground() -> None:
    written = write(coarse_ground(), (128, 128, 128), opacity=0.5)

    marked = _mark(written)

    assert marked.shape == "quadrilateral"
    assert (_spread(marked, written)[written.mask > 0] > 0).all()


def test_marks_the_same_when_asked_again() -> None:
    written = WRITTEN["outlined"]()

    first, second = _mark(written), _mark(written)

    assert first.box == second.box
    assert (first.mask == second.mask).all()


def test_marks_large_letters_when_they_are_looked_at_in_reduced_size() -> None:
    written = WRITTEN["dark on light"]()
    large = Written(
        np.repeat(np.repeat(written.image, 3, 0), 3, 1),
        np.repeat(np.repeat(written.mask, 3, 0), 3, 1),
        type(written.line)(written.line.corners * 3, 0.9),
    )

    whole = _spread(_mark(large), large)

    assert (whole[large.mask > 0] > 0).mean() >= 0.97


def _mark(written: Written) -> LineMask:
    count = count_lines(written.mask.shape, [written.line])
    return mark_line(written.image, written.line, count)


def _spread(marked: LineMask, written: Written) -> MaskArray:
    whole = np.zeros_like(written.mask)
    box = marked.box
    whole[box.top : box.bottom, box.left : box.right] = marked.mask
    return whole
