from __future__ import annotations

import numpy as np
import pytest

from tests.support.scenes import (
    Pixels,
    Scene,
    draw_line,
    make_cables,
    make_crossing,
    make_horizon,
    make_line,
    make_stem,
    share_off,
)
from worker.engines.structures import Connected, connect_structures


def connect(scene: Scene) -> Connected:
    return connect_structures(scene.erased, scene.mask)


def share_back(connected: Connected, scene: Scene, levels: int = 40) -> float:
    """Return the share of the structure's pixels that are there again."""
    return 1 - share_off(connected.image, scene, levels, scene.structure)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("width", [3, 5, 8])
def test_connection_draws_a_thin_stem_whole(seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    scene = make_stem(seed, 12)
    side = len(scene.mask)
    picture = scene.truth.copy()
    picture[...] = 150 + rng.normal(0, 3, picture.shape)
    line = make_line(side, rng.uniform(0, np.pi), rng.uniform(0, 0.1), rng)
    draw_line(picture, line, (60, 110, 40), width)
    band = np.zeros_like(scene.mask)
    draw_line(band, line, (255, 255, 255), max(width - 3, 1), smooth=False)
    thin = Scene(picture, scene.mask, np.asarray(band & scene.mask, np.uint8))
    assert share_back(connect(thin), thin) > 0.95


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("width", [20, 40, 60])
def test_connection_draws_both_edges_of_a_wide_stem(seed: int, width: int) -> None:
    scene = make_stem(seed, width)
    connected = connect(scene)
    assert connected.count >= 2
    drawn = np.where(connected.drawn > 0, scene.structure, 0).astype(np.uint8)
    assert np.count_nonzero(drawn) > 200
    assert share_off(connected.image, scene, 40, drawn) < 0.05


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("count", "width"), [(1, 2), (2, 3), (3, 5), (4, 3), (6, 4)])
def test_connection_keeps_the_order_of_a_bundle(seed: int, count: int, width: int) -> None:
    scene = make_cables(seed, count, width)
    connected = connect(scene)
    assert connected.count == count
    assert share_back(connected, scene, 60) > 0.95


@pytest.mark.parametrize("seed", range(10))
def test_connection_lays_one_of_two_crossing_lines_on_top(seed: int) -> None:
    scene = make_crossing(seed)
    connected = connect(scene)
    assert connected.count == 2
    assert share_back(connected, scene, 60) > 0.9


@pytest.mark.parametrize("seed", range(10))
def test_connection_gives_a_horizon_its_own_sharpness_and_grain(seed: int) -> None:
    scene = make_horizon(seed, is_drawn=False)
    connected = connect(scene)
    assert share_back(connected, scene) > 0.95
    inner = np.where(connected.drawn > 0, scene.mask, 0).astype(np.uint8)
    assert share_off(connected.image, scene, 24, inner) < 0.05
    rows = np.flatnonzero((connected.drawn > 0).any(axis=1))
    beside = connected.image[rows[1], connected.drawn[rows[1]] > 0].astype(float)
    assert 1.5 < beside.std(axis=0).mean() < 6


def test_connection_never_reads_what_is_hidden() -> None:
    scene = make_cables(3, 3, 4)
    other = scene.truth.copy()
    other[scene.mask > 0] = 255 - other[scene.mask > 0]
    one, two = (connect_structures(image, scene.mask) for image in (scene.erased, other))
    assert np.array_equal(one.drawn, two.drawn)
    assert np.array_equal(one.image[scene.mask == 0], scene.truth[scene.mask == 0])
    assert np.array_equal(one.image[one.drawn > 0], two.image[two.drawn > 0])


def test_connection_follows_a_cable_through_several_holes() -> None:
    scene = make_cables(5, 1, 4)
    mask = np.zeros_like(scene.mask)
    for left in (40, 100, 160, 220):
        mask[:, left : left + 36] = 255
    mask[:10] = mask[-10:] = 0
    scene = Scene(scene.truth, mask, np.zeros_like(mask))
    connected = connect(scene)
    assert connected.count == 4


@pytest.mark.parametrize("seed", range(5))
def test_connection_paints_alpha_with_the_colors(seed: int) -> None:
    scene = make_cables(seed, 2, 4)
    alpha = np.full((*scene.mask.shape, 1), 255, np.uint8)
    plain = connect(scene)
    with_alpha = connect_structures(np.dstack((scene.erased, alpha)), scene.mask)
    assert np.array_equal(with_alpha.image[..., :3], plain.image)
    assert with_alpha.image[..., 3].min() == 255


def test_connection_takes_no_color_that_is_forbidden() -> None:
    scene = make_cables(2, 1, 4)
    nowhere = np.zeros_like(scene.mask)
    connected = connect_structures(scene.erased, scene.mask, source_mask=nowhere)
    assert connected.count == 0


@pytest.mark.parametrize("seed", range(6))
def test_connection_draws_nothing_through_noise(seed: int) -> None:
    noise: Pixels = np.random.default_rng(seed).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    mask = np.zeros((200, 200), np.uint8)
    mask[60:140, 60:140] = 255
    assert connect_structures(noise, mask).count == 0


def test_connection_goes_on_past_the_border_where_the_hole_is_open() -> None:
    scene = make_cables(4, 2, 4)
    mask = np.zeros_like(scene.mask)
    mask[:, 240:] = 255
    structure = np.zeros_like(mask)
    structure[:, 240:280] = (
        np.abs(scene.truth[:, 240:280].astype(int) - 40).max(axis=2) < 12
    ) * 255
    scene = Scene(scene.truth, mask, structure)
    connected = connect(scene)
    assert connected.count == 2
    assert share_back(connected, scene, 60) > 0.9
