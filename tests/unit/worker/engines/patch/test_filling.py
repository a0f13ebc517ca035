from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.pages import GRAPHICS, make_button
from tests.support.scenes import Pixels, Scene, as_jpeg, make_horizon, make_stem, share_off
from worker.engines.patch.filling import Filled, fill


def quiet(_step: int, _steps: int) -> None:
    """Nobody watches."""


def run(scene: Scene, image: Pixels | None = None, seed: int = 1) -> Filled:
    given = scene.erased if image is None else np.where(scene.mask[..., None] > 0, 7, image)
    return fill(given.astype(np.uint8), scene.mask, seed=seed, quality="fast", on_step=quiet)


def colors_of(image: Pixels) -> set[tuple[int, ...]]:
    return {tuple(color) for color in np.unique(image.reshape(-1, 3), axis=0).tolist()}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", GRAPHICS)
def test_filling_carries_a_graphic_on_to_the_pixel(kind: str, seed: int) -> None:
    scene = GRAPHICS[kind](seed)
    filled = run(scene)
    assert filled.details.keys() & {"palette", "ground"}
    assert share_off(filled.completion.image, scene, 16) <= 0.02
    assert colors_of(filled.completion.image) <= colors_of(scene.truth)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", GRAPHICS)
def test_filling_carries_a_jpeg_of_a_graphic_on(kind: str, seed: int) -> None:
    drawn = GRAPHICS[kind](seed)
    scene = replace(drawn, truth=as_jpeg(drawn.truth, 90))
    # Thin lines are of other colors in the JPEG; the steps of a slope are blurred there.
    right = drawn if kind == "slope" else scene
    assert share_off(run(scene).completion.image, right, 24) <= 0.04


@pytest.mark.parametrize("seed", range(12))
def test_filling_carries_a_drawn_horizon_on(seed: int) -> None:
    scene = make_horizon(seed, is_drawn=True)
    filled = run(scene)
    assert share_off(filled.completion.image, scene, 16) <= 0.02
    assert colors_of(filled.completion.image) <= colors_of(scene.truth)


@pytest.mark.parametrize("seed", range(6))
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
