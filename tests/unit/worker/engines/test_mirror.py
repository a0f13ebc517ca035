from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.contract.errors import Internal
from service.contract.geometry import Margins, plan_margins
from service.contract.params import MirrorStyle, OutpaintParams
from tests.support.pictures import make_rgb
from worker.engines.base import Canvas
from worker.engines.mirror import MirrorEngine
from worker.imaging import ImageArray
from worker.imaging.compositing import place_on_canvas
from worker.imaging.picture import Picture
from worker.reporting import Aborted

MARGIN = st.integers(0, 40)


def canvas_of(
    width: int, height: int, margins: Margins, style: MirrorStyle | None = "exact", seed: int = 0
) -> tuple[ImageArray, Canvas]:
    image = make_rgb("texture", width, height)
    geometry = plan_margins(width, height, margins)
    canvas, mask = place_on_canvas(Picture(image), geometry)
    params = OutpaintParams(mirror_style=style, quality="fast")
    return image, Canvas(canvas.color, mask, params, seed, geometry)


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
    assert np.array_equal(painted.image, expected)
    assert painted.estimate is None
    assert painted.details == {"mirror_style": "exact"}


def test_mirror_does_not_double_the_border_pixel() -> None:
    image, canvas = canvas_of(5, 4, Margins(left=1, top=0, right=0, bottom=0))
    [painted] = MirrorEngine().paint([canvas], lambda step, steps: None)
    assert np.array_equal(painted.image[:, 0], image[:, 1])


def test_mirror_tells_every_canvas() -> None:
    _, canvas = canvas_of(5, 4, Margins(left=1, top=0, right=0, bottom=0))
    steps: list[tuple[int, int]] = []
    MirrorEngine().paint([canvas, canvas], lambda step, total: steps.append((step, total)))
    assert steps == [(0, 2000), (1000, 2000), (1000, 2000), (2000, 2000)]


def test_mirror_fails_when_it_is_not_told_where_the_original_lies() -> None:
    _, canvas = canvas_of(5, 4, Margins(left=1, top=0, right=0, bottom=0))
    with pytest.raises(Internal):
        MirrorEngine().paint(
            [Canvas(canvas.image, canvas.mask, canvas.params, 0)], lambda step, steps: None
        )


SIDES = Margins(left=30, top=0, right=25, bottom=10)


def axis_symmetry(image: ImageArray, left: int) -> float:
    """Return how like the picture is to its reflection at the original's left border, -1 .. 1."""
    beyond = image[:, :left].astype(np.float64).ravel()
    within = image[:, left + 1 : 2 * left + 1][:, ::-1].astype(np.float64).ravel()
    return float(np.corrcoef(beyond, within)[0, 1])


@pytest.mark.parametrize("style", ["guided", None])
def test_mirror_guided_shows_no_axis(style: MirrorStyle | None) -> None:
    image, canvas = canvas_of(120, 90, SIDES, style)
    [painted] = MirrorEngine().paint([canvas], lambda step, steps: None)
    assert painted.details["mirror_style"] == "guided"
    assert np.array_equal(painted.image[:90, 30:150], image)
    assert axis_symmetry(painted.image, 30) < 0.9
    assert painted.estimate is not None and 0 < painted.estimate < 1


def test_mirror_guided_gives_the_same_for_the_same_seed() -> None:
    canvases = [canvas_of(80, 60, SIDES, "guided", seed)[1] for seed in (3, 3, 4)]
    painted = MirrorEngine().paint(canvases, lambda step, steps: None)
    assert np.array_equal(painted[0].image, painted[1].image)
    assert not np.array_equal(painted[0].image, painted[2].image)


@settings(max_examples=30)
@given(
    width=st.sampled_from([1, 2, 5, 9, 30]),
    height=st.sampled_from([1, 2, 5, 9, 30]),
    left=MARGIN,
    top=MARGIN,
    right=MARGIN,
    bottom=MARGIN,
)
def test_mirror_guided_paints_any_picture_on_any_canvas(
    width: int, height: int, left: int, top: int, right: int, bottom: int
) -> None:
    margins = Margins(left=left, top=top, right=right, bottom=bottom)
    image, canvas = canvas_of(width, height, margins, "guided")
    steps: list[tuple[int, int]] = []
    [painted] = MirrorEngine().paint([canvas], lambda step, total: steps.append((step, total)))
    assert np.array_equal(painted.image[top : top + height, left : left + width], image)
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


def test_mirror_guided_stops_when_it_is_told() -> None:
    _, canvas = canvas_of(80, 60, SIDES, "guided")

    def abort(step: int, _steps: int) -> None:
        if step:
            raise Aborted

    with pytest.raises(Aborted):
        MirrorEngine().paint([canvas], abort)


def test_mirror_warns_when_there_is_too_little_to_copy() -> None:
    _, canvas = canvas_of(2, 2, SIDES, "guided")
    [painted] = MirrorEngine().paint([canvas], lambda step, steps: None)
    assert [warning.code for warning in painted.warnings] == ["simpler_fill"]


def test_mirror_names_itself_in_the_recipe() -> None:
    engine = MirrorEngine()
    assert engine.load().engine == "mirror"
    assert engine.load() == engine.load()
