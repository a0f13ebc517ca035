from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from service.contract.errors import InvalidField
from service.contract.params import OutputFormat
from tests.support.pictures import encode, make_image, make_profile
from worker.imaging.decoding import decode_picture
from worker.imaging.encoding import encode_picture, lay_on_white
from worker.imaging.picture import Picture

LIMIT = 1_000_000


@pytest.mark.parametrize("profile", [None, make_profile()], ids=["plain", "profile"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_encode_picture_comes_back_equal_when_png(mode: str, profile: bytes | None) -> None:
    picture = decode_picture(encode(make_image(mode, 70, 50), icc_profile=profile), LIMIT)
    back = decode_picture(encode_picture(picture, "png"), LIMIT)
    assert back.mode == mode
    assert back.icc_profile == profile
    assert np.array_equal(back.channels(), picture.channels())


def test_encode_picture_writes_a_png_that_passes_its_check_sums() -> None:
    picture = Picture(np.asarray(make_image("RGB", 70, 50)).copy(), None, make_profile())
    with Image.open(BytesIO(encode_picture(picture, "png"))) as image:
        image.verify()


@pytest.mark.parametrize("output_format", ["jpeg", "webp"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_encode_picture_comes_back_near_when_lossy(mode: str, output_format: OutputFormat) -> None:
    source = encode(make_image(mode, 70, 50), icc_profile=make_profile())
    picture = decode_picture(source, LIMIT)
    back = decode_picture(encode_picture(picture, output_format, 95), LIMIT)
    expected = lay_on_white(picture) if output_format == "jpeg" else picture
    assert back.icc_profile == picture.icc_profile
    assert np.abs(back.rgb().astype(int) - expected.rgb()).mean() < 8
    if output_format == "webp" and picture.alpha is not None:
        assert np.array_equal(back.channels()[..., -1], picture.alpha)


def test_encode_picture_gets_smaller_when_quality_falls() -> None:
    picture = decode_picture(encode(make_image("RGB", 70, 50)), LIMIT)
    assert len(encode_picture(picture, "jpeg", 30)) < len(encode_picture(picture, "jpeg", 95))


def test_encode_picture_refuses_a_side_that_the_format_cannot_hold() -> None:
    picture = Picture(np.zeros((2, 16_384), np.uint8))
    with pytest.raises(InvalidField, match="16383"):
        encode_picture(picture, "webp")


def test_lay_on_white_mixes_by_alpha() -> None:
    color = np.array([[[0, 100, 200]] * 3], np.uint8)
    alpha = np.array([[0, 51, 255]], np.uint8)
    flat = lay_on_white(Picture(color, alpha)).color
    assert flat[0].tolist() == [[255, 255, 255], [204, 224, 244], [0, 100, 200]]
