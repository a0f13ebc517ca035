from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.weightfree.masks import INPAINT_MASKS, OUTPAINT_MASKS, make_mask

SHARES = {
    "blobs10": 0.10,
    "blobs15": 0.15,
    "blobs25": 0.25,
    "object": 0.08,
    "rect": 0.25,
    "strokes": 0.30,
    "text": 0.23,
    "lr": 1 / 3,
    "right": 0.25,
    "all": 0.4375,
}


@pytest.mark.parametrize("kind", [*INPAINT_MASKS, *OUTPAINT_MASKS])
@pytest.mark.parametrize(("height", "width"), [(512, 512), (300, 451), (342, 512)])
def test_mask_covers_its_share(kind: str, height: int, width: int) -> None:
    mask = make_mask(kind, height, width, 1)
    assert mask.shape == (height, width)
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 255}
    assert np.mean(mask > 0) == pytest.approx(SHARES[kind], abs=0.02)


@pytest.mark.parametrize("kind", INPAINT_MASKS)
def test_mask_follows_its_seed(kind: str) -> None:
    first, again = (make_mask(kind, 256, 256, 5) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, make_mask(kind, 256, 256, 6))


@pytest.mark.parametrize("pixels", [1, 500, 10_000])
def test_hole_has_exactly_its_pixels_in_one_piece(pixels: int) -> None:
    mask = make_mask(f"hole:{pixels}", 200, 320, 3)
    assert np.count_nonzero(mask) == pixels
    pieces = cv2.connectedComponentsWithStats(mask)[2][1:, cv2.CC_STAT_AREA]
    assert pieces.max() > 0.97 * pixels


@pytest.mark.parametrize("kind", OUTPAINT_MASKS)
def test_outpaint_mask_keeps_one_rectangle(kind: str) -> None:
    kept = (make_mask(kind, 240, 360, 0) == 0).astype(np.uint8)
    _, _, width, height = cv2.boundingRect(kept)
    assert np.count_nonzero(kept) == width * height


def test_mask_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(KeyError):
        make_mask("stars", 64, 64, 0)
