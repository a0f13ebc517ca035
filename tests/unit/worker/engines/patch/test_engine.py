from __future__ import annotations

import cv2
import numpy as np
import pytest

from service.contract.params import InpaintParams
from tests.support.pictures import make_blob_mask, make_rgb
from worker.engines.base import Canvas
from worker.engines.patch import PatchEngine, Quality
from worker.imaging import ImageArray, MaskArray

FAST = InpaintParams(quality="fast")


def canvas_of(seed: int) -> Canvas:
    image = make_rgb("texture", 90, 70, seed)
    return Canvas(image, make_blob_mask(90, 70, seed), FAST, seed)


def ignore(_step: int, _steps: int) -> None:
    pass


def test_patch_engine_names_itself_in_the_recipe() -> None:
    engine = PatchEngine()
    assert engine.load().engine == "patch"
    assert engine.load() == engine.load()


def test_patch_engine_paints_a_call_as_it_paints_singly() -> None:
    engine = PatchEngine()
    canvases = [canvas_of(seed) for seed in range(3)]
    together = engine.paint(canvases, ignore)
    for canvas, painted in zip(canvases, together, strict=True):
        [single] = engine.paint([canvas], ignore)
        assert np.array_equal(single.image, painted.image)
        assert single.estimate == painted.estimate


def test_patch_engine_counts_over_the_call() -> None:
    steps: list[tuple[int, int]] = []
    PatchEngine().paint(
        [canvas_of(0), canvas_of(1)], lambda step, total: steps.append((step, total))
    )
    assert {total for _, total in steps} == {2000}
    assert [step for step, _ in steps] == sorted(step for step, _ in steps)
    assert steps[-1] == (2000, 2000)


def test_patch_engine_keeps_gray_gray() -> None:
    canvas = canvas_of(4)
    gray = np.repeat(canvas.image[..., :1], 3, axis=2)
    [painted] = PatchEngine().paint([Canvas(gray, canvas.mask, FAST, 4)], ignore)
    assert np.array_equal(painted.image[..., 0], painted.image[..., 2])


def test_patch_engine_copies_only_from_the_source_mask() -> None:
    image = np.full((90, 120, 3), 128, np.uint8)
    image[:, :60] = np.where(np.arange(60) % 8 < 4, 30, 220)[None, :, None]
    mask = np.zeros((90, 120), np.uint8)
    mask[35:55, 75:95] = 255
    stripes = np.zeros_like(mask)
    stripes[:, :60] = 255
    spreads = []
    for source_mask in (None, stripes):
        canvas = Canvas(image, mask, FAST, 0, source_mask=source_mask)
        [painted] = PatchEngine().paint([canvas], ignore)
        spreads.append(painted.image[40:50, 80:90].std())
    # What is copied shows in its detail: its color is fitted to the rim of the hole.
    assert spreads[0] < 2
    assert spreads[1] > 20


def test_patch_engine_tells_when_there_is_nothing_to_copy() -> None:
    canvas = canvas_of(0)
    mask = np.full_like(canvas.mask, 255)
    mask[:3, :3] = 0
    [painted] = PatchEngine().paint([Canvas(canvas.image, mask, FAST, 0)], ignore)
    assert [warning.code for warning in painted.warnings] == ["simpler_fill"]


def draw_forbidden(seed: int) -> tuple[ImageArray, MaskArray, MaskArray]:
    """Return a picture without red but where it may not be copied, its mask, and its sources."""
    rng = np.random.default_rng(seed)
    image = np.full((120, 160, 3), (200, 220, 200), np.uint8)
    image[70:] = (40, 140, 60)
    if seed % 2:
        image = make_rgb("texture", 160, 120, seed) // 3 + np.array((0, 120, 0), np.uint8)
    forbidden, mask = np.zeros((2, 120, 160), np.uint8)
    for _ in range(int(rng.integers(1, 9))):
        x, y, to_x, to_y = (int(place) for place in rng.integers(0, 120, 4))
        cv2.line(forbidden, (x, y), (to_x, to_y), 255, int(rng.integers(1, 9)))
        cv2.circle(forbidden, (to_y, x), int(rng.integers(2, 12)), 255, -1)
    image[forbidden > 0] = (230, 20, 40)
    cv2.circle(mask, (80, int(rng.integers(40, 80))), int(rng.integers(6, 35)), 255, -1)
    return image, mask, np.asarray(255 - forbidden, np.uint8)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("has_alpha", [False, True])
def test_patch_engine_copies_no_forbidden_pixel(seed: int, has_alpha: bool) -> None:
    image, mask, sources = draw_forbidden(seed)
    if has_alpha:
        image = np.dstack((image, np.full((120, 160), 255, np.uint8)))
        image[:, 150:] = 0
    quality: tuple[Quality, ...] = ("fast", "balanced", "best")
    params = InpaintParams(quality=quality[seed % 3])
    [painted] = PatchEngine().paint([Canvas(image, mask, params, seed, None, sources)], ignore)
    inside = painted.image[mask > 0].astype(int)
    assert (inside[:, 0] <= inside[:, 1]).all()
