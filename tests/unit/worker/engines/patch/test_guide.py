from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.patch import Guide, complete

SIGMA = 4.0


def quiet(_step: int, _steps: int) -> None:
    """Nobody watches."""


def scene() -> tuple[NDArray[np.uint8], NDArray[np.uint8], Guide]:
    """Grain that grows brighter to the right, a hole, and a guide that shows an arc in it.

    Nothing outside the hole tells of the arc.
    """
    noise = np.random.default_rng(1).normal(0, 14, (160, 200))
    truth = np.linspace(60, 190, 200)[None] + noise
    hole = np.zeros((160, 200), np.uint8)
    hole[40:120, 50:150] = 255
    arc = np.zeros_like(hole)
    cv2.ellipse(arc, (100, 110), (40, 50), 0, 180, 360, (255,), 14)
    truth = np.where((arc & hole) != 0, truth - 45, truth).clip(0, 255).astype(np.uint8)
    image = np.ascontiguousarray(np.dstack((truth, truth, truth)), np.uint8)
    low = np.where(hole[..., None] != 0, cv2.GaussianBlur(image, (0, 0), SIGMA), image)
    hidden: NDArray[np.uint8] = image.copy()
    hidden[hole != 0] = 0
    return hidden, hole, Guide(low.astype(np.uint8), SIGMA)


def blurred(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), SIGMA), np.float32)


def grain(image: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    return float(np.std((image - blurred(image))[where]))


def test_guided_completion_shows_what_the_guide_shows_with_the_detail_of_the_picture() -> None:
    image, hole, guide = scene()
    inside = hole != 0
    done = complete(image, hole, seed=1, guide=guide, on_step=quiet).image
    assert np.array_equal(done[~inside], image[~inside])
    off = np.abs(blurred(done) - blurred(guide.picture))[inside]
    assert off.mean() < 1.5
    # Without the guide the arc is not there.
    bare = complete(image, hole, seed=1, on_step=quiet).image
    assert np.abs(blurred(bare) - blurred(guide.picture))[inside].mean() > 4 * off.mean()
    assert 0.8 < grain(done, inside) / grain(image, ~inside) < 1.2
    assert grain(guide.picture, inside) < 0.2 * grain(image, ~inside)


def test_guided_completion_is_the_same_for_any_number_of_threads_and_beside_opaque_alpha() -> None:
    image, hole, guide = scene()
    done = [
        complete(image, hole, seed=1, guide=guide, on_step=quiet, threads=threads).image
        for threads in (1, 3)
    ]
    assert np.array_equal(done[0], done[1])
    alpha = np.full(hole.shape, 255, np.uint8)
    with_alpha = Guide(np.dstack((guide.picture, alpha)), guide.sigma)
    both = complete(np.dstack((image, alpha)), hole, seed=1, guide=with_alpha, on_step=quiet).image
    assert np.array_equal(both[..., :3], done[0])
