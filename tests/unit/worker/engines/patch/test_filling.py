from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.support.pages import GRAPHICS, make_button
from tests.support.scenes import Pixels, Scene, as_jpeg, make_horizon, make_stem, share_off
from worker.engines.patch import complete
from worker.engines.patch.filling import Filled, fill


def quiet(_step: int, _steps: int) -> None:
    """Nobody watches."""


def run(scene: Scene, image: Pixels | None = None, seed: int = 1) -> Filled:
    given = scene.erased if image is None else np.where(scene.mask[..., None] > 0, 7, image)
    return fill(given.astype(np.uint8), scene.mask, seed=seed, quality="fast", on_step=quiet)


def colors_of(image: Pixels) -> set[tuple[int, ...]]:
    return {tuple(color) for color in np.unique(image.reshape(-1, 3), axis=0).tolist()}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", GRAPHICS)
def test_filling_carries_a_graphic_on_to_the_pixel(kind: str, seed: int) -> None:
    scene = GRAPHICS[kind](seed)
    filled = run(scene)
    assert filled.details.keys() & {"palette", "ground"}
    assert share_off(filled.completion.image, scene, 16) <= 0.02
    assert colors_of(filled.completion.image) <= colors_of(scene.truth)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", GRAPHICS)
def test_filling_carries_a_jpeg_of_a_graphic_on(kind: str, seed: int) -> None:
    drawn = GRAPHICS[kind](seed)
    scene = replace(drawn, truth=as_jpeg(drawn.truth, 90))
    # Thin lines are of other colors in the JPEG; the steps of a slope are blurred there.
    right = drawn if kind == "slope" else scene
    assert share_off(run(scene).completion.image, right, 24) <= 0.04


@pytest.mark.parametrize("seed", range(6))
def test_filling_carries_a_drawn_horizon_on(seed: int) -> None:
    scene = make_horizon(seed, is_drawn=True)
    filled = run(scene)
    assert share_off(filled.completion.image, scene, 16) <= 0.02
    assert colors_of(filled.completion.image) <= colors_of(scene.truth)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("width", [20, 40])
def test_filling_makes_a_stem_of_one_piece(seed: int, width: int) -> None:
    scene = make_stem(seed, width)
    inside = run(scene).completion.image[scene.structure > 0].astype(int)
    assert np.mean(inside[:, 1] - inside[:, 0] > 40) >= 0.95


def test_filling_invents_no_words_beside_a_text() -> None:
    scene = make_button(3)
    ink = run(scene).completion.image[scene.mask > 0].min()
    assert ink > 240


def test_filling_is_the_same_for_the_same_seed_and_never_reads_what_is_hidden() -> None:
    for scene in (make_stem(1, 20), GRAPHICS["panel"](2)):
        first, second = run(scene), run(scene, scene.truth)
        assert np.array_equal(first.completion.image, second.completion.image)
        assert first.completion.estimate == second.completion.estimate


@pytest.mark.parametrize("seed", range(5))
def test_filling_repeats_nothing_that_exists_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gray = np.clip(rng.normal(120, 18, (220, 220, 1)), 0, 255).astype(np.uint8)
    picture = np.repeat(gray, 3, axis=2)
    center = (int(rng.integers(24, 196)), int(rng.integers(20, 50)))
    cv2.circle(picture, center, int(rng.integers(5, 14)), (220, 30, 30), -1)
    mask = np.zeros((220, 220), np.uint8)
    mask[90:180, 60:150] = 255
    for number in range(2):
        filled = fill(picture, mask, seed=number, quality="fast", on_step=quiet)
        inside = filled.completion.image[mask > 0].astype(int)
        assert not np.any(inside[:, 0] - inside[:, 1] > 60)


def test_filling_continues_what_exists_once_but_touches_the_hole() -> None:
    rng = np.random.default_rng(4)
    gray = np.clip(rng.normal(120, 18, (220, 220, 1)), 0, 255).astype(np.uint8)
    picture = np.repeat(gray, 3, axis=2)
    cv2.rectangle(picture, (60, 40), (160, 110), (220, 30, 30), -1)
    mask = np.zeros((220, 220), np.uint8)
    mask[100:180, 80:140] = 255
    inside = fill(picture, mask, seed=1, quality="fast", on_step=quiet).completion.image
    assert inside[100:106, 90:130, 0].mean() - inside[100:106, 90:130, 1].mean() > 60


def test_filling_copies_patches_alone_when_the_caller_says_so() -> None:
    scene = make_stem(2, 20)
    plain = fill(scene.erased, scene.mask, seed=1, quality="fast", ground="ignore", on_step=quiet)
    bare = complete(scene.erased, scene.mask, seed=1, quality="fast", strict=True, on_step=quiet)
    assert plain.details == {}
    assert np.array_equal(plain.completion.image, bare.image)
