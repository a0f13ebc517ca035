from __future__ import annotations

import numpy as np
import pytest

from tests.support.pictures import make_blob_mask, make_box_mask, make_rgb
from worker.imaging import infill
from worker.imaging.infill import fill_telea
from worker.reporting import Aborted


def ignore(_stage: int, _stages: int) -> None:
    pass


def test_fill_telea_changes_the_hole_alone() -> None:
    image = make_rgb("texture", 120, 90)
    mask = make_blob_mask(120, 90)
    filled = fill_telea(image, mask, ignore)
    assert np.array_equal(filled[mask == 0], image[mask == 0])
    assert not np.array_equal(filled[mask != 0], image[mask != 0])


@pytest.mark.parametrize("seed", range(6))
def test_fill_telea_does_not_look_under_the_mask(seed: int) -> None:
    image, mask = make_rgb("texture", 120, 90, seed), make_blob_mask(120, 90, seed)
    mask |= make_box_mask(120, 90, (0, 0, 30, 30) if seed % 2 else (70, 60, 120, 90))
    other = image.copy()
    other[mask != 0] = 255
    assert np.array_equal(fill_telea(image, mask, ignore), fill_telea(other, mask, ignore))


@pytest.mark.parametrize("value", [0, 100, 245, 255])
def test_fill_telea_keeps_a_flat_color_far_from_the_border(value: int) -> None:
    image = np.full((60, 500, 3), value, np.uint8)
    filled = fill_telea(image, make_box_mask(500, 60, (50, 0, 500, 60)), ignore)
    assert np.unique(filled).tolist() == [value]


@pytest.mark.parametrize("value", [30, 200])
def test_fill_telea_keeps_a_flat_color_when_it_works_at_a_smaller_scale(
    value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(infill, "MAX_HOLE_PIXELS", 2_000)
    image = np.full((200, 300, 3), value, np.uint8)
    mask = make_box_mask(300, 200, (40, 40, 260, 160))
    image[mask != 0] = 255 - value
    assert np.unique(fill_telea(image, mask, ignore)).tolist() == [value]


def test_fill_telea_changes_the_hole_alone_when_it_works_in_tiles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(infill, "MAX_HOLE_PIXELS", 2_000)
    monkeypatch.setattr(infill, "TILE", 64)
    image, mask = make_rgb("texture", 300, 200), make_box_mask(300, 200, (40, 0, 260, 160))
    other = image.copy()
    other[mask != 0] = 255
    filled = fill_telea(image, mask, ignore)
    assert np.array_equal(filled[mask == 0], image[mask == 0])
    assert np.array_equal(filled, fill_telea(other, mask, ignore))


def test_fill_telea_fills_when_only_specks_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infill, "MAX_HOLE_PIXELS", 100)
    image = np.full((60, 80, 3), 77, np.uint8)
    mask = np.full((60, 80), 255, np.uint8)
    mask[::20, ::20] = 0
    image[mask != 0] = 0
    assert np.unique(fill_telea(image, mask, ignore)).tolist() == [77]


def test_fill_telea_tells_its_stages_and_can_be_stopped() -> None:
    image, mask = make_rgb("gradient", 60, 60), make_box_mask(60, 60, (20, 20, 40, 40))
    stages: list[int] = []

    def stop_at_one(stage: int, stages_in_all: int) -> None:
        assert stages_in_all == infill.STAGES
        stages.append(stage)
        if stage == 1:
            raise Aborted

    with pytest.raises(Aborted):
        fill_telea(image, mask, stop_at_one)
    assert stages == [0, 1]
