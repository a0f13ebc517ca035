from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from service.contract.finders import GRABCUT
from worker.engines.finders.base import Query
from worker.engines.finders.grabcut.finder import GrabCutFinder
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8


def test_finds_a_thing_without_its_shadow_when_the_ground_is_graded() -> None:
    picture, truth = _draw_product(320, 240)

    found = _find(picture, Query("subject", 0.25))

    assert _overlap(found, truth) >= 0.97


def test_finds_all_but_the_subject_when_asked_for_the_background() -> None:
    picture, truth = _draw_product(320, 240)

    found = _find(picture, Query("background", 0.25))

    assert _overlap(found, to_uint8(255 - truth)) >= 0.97


def test_follows_the_edge_at_full_size_when_the_picture_is_large() -> None:
    picture, truth = _draw_product(1000, 750)

    found = _find(picture, Query("subject", 0.25))

    assert _overlap(found, truth) >= 0.995


def test_finds_the_thing_in_a_box_when_others_stand_beside_it() -> None:
    picture, truth = _draw_product(320, 240)
    cv2.rectangle(picture, (10, 20), (45, 220), (30, 160, 60), -1)

    found = _find(picture, Query("box", 0.25, box=(95.0, 55.0, 230.0, 200.0)))

    assert _overlap(found, truth) >= 0.95


def test_finds_nothing_when_nothing_stands_out() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3))

    assert _find(to_uint8(noise.astype(np.uint8)), Query("subject", 0.25)) == []
    assert _find(np.full((200, 300, 3), 90, np.uint8), Query("subject", 0.25)) == []


def test_finds_nothing_when_the_box_is_all_of_the_picture() -> None:
    picture, _ = _draw_product(320, 240)

    assert _find(picture, Query("box", 0.25, box=(0.0, 0.0, 320.0, 240.0))) == []


def test_finds_the_same_when_asked_again() -> None:
    picture, _ = _draw_product(320, 240)

    first, second = (_find(picture, Query("subject", 0.25)) for _ in range(2))

    assert first[0].score == second[0].score
    assert (first[0].mask == second[0].mask).all()


def test_is_stopped_between_its_parts_when_the_job_is_not_wanted() -> None:
    def stop(step: int, _steps: int) -> None:
        if step == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        GrabCutFinder(GRABCUT).find(_draw_product(64, 48)[0], Query("subject", 0.25), stop)


def _find(picture: ImageArray, query: Query) -> list[Any]:
    picture.flags.writeable = False
    return GrabCutFinder(GRABCUT).find(picture, query, lambda _step, _steps: None)


def _draw_product(width: int, height: int) -> tuple[ImageArray, MaskArray]:
    """Return a red disk with a soft shadow on a graded ground, and where the disk is."""
    center, radius = (width // 2, height // 2), height // 4
    ground = np.linspace(250, 200, height, dtype=np.float32)[:, None, None]
    ground = np.broadcast_to(ground, (height, width, 3)).copy()
    shadow = np.zeros((height, width), np.float32)
    below = (center[0] + radius // 3, center[1] + radius)
    cv2.ellipse(shadow, below, (radius, radius // 4), 0, 0, 360, 0.4, -1)
    ground *= 1 - cv2.GaussianBlur(shadow, (0, 0), height / 32)[..., None]
    cv2.circle(ground, center, radius, (180, 40, 50), -1, cv2.LINE_AA)
    noise = np.random.default_rng(0).normal(0, 1.5, ground.shape)
    truth = np.zeros((height, width), np.uint8)
    cv2.circle(truth, center, radius, 255, -1)
    return to_uint8((ground + noise).clip(0, 255).round().astype(np.uint8)), to_uint8(truth)


def _overlap(found: list[Any], truth: MaskArray) -> float:
    whole = np.zeros_like(truth)
    for one in found:
        box = one.box
        whole[box.top : box.bottom, box.left : box.right] |= one.mask
    both, either = (whole & truth) > 0, (whole | truth) > 0
    return float(both.sum() / either.sum())
