from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from tests.support.pictures import make_blob_mask, make_rgb
from worker.engines.patch import Completion, Quality, Start, complete
from worker.reporting import Aborted

SIDES = st.sampled_from([1, 2, 3, 5, 8, 9, 10, 17, 24, 40, 65])


def quiet(_step: int, _steps: int) -> None:
    """Nobody watches."""


def run(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    seed: int = 1,
    quality: Quality = "fast",
    threads: int | None = None,
) -> Completion:
    return complete(image, mask, seed=seed, quality=quality, on_step=quiet, threads=threads)


def stripes(height: int, width: int) -> NDArray[np.uint8]:
    """Vertical stripes of 8 pixels, a little uneven."""
    row = np.where(np.arange(width) // 4 % 2, 200, 60)
    noise = np.random.default_rng(0).integers(-4, 5, (height, width))
    return np.repeat((row + noise)[..., None], 3, axis=2).astype(np.uint8)


def hole(height: int, width: int, box: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    mask[box[0] : box[1], box[2] : box[3]] = 255
    return mask


def test_completion_carries_a_texture_on() -> None:
    image = stripes(160, 160)
    mask = hole(160, 160, (50, 110, 50, 110))
    hidden = image.copy()
    hidden[mask > 0] = 0
    painted = run(hidden, mask).image
    assert np.abs(painted[mask > 0].astype(int) - image[mask > 0]).mean() < 12


def product_shot() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A green box on a gray gradient, with a soft shadow, as a JPEG; and the mask that removes it.

    The JPEG leaves a halo of the other hue around the box.
    """
    shadow = np.zeros((260, 260), np.float32)
    cv2.ellipse(shadow, (130, 210), (70, 12), 0, 0, 360, 1, -1)
    light = 1 - 0.45 * cv2.GaussianBlur(shadow, (0, 0), 9)[..., None]
    ground = np.linspace(238, 205, 260)[:, None, None] * light * np.ones(3)
    cv2.rectangle(ground, (100, 60), (160, 210), (40, 110, 70), -1)
    noise = np.random.default_rng(3).normal(0, 1.2, ground.shape)
    file = BytesIO()
    Image.fromarray((ground + noise).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return np.asarray(Image.open(file)), hole(260, 260, (50, 222, 90, 171))


@pytest.mark.parametrize("quality", ["balanced", "best"])
@pytest.mark.parametrize("seed", [1, 3])
def test_completion_piles_no_color_up(quality: Quality, seed: int) -> None:
    image, mask = product_shot()
    painted = run(image, mask, seed, quality).image
    wide = cv2.GaussianBlur(painted.astype(np.float32), (0, 0), 3)[mask > 0]
    assert np.ptp(wide, axis=1).max() < 14
    assert wide.max() < 242


def test_completion_never_reads_what_is_hidden() -> None:
    image, mask = make_rgb("texture", 120, 100, 3), make_blob_mask(120, 100, 3)
    other = image.copy()
    other[mask > 0] = 255 - other[mask > 0]
    assert np.array_equal(run(image, mask).image, run(other, mask).image)


@pytest.mark.parametrize("box", [(40, 100, 40, 100), (70, 74, 10, 140)])
def test_completion_is_the_same_for_any_number_of_threads(box: tuple[int, int, int, int]) -> None:
    image, mask = make_rgb("texture", 160, 150, 5), hole(150, 160, box)
    one = run(image, mask, threads=1, quality="balanced")
    two = run(image, mask, threads=2, quality="balanced")
    assert np.array_equal(one.image, two.image)
    assert one.estimate == two.estimate


def test_completion_differs_by_seed() -> None:
    image, mask = make_rgb("texture", 160, 150, 5), hole(150, 160, (40, 100, 40, 100))
    assert not np.array_equal(run(image, mask, seed=1).image, run(image, mask, seed=2).image)


def test_completion_copies_from_the_source_mask_only() -> None:
    image = np.zeros((96, 96, 3), np.uint8)
    image[:, :48] = (200, 0, 0)
    image[:, 48:] = (0, 0, 200)
    mask = hole(96, 96, (30, 60, 20, 76))
    allowed = np.zeros((96, 96), np.uint8)
    allowed[:, :48] = 255
    painted = complete(image, mask, seed=1, source_mask=allowed, on_step=quiet).image
    # Only a shift of a few gray values may move the copied red.
    assert painted[40:50, 25:40, 0].min() > 150
    assert painted[40:50, 25:40, 2].max() < 60


@pytest.mark.parametrize("quality", ["fast", "balanced", "best"])
@pytest.mark.parametrize("seed", range(4))
def test_completion_copies_no_pixel_that_is_forbidden(quality: Quality, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = np.clip(rng.normal((60, 140, 60), 8, (120, 120, 3)), 0, 255).astype(np.uint8)
    sources = np.full((120, 120), 255, np.uint8)
    size, gap = int(rng.integers(1, 5)), int(rng.integers(5, 14))
    for y in range(0, 120, gap):
        for x in range(int(rng.integers(gap)), 120, gap):
            image[y : y + size, x : x + size] = (220, 30, 30)
            sources[y : y + size, x : x + size] = 0
    mask = hole(120, 120, (40, 80, 35, 85))
    done = complete(
        image,
        mask,
        seed=seed,
        quality=quality,
        source_mask=sources,
        strict=True,
        on_step=quiet,
    )
    inside = done.image[mask > 0].astype(int)
    assert (inside[:, 0] - inside[:, 1]).max() < 0
    assert abs(inside.mean(axis=0) - (60, 140, 60)).max() < 10


def test_completion_does_not_shine_with_what_is_forbidden_around_the_hole() -> None:
    image = np.full((96, 96, 3), (60, 140, 60), np.uint8)
    image[30:70, 30:70] = (220, 30, 30)
    mask = hole(96, 96, (40, 60, 40, 60))
    sources = np.full((96, 96), 255, np.uint8)
    sources[28:72, 28:72] = 0
    painted = complete(image, mask, seed=1, source_mask=sources, strict=True, on_step=quiet).image
    assert abs(painted[mask > 0].astype(int) - (60, 140, 60)).max() <= 12


def test_completion_fills_smoothly_without_what_is_forbidden() -> None:
    image = np.full((80, 80, 3), (220, 30, 30), np.uint8)
    image[0:3, 0:3] = (60, 140, 60)
    sources = np.zeros((80, 80), np.uint8)
    sources[0:3, 0:3] = 255
    mask = hole(80, 80, (30, 50, 30, 50))
    done = complete(image, mask, seed=1, source_mask=sources, strict=True, on_step=quiet)
    assert done.reason is not None
    assert abs(done.image[mask > 0].astype(int) - (60, 140, 60)).max() <= 1


def test_completion_begins_with_offsets() -> None:
    image = stripes(96, 128)
    mask = hole(96, 128, (0, 96, 96, 128))
    hidden = image.copy()
    hidden[mask > 0] = 0
    offsets = np.zeros((96, 128, 2), np.int32)
    offsets[..., 1] = -32
    start = Start(level=0, offsets=offsets)
    painted = complete(hidden, mask, seed=1, start=start, on_step=quiet).image
    assert np.abs(painted[mask > 0].astype(int) - image[mask > 0]).mean() < 8


def test_completion_counts_to_the_end_and_never_back() -> None:
    image, mask = make_rgb("texture", 160, 150, 5), make_blob_mask(160, 150, 5)
    steps: list[tuple[int, int]] = []
    complete(image, mask, seed=1, on_step=lambda step, total: steps.append((step, total)))
    assert [step for step, _ in steps] == sorted(step for step, _ in steps)
    assert steps[0][0] == 0
    assert steps[-1][0] == steps[-1][1]


@pytest.mark.parametrize("after", [0, 1, 20])
def test_completion_stops_when_told_and_can_begin_again(after: int) -> None:
    image, mask = make_rgb("texture", 160, 150, 5), hole(150, 160, (40, 100, 40, 100))
    before = run(image, mask).image
    left = [after]

    def abort(_step: int, _steps: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Aborted

    with pytest.raises(Aborted):
        complete(image, mask, seed=1, on_step=abort)
    assert np.array_equal(run(image, mask).image, before)


def test_completion_trusts_a_narrow_hole_more_than_a_wide_one() -> None:
    image = make_rgb("texture", 160, 150, 5)
    narrow = run(image, hole(150, 160, (70, 73, 40, 120)))
    wide = run(image, hole(150, 160, (30, 120, 30, 130)))
    assert narrow.estimate > wide.estimate + 0.1


def test_completion_says_why_it_fell_back() -> None:
    image = make_rgb("texture", 20, 20, 1)
    mask = np.full((20, 20), 255, np.uint8)
    assert "nothing" in str(run(image, mask).reason)
    mask[:2, :3] = 0
    assert run(image, mask).reason is not None


@settings(max_examples=60)
@given(data=st.data(), height=SIDES, width=SIDES, seed=st.integers(0, 2**32 - 1))
def test_completion_bears_anything(data: st.DataObject, height: int, width: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = (random.random((height, width)) < data.draw(st.floats(0, 1))).astype(np.uint8) * 255
    if data.draw(st.booleans()):
        mask[0], mask[-1], mask[:, 0], mask[:, -1] = 255, 255, 255, 255
    is_constant = data.draw(st.booleans())
    image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    if is_constant:
        image[:] = image[0, 0]
    sources = random.integers(0, 2, mask.shape, dtype=np.uint8) * 255
    completion = complete(
        image,
        mask,
        seed=seed,
        quality=data.draw(st.sampled_from(["fast", "balanced", "best"])),
        source_mask=sources if data.draw(st.booleans()) else None,
        on_step=quiet,
    )
    assert completion.image.shape == image.shape
    assert completion.image.dtype == np.uint8
    assert np.array_equal(completion.image[mask == 0], image[mask == 0])
    assert 0 <= completion.estimate <= 1
    if is_constant and (mask == 0).any():
        assert np.array_equal(completion.image, image)
