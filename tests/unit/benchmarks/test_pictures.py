"""Sets of pictures as operators have them, and the scores of their results."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.pictures.page import render_table
from benchmarks.pictures.pasted import paste_thing, paste_words
from benchmarks.pictures.scores import Scores, load_judge, mean, measure_psnr
from benchmarks.pictures.sets import GRAY, LAYOUTS, load_set

SIZE = (24, 16)
HOLE = (4, 3, 10, 9)


def write(path: Path, color: int, hole: tuple[int, int] | None = None) -> None:
    """Write a gray picture, or a mask whose hole and rest have these values."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("L" if hole else "RGB", SIZE, hole[1] if hole else (color,) * 3)
    if hole:
        picture.paste(hole[0], HOLE)
    picture.save(path)


@pytest.mark.parametrize(
    ("name", "image", "mask", "truth"),
    [
        ("corne", "shot", "mask_eff", "bg"),
        ("corne-core", "shot", "mask_sam", "bg"),
        ("texterase", "shot", "mask", "bg"),
        ("rord", "img", "mask", "gt"),
        ("plain", "images", "masks", "truth"),
    ],
)
def test_parallel_folders(tmp_path: Path, name: str, image: str, mask: str, truth: str) -> None:
    values = (0, 255) if LAYOUTS[name].is_hole_black else (255, 0)
    for number in range(3):
        write(tmp_path / image / f"{number}.png", 10 + number)
        write(tmp_path / mask / f"{number}.png", 0, values)
        write(tmp_path / truth / f"{number}.png", 100 + number)
    items = list(load_set(LAYOUTS[name], tmp_path, limit=2))
    assert [item.name for item in items] == ["0", "1"]
    first = items[0]
    assert (first.mask > 0).sum() == 36
    assert first.truth is not None
    assert (first.sent[0, 0, 0], first.truth[0, 0, 0]) == (10, 100)


def test_masks_that_mean_the_opposite(tmp_path: Path) -> None:
    write(tmp_path / "img" / "a.png", 10)
    write(tmp_path / "mask" / "a.png", 0, (255, 0))
    [item] = load_set(LAYOUTS["rord"], tmp_path, inverts=True)
    assert (item.mask > 0).sum() == 36
    assert item.truth is None


def test_crops_with_masks_beside_them_are_sent_without_what_was_there(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "a.png", 10)
    write(tmp_path / "deep" / "a_mask000.png", 0, (255, 0))
    [item] = load_set(LAYOUTS["places"], tmp_path)
    assert item.truth is not None
    assert (item.sent[item.mask > 0] == GRAY).all()
    assert (item.truth == 10).all()


def test_a_set_that_is_laid_out_otherwise_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "shot" / "a.png", 10)
    with pytest.raises(ValueError, match="mask_eff or mask_sam"):
        list(load_set(LAYOUTS["corne"], tmp_path))
    write(tmp_path / "mask_eff" / "b.png", 0, (255, 0))
    with pytest.raises(ValueError, match="no picture has a mask of its name"):
        list(load_set(LAYOUTS["corne"], tmp_path))


def test_what_is_pasted_lies_inside_its_mask() -> None:
    chance = np.random.default_rng(1)
    truth = chance.integers(60, 200, (260, 420, 3), np.uint8)
    thing = np.dstack((np.full((40, 50, 3), 255, np.uint8), np.full((40, 50), 255, np.uint8)))
    for sent, mask in (paste_thing(truth, thing, chance), paste_words(truth, chance)):
        assert (sent[mask == 0] == truth[mask == 0]).all()
        assert 0.005 < (mask > 0).mean() < 0.6


def test_scores_say_what_was_not_measured() -> None:
    right = np.zeros((4, 4, 3), np.uint8)
    everywhere = np.ones((4, 4), np.bool_)
    assert measure_psnr(right, right, everywhere) == math.inf
    assert measure_psnr(right, right + np.uint8(255), everywhere) == 0
    assert mean([None, 2.0, math.inf, 4.0]) == 3
    assert mean([math.inf]) == math.inf
    assert mean([None]) is None
    assert load_judge("no_such_package_here:judge") is None
    table = render_table({"patch": [Scores(20.0, math.inf, None, None, 0, 0.5)]})
    assert table[-1] == "| patch | 20.0 | ∞ | - | - | 0 | 0.50 |"
