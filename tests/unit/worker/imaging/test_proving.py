from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from service.contract.errors import KeptPixelsChanged
from tests.support.pictures import encode, make_box_mask, make_image
from worker.imaging.decoding import decode_picture
from worker.imaging.encoding import encode_picture
from worker.imaging.picture import Picture
from worker.imaging.proving import compare, prove

MASK = make_box_mask(70, 50, (20, 10, 40, 30))


def picture_of(mode: str, width: int = 70, height: int = 50) -> Picture:
    return decode_picture(encode(make_image(mode, width, height)), 1_000_000)


def change(picture: Picture, row: int, column: int, channel: int, by: int = 1) -> Picture:
    channels = np.atleast_3d(picture.channels()).copy()
    channels[row, column, channel] ^= by
    color = channels[..., 0] if picture.is_gray else channels[..., :3]
    alpha = None if picture.alpha is None else channels[..., -1].copy()
    return Picture(color.copy(), alpha)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_prove_counts_nothing_when_only_the_hole_changed(mode: str) -> None:
    picture = picture_of(mode)
    encoded = encode_picture(change(picture, 15, 25, 0), "png")
    proof = prove(picture, MASK, encoded, "png", lossless=True)
    assert proof.kept_pixels == 70 * 50 - 400
    assert proof.kept_pixels_changed == 0
    assert proof.touched_box == [20, 10, 40, 30]


@pytest.mark.parametrize(
    ("mode", "channel"), [("L", 0), ("LA", 0), ("LA", 1), ("RGB", 2), ("RGBA", 1), ("RGBA", 3)]
)
def test_prove_fails_when_one_bit_of_a_kept_pixel_changed(mode: str, channel: int) -> None:
    picture = picture_of(mode)
    encoded = encode_picture(change(picture, 30, 40, channel), "png")
    with pytest.raises(KeptPixelsChanged, match="1 of 3100"):
        prove(picture, MASK, encoded, "png", lossless=True)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_prove_takes_a_lossless_format_that_knows_no_gray(mode: str) -> None:
    picture = picture_of(mode)
    encoded = encode_picture(picture, "webp", lossless=True)
    assert prove(picture, MASK, encoded, "webp", lossless=True).kept_pixels_changed == 0


@pytest.mark.parametrize("row", [0, 255, 256, 699])
def test_prove_looks_at_every_row(row: int) -> None:
    picture = picture_of("RGB", 64, 700)
    mask = make_box_mask(64, 700, (20, 10, 40, 30))
    encoded = encode_picture(change(picture, row, 63, 2), "png")
    with pytest.raises(KeptPixelsChanged, match=r"^1 of"):
        prove(picture, mask, encoded, "png", lossless=True)


def test_prove_turns_the_output_as_its_receiver_will() -> None:
    picture = picture_of("RGB", 70, 70)
    mask = make_box_mask(70, 70, (20, 10, 40, 30))
    exif = Image.Exif()
    exif[0x0112] = 3
    encoded = encode(picture.color, exif=exif)
    with pytest.raises(KeptPixelsChanged):
        prove(picture, mask, encoded, "png", lossless=True)


def test_prove_fails_when_the_mode_changed() -> None:
    gray = picture_of("L")
    encoded = encode_picture(Picture(gray.rgb()), "png")
    with pytest.raises(KeptPixelsChanged):
        prove(gray, MASK, encoded, "png", lossless=True)


def test_prove_fails_when_the_size_changed() -> None:
    encoded = encode_picture(picture_of("RGB", 50, 70), "jpeg")
    with pytest.raises(KeptPixelsChanged):
        prove(picture_of("RGB"), MASK, encoded, "jpeg", lossless=False)


def test_prove_reports_what_a_lossy_format_did() -> None:
    picture = picture_of("RGB")
    proof = prove(picture, MASK, encode_picture(picture, "jpeg", 60), "jpeg", lossless=False)
    assert 0 < proof.kept_pixels_changed <= proof.kept_pixels
    assert 0 < proof.max_difference < 255


def test_compare_counts_pixels_and_the_largest_difference() -> None:
    picture = picture_of("RGB")
    changed = change(change(picture, 0, 0, 0, 128), 0, 0, 1, 1)
    proof = compare(picture, MASK, encode_picture(changed, "png"), "png")
    assert (proof.kept_pixels_changed, proof.max_difference) == (1, 128)


def test_compare_counts_lost_alpha() -> None:
    picture = picture_of("RGBA")
    opaque = Picture(picture.color.copy())
    proof = compare(picture, MASK, encode_picture(opaque, "webp", lossless=True), "webp")
    assert picture.alpha is not None
    assert proof.kept_pixels_changed == (picture.alpha[MASK == 0] < 255).sum()
