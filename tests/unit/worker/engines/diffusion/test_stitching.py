from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.support.pictures import make_blob_mask, make_box_mask, make_rgb
from worker.engines.diffusion.framing import make_frame
from worker.engines.diffusion.stitching import stitch
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

SIZES = [(320, 240), (640, 480), (160, 112), (208, 160), (480, 352)]


def smooth(width: int = 320, height: int = 240) -> ImageArray:
    """A picture that a change of size does little to."""
    texture = (make_rgb("texture", width, height) * 0.7 + 38).astype(np.uint8)
    return to_uint8(cv2.GaussianBlur(texture, (0, 0), 3))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cell", [8, 16])
def test_stitch_brings_back_what_was_painted_to_its_very_place(
    size: tuple[int, int], cell: int
) -> None:
    truth, hole = smooth(), make_box_mask(320, 240, (90, 70, 190, 150))
    frame = make_frame(truth, hole, size, cell)
    drifted = (frame.image.astype(np.float32) - 128) * 0.95 + 128 + 9
    picture = truth.copy()
    picture[hole > 0] = 0
    stitch(picture, hole, to_uint8(drifted.round().astype(np.uint8)), frame.mask, cell)
    assert np.array_equal(picture[hole == 0], truth[hole == 0])
    error = np.abs(picture.astype(int) - truth)[hole > 0]
    assert error.mean() < 1.5 and error.max() < 12


def test_stitch_measures_drift_only_where_the_model_had_to_keep() -> None:
    truth, hole = smooth(), make_box_mask(320, 240, (90, 70, 190, 150))
    frame = make_frame(truth, hole, (320, 240), 16)
    painted = frame.image.copy()
    # Around the hole, within its cells, it paints what has more contrast.
    made_up = frame.mask > 0
    painted[made_up] = np.clip((painted[made_up].astype(int) - 128) * 2 + 128, 0, 255)
    picture = truth.copy()
    stitch(picture, hole, painted, frame.mask, 16)
    assert np.array_equal(picture[hole == 0], truth[hole == 0])
    # The contrast is kept: nothing that had to be kept shows another.
    inside = make_box_mask(320, 240, (110, 90, 170, 130)) > 0
    assert picture[inside].std() > 1.6 * truth[inside].std()


@pytest.mark.parametrize(
    "hole",
    [
        make_box_mask(320, 240, (0, 0, 1, 1)),
        make_box_mask(320, 240, (319, 100, 320, 101)),
        make_box_mask(320, 240, (0, 0, 320, 120)),
        make_blob_mask(320, 240),
        255 - make_box_mask(320, 240, (7, 9, 100, 30)),
        255 - make_box_mask(320, 240, (7, 9, 8, 10)),
    ],
)
def test_stitch_writes_nothing_outside_the_hole(hole: np.ndarray) -> None:
    image = make_rgb("graphics", 320, 240)
    whole = np.zeros((300, 400, 3), np.uint8)
    crop = whole[20:260, 30:350]
    crop[:] = image
    frame = make_frame(image, hole, (256, 192), 16)
    painted = make_rgb("texture", 256, 192, seed=5)
    stitch(crop, hole, painted, frame.mask, 16)
    assert np.array_equal(crop[hole == 0], image[hole == 0])
    assert not np.array_equal(crop[hole > 0], image[hole > 0])
    crop[:] = 0
    assert not whole.any()
