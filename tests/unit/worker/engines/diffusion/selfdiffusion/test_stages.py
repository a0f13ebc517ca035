from __future__ import annotations

import numpy as np
import pytest

from tests.support.pictures import make_box_mask, make_rgb
from worker.engines.diffusion.selfdiffusion.finishing import enlarge_offsets
from worker.engines.diffusion.selfdiffusion.sources import gather_patches
from worker.engines.diffusion.selfdiffusion.stages import Region, choose_stages, is_narrow


def make_region(width: int, height: int, box: tuple[int, int, int, int]) -> Region:
    mask = make_box_mask(width, height, box)
    return Region(make_rgb("texture", width, height), mask, mask, 255 - mask)


def test_stages_are_two_the_smaller_first() -> None:
    first, second = choose_stages(make_region(512, 400, (150, 100, 360, 300)))
    assert first.level == second.level + 1
    assert max(first.shape) < max(second.shape) <= 96


def test_stages_of_a_narrow_hole_are_none() -> None:
    region = make_region(200, 150, (20, 60, 180, 70))
    assert is_narrow(region)
    assert choose_stages(region) == []


@pytest.mark.slow
@pytest.mark.parametrize("box", [(0, 0, 2000, 1400), (990, 690, 1090, 790), (0, 0, 60, 1500)])
def test_stages_stay_small_in_large_pictures(box: tuple[int, int, int, int]) -> None:
    for stage in choose_stages(make_region(2100, 1500, box)):
        assert stage.hole.size <= 70_000


def test_patches_lie_in_what_may_be_copied() -> None:
    [*_, stage] = choose_stages(make_region(128, 128, (40, 40, 90, 90)))
    patches = gather_patches(stage, 2)
    for y, x in patches.places:
        assert (stage.sources[y - 2 : y + 3, x - 2 : x + 3] == 255).all()
    assert patches.terms.shape == (6 * 25, len(patches.places))


def test_offsets_of_full_size_point_where_those_of_the_stage_do() -> None:
    region = make_region(130, 101, (40, 30, 90, 80))
    [*_, stage] = choose_stages(region)
    offsets = np.zeros((*stage.shape, 2), np.int32)
    offsets[stage.hole > 0] = (-3, 5)
    enlarged = enlarge_offsets(stage, offsets, region.own.shape)
    assert enlarged.shape == (101, 130, 2) and enlarged.dtype == np.int32
    assert (enlarged == np.array([-3, 5]) * 2**stage.level).all()


def test_stages_are_not_made_of_what_is_too_large() -> None:
    assert choose_stages(make_region(1500, 24, (300, 0, 1200, 24))) == []
