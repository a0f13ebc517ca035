from __future__ import annotations

import numpy as np
import pytest

from tests.support.pages import GRAPHICS
from tests.support.pictures import make_rgb
from tests.support.scenes import add_grain, as_jpeg, make_cables, make_stem, soften
from worker.engines.graphics import find_palette


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", GRAPHICS)
def test_palette_is_found_in_graphics_and_their_jpegs(kind: str, seed: int) -> None:
    scene = GRAPHICS[kind](seed)
    assert find_palette(scene.erased, scene.mask) is not None
    for quality in (75, 92):
        assert find_palette(as_jpeg(scene.truth, quality), scene.mask) is not None


@pytest.mark.parametrize("seed", range(4))
def test_palette_holds_only_colors_that_are_there(seed: int) -> None:
    scene = GRAPHICS["panel"](seed)
    palette = find_palette(scene.erased, scene.mask)
    assert palette is not None
    there = {tuple(color) for color in scene.truth.reshape(-1, 3).tolist()}
    assert {tuple(color) for color in palette.colors.tolist()} <= there
    assert (150, 156, 170) in {tuple(color) for color in palette.colors.tolist()}


@pytest.mark.parametrize("seed", range(4))
def test_palette_is_not_found_where_there_is_grain(seed: int) -> None:
    nothing = np.zeros((200, 200), np.uint8)
    for sigma in (1, 2, 8):
        flat = np.full((200, 200, 3), 90 + 20 * seed, np.float32)
        assert find_palette(add_grain(flat, sigma, seed), nothing) is None
    assert find_palette(make_rgb("texture", 200, 200, seed), nothing) is None


@pytest.mark.parametrize("seed", range(4))
def test_palette_is_not_found_in_gradients(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nothing = np.zeros((300, 300), np.uint8)
    low, high = sorted(rng.uniform(30, 220, 2))
    ramp = np.linspace(low, high + 30, 300, dtype=np.float32)
    picture = np.broadcast_to(ramp[:, None, None], (300, 300, 3)).astype(np.uint8)
    assert find_palette(np.ascontiguousarray(picture), nothing) is None
    assert find_palette(as_jpeg(np.ascontiguousarray(picture)), nothing) is None


@pytest.mark.parametrize("seed", range(4))
def test_palette_is_not_found_in_photos_of_soft_grounds(seed: int) -> None:
    for scene in (make_stem(seed, 20), make_cables(seed, 3, 4)):
        assert find_palette(scene.truth, scene.mask) is None
        assert find_palette(as_jpeg(scene.truth), scene.mask) is None
    soft = add_grain(soften(seed, 200, 200, 20), 0, seed)
    assert find_palette(soft, np.zeros((200, 200), np.uint8)) is None


@pytest.mark.parametrize("seed", range(4))
def test_palette_is_not_found_in_a_photo_amid_transparency(seed: int) -> None:
    picture = np.zeros((300, 300, 4), np.uint8)
    picture[130:190, 120:180, :3] = make_rgb("texture", 60, 60, seed)
    picture[130:190, 120:180, 3] = 255
    mask = np.zeros((300, 300), np.uint8)
    mask[120:150, 150:200] = 255
    assert find_palette(picture, mask) is None


@pytest.mark.parametrize("seed", range(4))
def test_palette_of_a_logo_holds_transparency(seed: int) -> None:
    color = np.random.default_rng(seed).integers(0, 256, 3)
    picture = np.zeros((300, 300, 4), np.uint8)
    picture[100:190, 90:180] = (*color, 255)
    mask = np.zeros((300, 300), np.uint8)
    mask[120:150, 150:200] = 255
    palette = find_palette(picture, mask)
    assert palette is not None
    assert palette.colors.tolist() == [[*color, 255], [0, 0, 0, 0]]
