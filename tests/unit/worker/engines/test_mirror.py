from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contract.errors import Internal
from service.contract.geometry import Margins, plan_margins
from service.contract.params import OutpaintParams
from tests.support.pictures import make_rgb
from worker.engines.base import Canvas
from worker.engines.mirror import MirrorEngine
from worker.imaging import ImageArray
from worker.imaging.compositing import place_on_canvas
from worker.imaging.picture import Picture

MARGIN = st.integers(0, 40)


def canvas_of(width: int, height: int, margins: Margins) -> tuple[ImageArray, Canvas]:
    image = make_rgb("texture", width, height)
    geometry = plan_margins(width, height, margins)
    canvas, mask = place_on_canvas(Picture(image), geometry)
    return image, Canvas(canvas.color, mask, OutpaintParams(), 0, geometry)


@given(
    width=st.integers(1, 20),
    height=st.integers(1, 20),
    left=MARGIN,
    top=MARGIN,
    right=MARGIN,
    bottom=MARGIN,
)
def test_mirror_reflects_exactly(
    width: int, height: int, left: int, top: int, right: int, bottom: int
) -> None:
    margins = Margins(left=left, top=top, right=right, bottom=bottom)
    image, canvas = canvas_of(width, height, margins)
    [painted] = MirrorEngine().paint([canvas], lambda step, steps: None)
    expected = np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="reflect")
    assert np.array_equal(painted, expected)


def test_mirror_does_not_double_the_border_pixel() -> None:
    image, canvas = canvas_of(5, 4, Margins(left=1, top=0, right=0, bottom=0))
    [painted] = MirrorEngine().paint([canvas], lambda step, steps: None)
    assert np.array_equal(painted[:, 0], image[:, 1])


def test_mirror_tells_every_canvas() -> None:
    _, canvas = canvas_of(5, 4, Margins(left=1, top=0, right=0, bottom=0))
    steps: list[tuple[int, int]] = []
    MirrorEngine().paint([canvas, canvas], lambda step, total: steps.append((step, total)))
    assert steps == [(1, 2), (2, 2)]


def test_mirror_fails_when_it_is_not_told_where_the_original_lies() -> None:
    _, canvas = canvas_of(5, 4, Margins(left=1, top=0, right=0, bottom=0))
    with pytest.raises(Internal):
        MirrorEngine().paint(
            [Canvas(canvas.image, canvas.mask, canvas.params, 0)], lambda step, steps: None
        )
