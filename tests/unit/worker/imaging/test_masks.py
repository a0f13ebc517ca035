from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from service.contract.errors import (
    InvalidField,
    MaskEmpty,
    MaskFull,
    MaskUndecodable,
    UnsupportedMediaType,
)
from service.contract.params import MaskPolarity
from service.pictures.masks import inspect_mask
from tests.support.pictures import encode, make_blob_mask, make_box_mask, make_image
from worker.imaging import MaskArray
from worker.imaging.masks import (
    bounding_box,
    check_mask,
    count_components,
    cover_cells,
    coverage,
    decode_mask,
    grow_mask,
    measure_depth,
    shrink_mask,
)

LIMIT = 100_000
MASKS = hnp.arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24))).map(
    lambda values: (values > 200).astype(np.uint8) * 255
)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
@pytest.mark.parametrize("polarity", ["white_repaints", "black_repaints"])
@pytest.mark.parametrize("threshold", [1, 128, 255])
def test_decode_mask_marks_what_the_service_measured(
    mode: str, polarity: MaskPolarity, threshold: int
) -> None:
    image = make_image("RGB", 70, 50)
    image.paste("black", (0, 0, 9, 9))
    image.paste("white", (9, 9, 20, 20))
    data = encode(image.quantize(64) if mode == "P" else image.convert(mode))
    asked = inspect_mask(
        BytesIO(data), size=(70, 50), max_pixels=LIMIT, polarity=polarity, threshold=threshold
    ).asked
    mask = decode_mask(data, LIMIT, polarity, threshold)
    assert coverage(mask) == asked.coverage
    assert bounding_box(mask).as_list() == asked.box


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_decode_mask_reads_the_colors_of_what_is_transparent(mode: str) -> None:
    plain = make_image("1", 70, 50)
    mask = make_image(mode, 70, 50)
    mask.paste(plain.convert(mode))
    mask.putalpha(make_image("LA", 70, 50).getchannel("A"))
    assert np.array_equal(decode_mask(encode(mask), LIMIT) == 255, np.asarray(plain))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_decode_mask_refuses_one_that_may_speak_by_transparency(mode: str) -> None:
    with pytest.raises(InvalidField, match="transparent"):
        decode_mask(encode(make_image(mode, 70, 50)), LIMIT)


def test_decode_mask_turns_it_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    mask = decode_mask(encode(make_box_mask(70, 50, (0, 0, 10, 5)), exif=exif), LIMIT)
    assert mask.shape == (70, 50)
    assert bounding_box(mask).as_list() == [45, 0, 50, 10]


def test_decode_mask_refuses_a_broken_file() -> None:
    with pytest.raises(MaskUndecodable):
        decode_mask(encode(make_image("L", 70, 50))[:400], LIMIT)


def test_decode_mask_refuses_another_format() -> None:
    with pytest.raises(UnsupportedMediaType):
        decode_mask(b"no picture at all", LIMIT)


@given(mask=MASKS, pixels=st.integers(-9, 9))
def test_grow_mask_takes_a_disc(mask: MaskArray, pixels: int) -> None:
    seeds = np.argwhere(mask == (255 if pixels >= 0 else 0))
    points = np.argwhere(np.ones_like(mask))
    distance = np.full(len(points), np.inf)
    if len(seeds):
        distance = np.sqrt(((points[:, None] - seeds[None]) ** 2).sum(-1)).min(1)
    near = (distance <= abs(pixels)).reshape(mask.shape)
    expected = near if pixels >= 0 else ~near
    assert np.array_equal(grow_mask(mask, pixels) == 255, expected)


def test_grow_mask_does_not_shrink_from_the_border() -> None:
    mask = make_box_mask(40, 30, (0, 0, 20, 30))
    assert bounding_box(grow_mask(mask, -5)).as_list() == [0, 0, 15, 30]


def test_check_mask_refuses_nothing_and_everything() -> None:
    with pytest.raises(MaskEmpty):
        check_mask(np.zeros((5, 5), np.uint8))
    with pytest.raises(MaskFull):
        check_mask(np.full((5, 5), 255, np.uint8))


def test_grow_mask_leaves_the_mask_given_alone() -> None:
    mask = make_blob_mask(64, 48)
    before = mask.copy()
    grow_mask(mask, 5)
    grow_mask(mask, -2)
    assert np.array_equal(mask, before)


@given(mask=MASKS)
def test_measure_depth_is_the_distance_to_the_nearest_kept_pixel(mask: MaskArray) -> None:
    kept = np.argwhere(mask == 0)
    if not len(kept):
        return
    points = np.argwhere(np.ones_like(mask))
    expected = np.sqrt(((points[:, None] - kept[None]) ** 2).sum(-1)).min(1).reshape(mask.shape)
    window, depth = measure_depth(mask)
    found = np.zeros(mask.shape)
    found[window] = depth
    assert np.abs(found - expected).max() < 1e-3


def test_count_components_joins_corners() -> None:
    mask = np.zeros((9, 9), np.uint8)
    mask[[1, 2, 7], [1, 2, 7]] = 255
    assert count_components(mask) == 2


@given(mask=MASKS, width=st.integers(1, 40), height=st.integers(1, 40))
def test_shrink_mask_loses_no_pixel(mask: MaskArray, width: int, height: int) -> None:
    small = shrink_mask(mask, width, height)
    assert small.shape == (height, width)
    for row, column in np.argwhere(mask):
        top, bottom = row * height // mask.shape[0], -(-(row + 1) * height // mask.shape[0])
        left, right = column * width // mask.shape[1], -(-(column + 1) * width // mask.shape[1])
        assert small[top : max(bottom, top + 1), left : max(right, left + 1)].any()


def test_shrink_mask_keeps_one_pixel_in_a_large_picture() -> None:
    assert shrink_mask(make_box_mask(4000, 3000, (1999, 7, 2000, 8)), 64, 48).any()


def test_cover_cells_fills_every_cell_touched() -> None:
    mask = make_blob_mask(64, 48)
    covered = cover_cells(mask, 8)
    cells = covered.reshape(6, 8, 8, 8)
    assert np.array_equal(cells.max((1, 3)), cells.min((1, 3)))
    assert (covered >= mask).all()
    assert np.array_equal(cells.max((1, 3)), mask.reshape(6, 8, 8, 8).max((1, 3)))
