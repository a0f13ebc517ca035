from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.contract.errors import Internal
from service.contract.geometry import Geometry, Margins, plan_margins
from service.contract.params import OutpaintParams
from tests.support.pictures import make_rgb
from tests.support.tiles import make_tiles
from worker.engines.base import Canvas, Painted
from worker.engines.pattern import PatternEngine
from worker.engines.pattern.growth import plan_rings
from worker.imaging import ImageArray
from worker.imaging.compositing import place_on_canvas
from worker.imaging.picture import Picture
from worker.reporting import Aborted

RIGHT = Margins(left=0, top=0, right=60, bottom=0)
ALL_SIDES = Margins(left=40, top=30, right=50, bottom=20)


def canvas_of(image: ImageArray, margins: Margins, seed: int = 0) -> Canvas:
    geometry = plan_margins(image.shape[1], image.shape[0], margins)
    canvas, mask = place_on_canvas(Picture(image.copy()), geometry)
    return Canvas(canvas.color, mask, OutpaintParams(quality="fast"), seed, geometry)


def geometry_of(canvas: Canvas) -> Geometry:
    assert canvas.geometry is not None
    return canvas.geometry


def ignore(_step: int, _steps: int) -> None:
    return None


def paint(canvas: Canvas) -> Painted:
    [painted] = PatternEngine().paint([canvas], ignore)
    return painted


def cut_out(image: ImageArray, margins: Margins) -> ImageArray:
    height, width = image.shape[:2]
    return image[margins.top : height - margins.bottom, margins.left : width - margins.right].copy()


def psnr(one: ImageArray, other: ImageArray) -> float:
    error = np.square(one.astype(np.float64) - other).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-9)))


@pytest.mark.parametrize("margins", [RIGHT, ALL_SIDES])
@pytest.mark.parametrize(("period", "angle"), [((48, 61), 0), ((33, 40), 0), ((40, 44), 12)])
def test_pattern_carries_a_period_on(
    period: tuple[int, int], angle: float, margins: Margins
) -> None:
    truth = make_tiles(330, 320, period, angle=angle, slope=0.2)
    painted = paint(canvas_of(cut_out(truth, margins), margins))
    assert painted.details["pattern"] == "period"
    lengths = sorted(float(np.hypot(*step)) for step in painted.details["period"])
    assert np.allclose(lengths, period, atol=0.2)
    assert psnr(painted.image, truth) > 32
    assert painted.estimate is not None and painted.estimate > 0.8


def test_pattern_works_its_seams_over_where_the_period_is_not_exact() -> None:
    truth = make_tiles(300, 280, (40, 36), noise=18)
    painted = paint(canvas_of(cut_out(truth, ALL_SIDES), ALL_SIDES))
    assert painted.details["pattern"] == "period"
    assert painted.estimate is not None and painted.estimate < 0.9


def test_pattern_fills_with_patches_what_a_single_step_does_not_reach() -> None:
    rows = make_rgb("texture", 1, 200)
    stripes = np.repeat(rows, 30, axis=1)
    image = np.tile(np.where(np.arange(30)[None, :, None] < 12, stripes, 40), (1, 8, 1))
    painted = paint(canvas_of(image.astype(np.uint8), ALL_SIDES))
    assert painted.image.shape == (250, 330, 3)


def test_pattern_falls_back_to_patches_where_nothing_comes_again() -> None:
    painted = paint(canvas_of(make_rgb("graphics", 120, 100), RIGHT))
    assert painted.details["pattern"] == "patches"
    assert painted.estimate is not None and 0 < painted.estimate < 1


@pytest.mark.parametrize("image", [make_tiles(150, 140, (20, 24)), make_rgb("texture", 90, 70)])
def test_pattern_gives_the_same_for_the_same_seed(image: ImageArray) -> None:
    canvas = canvas_of(image, ALL_SIDES, seed=7)
    assert np.array_equal(paint(canvas).image, paint(canvas).image)


def test_pattern_gives_another_picture_for_another_seed() -> None:
    image = make_rgb("texture", 90, 70)
    first, second = (paint(canvas_of(image, RIGHT, seed)).image for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_pattern_with_a_period_differs_by_seed_and_is_as_right() -> None:
    truth = make_tiles(330, 320, (33, 40), slope=0.2)
    canvases = [canvas_of(cut_out(truth, ALL_SIDES), ALL_SIDES, seed) for seed in (1, 2)]
    first, second = (paint(canvas) for canvas in canvases)
    assert first.details["pattern"] == "period"
    assert not np.array_equal(first.image, second.image)
    assert min(psnr(painted.image, truth) for painted in (first, second)) > 32


def test_pattern_reads_only_the_original() -> None:
    canvas = canvas_of(make_rgb("texture", 80, 64), ALL_SIDES)
    other = canvas.image.copy()
    other[canvas.mask != 0] = 255 - other[canvas.mask != 0]
    hidden = Canvas(other, canvas.mask, canvas.params, canvas.seed, canvas.geometry)
    assert np.array_equal(paint(canvas).image, paint(hidden).image)


SIDE = st.sampled_from([1, 2, 3, 5, 8, 9, 17, 40])
MARGIN = st.sampled_from([0, 0, 1, 3, 20, 90])


@settings(max_examples=60)
@given(
    kind=st.sampled_from(["noise", "constant", "stripes", "checks"]),
    width=SIDE,
    height=SIDE,
    left=MARGIN,
    top=MARGIN,
    right=MARGIN,
    bottom=MARGIN,
    seed=st.integers(0, 2**32 - 1),
)
def test_pattern_paints_any_picture_on_any_canvas(
    kind: str, width: int, height: int, left: int, top: int, right: int, bottom: int, seed: int
) -> None:
    image = make_simple(kind, width, height, seed)
    canvas = canvas_of(image, Margins(left=left, top=top, right=right, bottom=bottom), seed)
    steps: list[tuple[int, int]] = []
    [painted] = PatternEngine().paint([canvas], lambda step, total: steps.append((step, total)))
    box = geometry_of(canvas).original
    kept = painted.image[box.top : box.bottom, box.left : box.right]
    assert painted.image.shape == canvas.image.shape
    assert np.array_equal(kept, image)
    assert painted.estimate is not None and 0 <= painted.estimate <= 1
    assert steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]
    if kind == "constant":
        assert np.abs(painted.image.astype(int) - int(image[0, 0, 0])).max() <= 1


def make_simple(kind: str, width: int, height: int, seed: int) -> ImageArray:
    rng = np.random.default_rng(seed)
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if kind == "constant":
        return np.full((height, width, 3), seed % 256, np.uint8)
    rows, columns = np.mgrid[:height, :width] // int(rng.integers(1, 7))
    phase = columns + (rows if kind == "checks" else 0)
    return np.repeat((phase % 2 * 200).astype(np.uint8)[..., None], 3, axis=2)


def test_pattern_counts_its_steps_over_the_call() -> None:
    canvas = canvas_of(make_rgb("texture", 60, 50), RIGHT)
    steps: list[tuple[int, int]] = []
    PatternEngine().paint([canvas, canvas], lambda step, total: steps.append((step, total)))
    assert steps == sorted(steps)
    assert (1000, 2000) in steps and steps[-1] == (2000, 2000)


@pytest.mark.parametrize("image", [make_tiles(150, 140, (20, 24)), make_rgb("texture", 90, 70)])
def test_pattern_stops_when_it_is_told_and_paints_afterwards(image: ImageArray) -> None:
    engine, canvas = PatternEngine(), canvas_of(image, ALL_SIDES)
    [before] = engine.paint([canvas], ignore)

    def abort(step: int, steps: int) -> None:
        if step >= steps * 0.25:
            raise Aborted

    with pytest.raises(Aborted):
        engine.paint([canvas], abort)
    assert np.array_equal(engine.paint([canvas], ignore)[0].image, before.image)


def test_pattern_fails_when_it_is_not_told_where_the_original_lies() -> None:
    canvas = canvas_of(make_rgb("texture", 20, 20), RIGHT)
    with pytest.raises(Internal):
        paint(Canvas(canvas.image, canvas.mask, canvas.params, 0))


def test_pattern_warns_when_there_is_too_little_to_copy() -> None:
    painted = paint(canvas_of(np.full((1, 3, 3), 50, np.uint8), RIGHT))
    assert [warning.code for warning in painted.warnings] == ["simpler_fill"]


def test_pattern_names_itself_in_the_recipe() -> None:
    engine = PatternEngine()
    assert engine.load().engine == "pattern"
    assert engine.load() == engine.load()


def test_plan_rings_ends_at_the_canvas_after_few_rings() -> None:
    geometry = plan_margins(1, 1, Margins(left=4000, top=0, right=9000, bottom=17))
    rings = list(plan_rings(geometry.original, geometry.height, geometry.width))
    assert rings[-1].as_list() == [0, 0, geometry.width, geometry.height]
    assert len(rings) < 60
