from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from service.contract.catalogue import SELF_MODEL, ModelEntry
from service.contract.geometry import Box
from service.contract.params import PaintRegion
from tests.support.pictures import make_box_mask
from worker.engines.diffusion.cropping import MAX_REGIONS, Cropper, find_holes, find_regions
from worker.imaging import MaskArray
from worker.imaging.blending import RIM_PIXELS

ENTRY = ModelEntry(name="m", family="stable-diffusion", source="/nowhere", native_pixels=512 * 512)


def regions_of(
    mask: MaskArray, region: PaintRegion | None = None, padding: int | None = None
) -> list[list[int]]:
    cropper = Cropper(mask.shape[1], mask.shape[0], ENTRY, padding)
    return [box.as_list() for box in find_regions(mask, cropper, region)]


def boxes_mask(width: int, height: int, *boxes: tuple[int, int, int, int]) -> MaskArray:
    mask = np.zeros((height, width), np.uint8)
    for box in boxes:
        mask |= make_box_mask(width, height, box)
    return mask


def test_find_regions_is_the_whole_picture_where_the_model_sees_it_all() -> None:
    mask = make_box_mask(512, 500, (100, 100, 120, 130))
    assert regions_of(mask) == regions_of(mask, "auto") == regions_of(mask, "full")
    assert regions_of(mask) == [[0, 0, 512, 500]]
    assert regions_of(mask, "box") != regions_of(mask)


def test_find_regions_crops_a_large_picture_around_its_hole() -> None:
    # Twice as large as the hole: nothing is to be resized but the small hole's.
    assert regions_of(make_box_mask(2000, 1600, (900, 700, 1100, 950))) == [[744, 569, 1256, 1081]]
    assert regions_of(make_box_mask(2000, 1600, (900, 700, 904, 702))) == [[774, 573, 1030, 829]]
    # A hole of half the picture leaves nothing to crop.
    assert regions_of(make_box_mask(1000, 1000, (200, 200, 800, 800))) == [[0, 0, 1000, 1000]]


def test_find_regions_is_the_whole_picture_for_a_model_of_its_own_patches() -> None:
    mask = make_box_mask(2000, 1600, (900, 700, 904, 702))
    cropper = Cropper(2000, 1600, SELF_MODEL)
    assert find_regions(mask, cropper, None)[0].as_list() == [0, 0, 2000, 1600]
    assert len(find_regions(mask, cropper, "box")) == 1


def test_find_regions_shifts_a_crop_into_the_picture() -> None:
    assert regions_of(make_box_mask(2000, 1600, (0, 1590, 5, 1600))) == [[0, 1344, 256, 1600]]
    assert regions_of(make_box_mask(2000, 300, (1000, 0, 1005, 300)), "box")[0][1::2] == [0, 300]


def test_find_regions_takes_the_padding_that_is_asked() -> None:
    mask = make_box_mask(4000, 3000, (1000, 1000, 1400, 1500))
    assert regions_of(mask, "box", 10) == regions_of(mask, "box", RIM_PIXELS)
    [(left, top, right, bottom)] = regions_of(mask, "box", 300)
    assert (top, bottom) == (700, 1800)
    assert right - left == 1100 - 100
    assert regions_of(mask, "box", 2048) == [[0, 0, 4000, 3000]]


def test_find_regions_lets_no_crop_be_longer_than_twice_its_breadth() -> None:
    [(left, top, right, bottom)] = regions_of(make_box_mask(4000, 3000, (200, 1000, 1900, 1010)))
    assert (right - left, bottom - top) == (3400, 1700)


def test_find_regions_tells_far_holes_apart_and_takes_near_ones_together() -> None:
    far = boxes_mask(4000, 3000, (100, 100, 180, 180), (3500, 2500, 3600, 2580))
    assert len(regions_of(far)) == 2
    near = boxes_mask(4000, 3000, (1000, 1000, 1080, 1080), (1150, 1100, 1200, 1150))
    assert len(regions_of(near)) == 1
    # One crop of both shows as much as two, and costs half.
    assert len(regions_of(boxes_mask(4000, 3000, (9, 9, 19, 19), (300, 9, 310, 19)))) == 1


def test_find_regions_makes_no_more_than_the_limit() -> None:
    mask = np.zeros((6000, 6000), np.uint8)
    for row in range(4):
        for column in range(4):
            mask[row * 1600 : row * 1600 + 20, column * 1600 : column * 1600 + 20] = 255
    assert len(regions_of(mask, "box")) <= MAX_REGIONS


def test_find_regions_takes_a_crop_at_the_very_size_of_the_model_where_it_nearly_has_it() -> None:
    [(left, top, right, bottom)] = regions_of(make_box_mask(3000, 3000, (900, 900, 1140, 1150)))
    assert (right - left, bottom - top) == (512, 512)


def test_find_holes_finds_a_single_pixel_and_bears_noise() -> None:
    mask = np.zeros((333, 517), np.uint8)
    mask[332, 516] = mask[0, 0] = 255
    assert sorted(find_holes(mask)) == [(0, 0, 1, 1), (516, 332, 517, 333)]
    mask[np.random.default_rng(0).random(mask.shape) < 0.002] = 255
    assert 1 <= len(find_holes(mask)) <= 24


SIDE = st.integers(40, 1500)


@given(
    width=SIDE,
    height=SIDE,
    places=st.lists(st.tuples(*[st.floats(0, 0.999)] * 2, *[st.integers(1, 300)] * 2), min_size=1),
    region=st.sampled_from(["auto", "box", "full"]),
    padding=st.sampled_from([None, None, 0, 50, 2048]),
)
def test_find_regions_hold_all_of_the_mask_apart_from_each_other(
    width: int,
    height: int,
    places: list[tuple[float, float, int, int]],
    region: PaintRegion,
    padding: int | None,
) -> None:
    mask = np.zeros((height, width), np.uint8)
    for across, down, wide, high in places:
        x, y = int(across * width), int(down * height)
        mask[y : y + high, x : x + wide] = 255
    boxes = [
        Box(**dict(zip(Box.model_fields, box, strict=True)))
        for box in regions_of(mask, region, padding)
    ]
    seen = np.zeros_like(mask)
    for box in boxes:
        assert 0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height
        window = np.s_[box.top : box.bottom, box.left : box.right]
        assert not seen[window].any()
        assert mask.all() or (mask[window] == 0).any()
        seen[window] = 255
    assert not mask[seen == 0].any()
    assert 1 <= len(boxes) <= MAX_REGIONS


@given(width=SIDE, height=SIDE, x=st.floats(0, 0.99), y=st.floats(0, 0.99), side=st.integers(1, 99))
def test_find_regions_leave_room_to_blend_and_are_not_enlarged_without_need(
    width: int, height: int, x: float, y: float, side: int
) -> None:
    hole = int(x * width), int(y * height)
    mask = make_box_mask(width, height, (*hole, hole[0] + side, hole[1] + side))
    [(left, top, right, bottom)] = regions_of(mask, "box")
    last = min(hole[0] + side, width), min(hole[1] + side, height)
    for first, found, limit in ((left, hole[0], 0), (top, hole[1], 0)):
        assert first <= max(found - RIM_PIXELS, limit)
    for found, wanted, limit in ((right, last[0], width), (bottom, last[1], height)):
        assert found >= min(wanted + RIM_PIXELS, limit)
    sides = right - left, bottom - top
    scale = math.sqrt(ENTRY.native_pixels / (sides[0] * sides[1]))
    assert scale <= 2.01 or width in sides or height in sides
