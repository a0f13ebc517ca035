from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.support.grounds import (
    ENGINES,
    add_noise,
    as_jpeg,
    cut_out,
    draw_figures,
    extend,
    low_error,
    make_flat,
    make_graded,
    new_part,
    pad_sides,
    unlike,
)
from tests.support.tiles import make_tiles
from worker.imaging import ImageArray

SEEDS = range(8)
MARGINS = (pad_sides(right=60), pad_sides(top=50, bottom=50), pad_sides(40, 30, 50, 20))


@pytest.mark.parametrize("method", ENGINES)
@pytest.mark.parametrize("seed", SEEDS)
def test_flat_ground_goes_on_exactly(seed: int, method: str) -> None:
    random = np.random.default_rng(seed)
    margins = MARGINS[seed % 3]
    height, width = (int(side) for side in random.integers(120, 420, 2))
    ground = make_flat(random, height, width)
    painted = extend(draw_figures(random, ground.astype(np.uint8), 1 + seed % 3), margins, method)
    new = new_part(painted.image, margins)
    assert np.abs(painted.image[new] - ground[0, 0]).max() == 0
    assert painted.details["ground"]["kind"] == ["flat"]
    assert painted.details["ground"]["continued"] == 0


@pytest.mark.parametrize("method", ENGINES)
@pytest.mark.parametrize("gap", [4, 8, 14])
def test_figure_near_a_side_does_not_color_the_ground(gap: int, method: str) -> None:
    image = np.full((300, 300, 3), 255, np.uint8)
    cv2.circle(image, (150, 150), 150 - gap, (60, 160, 40), -1, cv2.LINE_AA)
    margins = pad_sides(left=60, right=60)
    painted = extend(image, margins, method)
    assert painted.image[new_part(painted.image, margins)].min() == 255
    assert painted.details["ground"]["continued"] == 0


@pytest.mark.parametrize("quality", [60, 75, 88, 95])
@pytest.mark.parametrize("seed", SEEDS)
def test_flat_ground_of_a_jpeg_gets_none_of_its_rings(seed: int, quality: int) -> None:
    random = np.random.default_rng(seed)
    margins = MARGINS[seed % 3]
    color = np.array([255, 255, 255]) if seed % 2 else random.integers(0, 256, 3)
    ground = np.broadcast_to(color, (260, 330, 3)).astype(np.uint8)
    painted = extend(as_jpeg(draw_figures(random, ground), quality), margins)
    error = np.abs(painted.image.astype(int) - color).max(axis=2)[new_part(painted.image, margins)]
    assert np.mean(error > 12) <= 0.002
    assert error.max() <= 24


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_graded_ground_goes_on_with_its_slope_and_its_grain(seed: int, sigma: float) -> None:
    random = np.random.default_rng(seed)
    margins = MARGINS[seed % 3]
    truth = make_graded(random, 380, 420)
    image = draw_figures(random, add_noise(random, cut_out(truth, margins), sigma))
    painted = extend(image, margins)
    new = new_part(painted.image, margins)
    assert low_error(painted.image, truth, 4)[new].max() < 6
    if sigma:
        grain = (painted.image - truth)[new].std()
        assert 0.5 * sigma < grain < 1.5 * sigma
    assert painted.details["ground"]["kind"] == ["graded"]


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
@pytest.mark.parametrize("seed", range(4))
def test_no_step_is_seen_behind_the_seam(seed: int, side: str) -> None:
    random = np.random.default_rng(seed)
    margins = pad_sides(**{side: 80})
    truth = make_graded(random, 300, 400)
    painted = extend(add_noise(random, cut_out(truth, margins), 1.0), margins)
    seen = painted.image.astype(np.float64) - truth
    turned = np.rot90(seen, {"left": 0, "top": 1, "right": 2, "bottom": 3}[side])
    inside, beyond = turned[:, 80:92].mean(axis=1), turned[:, 60:80].mean(axis=1)
    assert np.abs((inside - beyond).mean(axis=0)).max() < 2


@pytest.mark.parametrize("seed", SEEDS)
def test_soft_shadow_fades_out(seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width, strength = 300, 450, random.uniform(20, 70)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    level = random.uniform(200, 250, 3)
    away = ((x - width / 2) / (0.25 * width)) ** 2 + ((y - 0.8 * height) / (0.08 * height)) ** 2
    ground = level - strength * np.exp(-away)[..., None]
    image = np.rint(ground).clip(0, 255).astype(np.uint8)
    image[70:240, 150:300] = unlike(random, image[0, 0])
    margins = pad_sides(top=75, bottom=75)
    painted = extend(image, margins)
    error = np.abs(painted.image.astype(int) - level.round()).max(axis=2)
    assert np.mean(error[new_part(painted.image, margins)] > 12) <= 0.004


@pytest.mark.parametrize("method", ENGINES)
@pytest.mark.parametrize("seed", range(10))
def test_single_thing_in_grain_is_not_repeated(seed: int, method: str) -> None:
    random = np.random.default_rng(seed)
    image = add_noise(random, np.full((240, 240, 3), 120.0), 18)
    x, y = random.integers(24, 216), random.integers(20, 60)
    rows, columns = np.ogrid[:240, :240]
    image[np.hypot(rows - y, columns - x) < 12] = (220, 30, 30)
    new = extend(image, pad_sides(top=110, right=40), method, seed).image.astype(int)
    new = new[new_part(new, pad_sides(top=110, right=40))]
    assert np.count_nonzero(new[:, 0] - new[:, 1] > 135) == 0
    assert 0.7 * 18 < new.std() < 1.3 * 18


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
@pytest.mark.parametrize("inside", [2, 6, 10])
def test_thing_that_meets_the_border_goes_on_for_its_own_rest(inside: int, side: str) -> None:
    turns = {"top": 0, "left": 1, "bottom": 2, "right": 3}[side]
    rows, columns = np.ogrid[:200, :200]
    disk = np.hypot(rows - inside, columns - 100) < 14
    image = add_noise(np.random.default_rng(inside), np.full((200, 200, 3), 120.0), 6)
    image[disk] = (220, 30, 30)
    margins = pad_sides(**{side: 80})
    painted = extend(np.ascontiguousarray(np.rot90(image, turns)), margins)
    new = np.rot90(painted.image, -turns)[:80].astype(int)
    red = new[..., 0] - new[..., 1] > 80
    reach = 80 - np.flatnonzero(red.any(axis=1)).min(initial=80)
    assert abs(reach - (13 - inside)) <= 5
    assert painted.details["ground"]["continued"] == 1


@pytest.mark.parametrize("lines", [1, 2, 3])
@pytest.mark.parametrize("method", ENGINES)
@pytest.mark.parametrize("side", ["left", "bottom"])
def test_line_along_the_border_is_not_carried_on(side: str, method: str, lines: int) -> None:
    image = add_noise(np.random.default_rng(lines), np.full((200, 220, 3), 110.0), 14)
    original = image.copy()
    if side == "left":
        image[:, :lines] = 245
    else:
        image[-lines:] = 20
    painted = extend(image, pad_sides(**{side: 60}), method)
    new = painted.image[:, :60] if side == "left" else painted.image[-60:]
    along = new.astype(float).mean(axis=(0, 2) if side == "left" else (1, 2))
    assert np.abs(along - original.mean()).max() < 15
    kept = painted.image[:, 60:] if side == "left" else painted.image[:-60]
    assert np.array_equal(kept, image)
    assert painted.details["frame"][side] == lines
    assert painted.warnings == ()


@pytest.mark.parametrize("seed", range(4))
def test_frame_around_the_picture_is_told(seed: int) -> None:
    random = np.random.default_rng(seed)
    image = add_noise(random, make_graded(random, 220, 260), 4)
    image[:3], image[-3:], image[:, :3], image[:, -3:] = 0, 0, 0, 0
    painted = extend(image, pad_sides(right=60))
    assert [warning.code for warning in painted.warnings] == ["frame_not_extended"]
    assert painted.image[4:-4, -57:].min() > 30


@pytest.mark.parametrize("seed", range(4))
def test_sides_that_differ_get_each_its_own_ground(seed: int) -> None:
    random = np.random.default_rng(seed)
    sky, floor = random.uniform(150, 220, 3).round(), random.uniform(30, 100, 3).round()
    image = np.empty((240, 300, 3), np.uint8)
    image[:120], image[120:] = sky, floor
    image[60:180, 100:200] = (250, 0, 120)
    painted = extend(image, pad_sides(top=50, bottom=60))
    assert np.abs(painted.image[:50] - sky).max() == 0
    assert np.abs(painted.image[-60:] - floor).max() == 0
    assert painted.details["ground"]["sides"] == ["top", "bottom"]


def test_gray_and_transparent_planes_go_on_likewise() -> None:
    random = np.random.default_rng(3)
    gray = np.repeat(add_noise(random, np.full((150, 170, 1), 90.0), 2), 3, axis=2)
    painted = extend(gray, pad_sides(right=40)).image
    assert np.array_equal(painted[..., 0], painted[..., 1])


@pytest.mark.parametrize("side", [1, 2, 9, 23, 24, 40])
def test_tiny_pictures_are_extended(side: int) -> None:
    image = np.full((side, side + 3, 3), 77, np.uint8)
    painted = extend(image, pad_sides(5, 5, 5, 5))
    assert np.abs(painted.image.astype(int) - 77).max() <= 1


@pytest.mark.parametrize("method", ENGINES)
def test_ground_is_ignored_when_it_is_told(method: str) -> None:
    image = draw_figures(np.random.default_rng(0), np.full((120, 150, 3), 200, np.uint8))
    painted = extend(image, pad_sides(right=30), method, ground="ignore")
    assert "ground" not in painted.details


@pytest.mark.parametrize("sigma", [0.0, 2.0, 15.0])
def test_extension_is_the_same_for_the_same_seed(sigma: float) -> None:
    random = np.random.default_rng(5)
    image = draw_figures(random, add_noise(random, make_graded(random, 200, 240), sigma))
    image[:50, :9] = (200, 0, 0)
    first, again = (extend(image, pad_sides(40, 30, 50, 20), seed=9).image for _ in range(2))
    assert np.array_equal(first, again)


def _gravel(seed: int) -> ImageArray:
    """Return stones that stand close, float noise cut into levels: no ground."""
    random = np.random.default_rng(seed)
    image = np.full((240, 260, 3), 70, np.uint8)
    rows, columns = np.ogrid[:240, :260]
    for _ in range(420):
        y, x, size = random.integers(0, 240), random.integers(0, 260), random.integers(7, 14)
        level = int(random.integers(60, 220))
        image[np.hypot(rows - y, columns - x) < size] = level
    return add_noise(random, image.astype(np.float64), 6)


@pytest.mark.parametrize("method", ENGINES)
@pytest.mark.parametrize("seed", range(3))
def test_single_thing_in_a_texture_is_not_repeated(seed: int, method: str) -> None:
    image = _gravel(seed)
    image[90:130, 190:235] = (30, 60, 230)
    image[100:120, 200:225] = (240, 200, 20)
    margins = pad_sides(right=70)
    painted = extend(image, margins, method, seed)
    new = painted.image[:, -70:].astype(int)
    assert np.count_nonzero(np.ptp(new, axis=2) > 80) == 0
    assert "ground" not in painted.details
    assert painted.details["unique_share"] > 0


@pytest.mark.parametrize("method", ENGINES)
@pytest.mark.parametrize("seed", range(3))
def test_single_thing_on_a_pattern_is_not_repeated(seed: int, method: str) -> None:
    image = make_tiles(300, 260, (24, 30), noise=4)
    image[100:140, 180:220] = (230, 10, 180)
    margins = pad_sides(left=190, right=170)
    painted = extend(image, margins, method, seed)
    new = painted.image[new_part(painted.image, margins)].astype(int)
    assert np.count_nonzero(np.abs(new - (230, 10, 180)).max(axis=1) < 50) == 0
    if method == "pattern":
        assert painted.details["pattern"] == "period"


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
@pytest.mark.parametrize("quality", [None, 85])
def test_bar_that_crosses_the_border_goes_straight_on(side: str, quality: int | None) -> None:
    truth = np.full((260, 260, 3), 30, np.uint8)
    truth[60:95] = (70, 74, 90)
    truth[95:97] = (150, 150, 160)
    truth = np.rot90(truth, 1 if side in ("top", "bottom") else 0).copy()
    margins = pad_sides(**{side: 60})
    image = cut_out(truth, margins).copy()
    image = image if quality is None else as_jpeg(image, quality)
    painted = extend(image, margins)
    error = np.abs(painted.image.astype(int) - truth).max(axis=2)[new_part(truth, margins)]
    assert error.max() <= (0 if quality is None else 24)
    assert painted.details["ground"]["continued"] == 1
