"""Pictures and holes that nobody would draw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.pictures import make_box_mask, make_rgb
from tests.unit.worker.engines.diffusion.selfdiffusion.painting import keeps, paint
from worker.engines.diffusion.selfdiffusion.pipeline import SelfDiffusionPipeline
from worker.imaging import ImageArray, MaskArray

EVERYWHERE = (0, 0, 100, 90)


def make_odd(kind: str, width: int, height: int, seed: int) -> ImageArray:
    rng = np.random.default_rng(seed)
    if kind == "constant":
        return np.full((height, width, 3), rng.integers(256), np.uint8)
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return make_rgb("texture" if kind == "texture" else "gradient", width, height, seed)


def make_boxes(width: int, height: int, seed: int, count: int) -> MaskArray:
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(count):
        top, left = int(rng.integers(height)), int(rng.integers(width))
        high, wide = (1 + int(rng.integers(side) * 0.6) for side in (height, width))
        mask[top : top + high, left : left + wide] = 255
    return mask


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from(["constant", "noise", "texture", "gradient"]),
    width=st.integers(1, 130),
    height=st.integers(1, 130),
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 5),
    steps=st.integers(1, 4),
    has_sources=st.booleans(),
)
def test_pipeline_paints_whatever_it_is_given(
    pipeline: SelfDiffusionPipeline,
    kind: str,
    width: int,
    height: int,
    seed: int,
    count: int,
    steps: int,
    has_sources: bool,
) -> None:
    image = make_odd(kind, width, height, seed)
    mask = make_boxes(width, height, seed, count)
    sources = make_boxes(width, height, seed + 1, 3) if has_sources else None
    output = paint(pipeline, image, mask, seed, source_mask=sources, num_inference_steps=steps)
    [painted] = output.images
    assert painted.shape == image.shape and painted.dtype == np.uint8
    assert keeps(image, painted, mask)
    assert np.isfinite(output.estimates[0]) and 0 <= output.estimates[0] <= 1


def test_pipeline_leaves_a_picture_without_hole(pipeline: SelfDiffusionPipeline) -> None:
    image = make_rgb("texture", 70, 60)
    output = paint(pipeline, image, np.zeros((60, 70), np.uint8), 0)
    assert np.array_equal(output.images[0], image)
    assert output.estimates == [1.0]


def test_pipeline_says_where_nothing_is_known(pipeline: SelfDiffusionPipeline) -> None:
    output = paint(pipeline, make_rgb("texture", 70, 60), np.full((60, 70), 255, np.uint8), 0)
    assert output.reasons[0] is not None


def test_pipeline_says_where_there_is_too_little_to_sample_from(
    pipeline: SelfDiffusionPipeline,
) -> None:
    image = make_rgb("texture", 100, 90)
    mask = make_box_mask(100, 90, EVERYWHERE)
    mask[::6] = 0
    mask[:, ::40] = 255
    mask[10:80, 10:90] = 255
    output = paint(pipeline, image, mask, 0)
    assert output.reasons[0] is not None
    assert output.details[0]["regions"] == [
        {"sampled": False, "narrow": False, "finishing": "fast"}
    ]


def test_pipeline_does_not_sample_a_narrow_hole(pipeline: SelfDiffusionPipeline) -> None:
    image = make_rgb("texture", 100, 90)
    for box in ((50, 40, 51, 41), (10, 40, 90, 44)):
        output = paint(pipeline, image, make_box_mask(100, 90, box), 0)
        assert output.details[0]["regions"] == [
            {"sampled": False, "narrow": True, "finishing": "fast"}
        ]
        assert output.reasons == [None]


def test_pipeline_keeps_gray_gray(pipeline: SelfDiffusionPipeline) -> None:
    gray = np.repeat(make_rgb("texture", 100, 90)[..., :1], 3, axis=2)
    painted = paint(pipeline, gray, make_box_mask(100, 90, (30, 30, 70, 60)), 0).images[0]
    assert np.array_equal(painted[..., 0], painted[..., 1])
    assert np.array_equal(painted[..., 0], painted[..., 2])


def test_pipeline_keeps_a_constant_picture_constant(pipeline: SelfDiffusionPipeline) -> None:
    image = np.full((90, 100, 3), (10, 200, 90), np.uint8)
    painted = paint(pipeline, image, make_box_mask(100, 90, (30, 30, 70, 60)), 0).images[0]
    assert np.array_equal(painted, image)


@pytest.mark.parametrize(
    "kept", [(20, 0, 80, 90), (0, 0, 70, 90), (12, 12, 88, 78), (40, 35, 72, 67)]
)
def test_pipeline_outpaints(
    pipeline: SelfDiffusionPipeline, kept: tuple[int, int, int, int]
) -> None:
    image = make_rgb("texture", 100, 90, 2)
    mask = 255 - make_box_mask(100, 90, kept)
    output = paint(pipeline, image, mask, 0)
    assert output.reasons == [None]
    assert output.details[0]["regions"][0]["sampled"]
    painted = output.images[0]
    assert keeps(image, painted, mask)
    assert painted[mask > 0].std() > 0.5 * image[mask == 0].std()


@pytest.mark.slow
def test_pipeline_paints_several_holes_each_in_a_window_of_its_own(
    pipeline: SelfDiffusionPipeline,
) -> None:
    image = make_rgb("texture", 900, 700)
    mask = np.zeros((700, 900), np.uint8)
    corners = [(60, 50), (60, 760), (560, 50), (560, 760), (300, 400)]
    for top, left in corners:
        mask[top : top + 40, left : left + 50] = 255
    output = paint(pipeline, image, mask, 0)
    assert len(output.details[0]["regions"]) == len(corners)
    assert keeps(image, output.images[0], mask)
    again = paint(pipeline, image, mask, 0)
    assert np.array_equal(output.images[0], again.images[0])


@pytest.mark.slow
def test_pipeline_paints_a_large_picture(pipeline: SelfDiffusionPipeline) -> None:
    image = make_rgb("texture", 2400, 1700)
    mask = make_box_mask(2400, 1700, (1000, 700, 1100, 790))
    output = paint(pipeline, image, mask, 0)
    assert output.details[0]["regions"][0]["sampled"]
    assert keeps(image, output.images[0], mask)
