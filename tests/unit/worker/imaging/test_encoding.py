from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from service.contract.errors import InvalidField
from service.contract.params import OutputFormat
from tests.support.corpus import see_with_pillow
from tests.support.pictures import encode, make_alpha, make_image, make_profile, make_rgb
from worker.imaging.decoding import decode_picture
from worker.imaging.encoding import encode_picture
from worker.imaging.picture import Picture
from worker.imaging.transparency import lay_on_white

LIMIT = 1_000_000
MODES = ["L", "LA", "RGB", "RGBA"]


def _picture(mode: str, profile: bytes | None = None) -> Picture:
    return decode_picture(encode(make_image(mode, 70, 50), icc_profile=profile), LIMIT)


@pytest.mark.parametrize("has_profile", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_encode_picture_comes_back_equal_when_png(mode: str, has_profile: bool) -> None:
    profile = make_profile(mode) if has_profile else None
    picture = _picture(mode, profile)
    encoded = encode_picture(picture, "png")
    back = decode_picture(encoded, LIMIT)
    assert back.mode == mode
    assert back.icc_profile == profile
    assert np.array_equal(back.channels(), picture.channels())
    assert np.array_equal(see_with_pillow(encoded), picture.channels())


@pytest.mark.parametrize("mode", MODES)
def test_encode_picture_comes_back_equal_when_webp_is_lossless(mode: str) -> None:
    picture = _picture(mode, make_profile())
    back = decode_picture(encode_picture(picture, "webp", lossless=True), LIMIT)
    assert np.array_equal(back.color, picture.rgb())
    assert back.icc_profile == picture.icc_profile
    if picture.alpha is not None:
        assert back.alpha is not None
        assert np.array_equal(back.alpha, picture.alpha)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 9), (9, 1), (7, 300), (513, 2)])
@pytest.mark.parametrize("mode", MODES)
def test_encode_picture_keeps_small_and_odd_sizes(mode: str, width: int, height: int) -> None:
    picture = decode_picture(encode(make_image(mode, width, height)), LIMIT)
    encoded = encode_picture(picture, "png")
    assert np.array_equal(see_with_pillow(encoded), picture.channels())
    assert decode_picture(encoded, LIMIT).mode == mode


@pytest.mark.parametrize(("output_format", "lossless"), [("png", False), ("webp", True)])
def test_encode_picture_keeps_colors_under_alpha_0(
    output_format: OutputFormat, lossless: bool
) -> None:
    alpha = make_alpha(70, 50)
    alpha[:25] = 0
    picture = Picture(make_rgb("texture", 70, 50), alpha)
    encoded = encode_picture(picture, output_format, lossless=lossless)
    assert np.array_equal(decode_picture(encoded, LIMIT).channels(), picture.channels())
    assert np.array_equal(see_with_pillow(encoded), picture.channels())


@pytest.mark.parametrize("mode", MODES)
def test_encode_picture_writes_a_png_that_passes_its_check_sums(mode: str) -> None:
    with Image.open(BytesIO(encode_picture(_picture(mode, make_profile()), "png"))) as image:
        image.verify()


@pytest.mark.parametrize("output_format", ["jpeg", "webp", "avif"])
@pytest.mark.parametrize("mode", MODES)
def test_encode_picture_comes_back_near_when_lossy(mode: str, output_format: OutputFormat) -> None:
    picture = _picture(mode, make_profile())
    expected = lay_on_white(picture) if output_format == "jpeg" else picture
    profile = picture.carry_colors(output_format).profile
    assert profile is not None
    with Image.open(BytesIO(encode_picture(picture, output_format, 95))) as image:
        assert image.format == output_format.upper()
        assert image.info["icc_profile"] == profile
        back = np.asarray(image.convert("RGBA"))
    assert np.abs(back[..., :3].astype(int) - expected.rgb()).mean() < 8
    if output_format != "jpeg" and picture.alpha is not None:
        assert np.abs(back[..., 3].astype(int) - picture.alpha).mean() < 3


@pytest.mark.parametrize("output_format", ["jpeg", "webp", "avif"])
def test_encode_picture_gets_smaller_when_quality_falls(output_format: OutputFormat) -> None:
    picture = _picture("RGB")
    small, large = (encode_picture(picture, output_format, quality) for quality in (30, 95))
    assert len(small) < len(large)


@pytest.mark.parametrize(
    ("output_format", "limit"), [("webp", 16_383), ("jpeg", 65_500), ("avif", 32_768)]
)
def test_encode_picture_holds_the_longest_side_and_refuses_a_longer_one(
    output_format: OutputFormat, limit: int
) -> None:
    whole = encode_picture(Picture(np.zeros((16, limit), np.uint8)), output_format)
    with Image.open(BytesIO(whole)) as image:
        assert image.size == (limit, 16)
    with pytest.raises(InvalidField, match=str(limit)):
        encode_picture(Picture(np.zeros((16, limit + 1), np.uint8)), output_format)


def test_encode_picture_keeps_flat_graphics_small() -> None:
    flat = np.zeros((512, 512, 3), np.uint8)
    flat[100:200, 50:400] = (250, 120, 3)
    assert len(encode_picture(Picture(flat), "png")) < 20_000


def test_lay_on_white_mixes_by_alpha() -> None:
    color = np.array([[[0, 100, 200]] * 3], np.uint8)
    alpha = np.array([[0, 51, 255]], np.uint8)
    flat = lay_on_white(Picture(color, alpha)).color
    assert flat[0].tolist() == [[255, 255, 255], [204, 224, 244], [0, 100, 200]]


@pytest.mark.parametrize("mode", MODES)
def test_encode_picture_writes_texts_beside_the_pixels(mode: str) -> None:
    picture, said = _picture(mode, make_profile(mode)), '{"scheduler":"Euler, größer"}'
    encoded = encode_picture(picture, "png", texts={"paintjob": said, "second": ""})
    with Image.open(BytesIO(encoded)) as image:
        image.load()
        assert image.text == {"paintjob": said, "second": ""}  # type: ignore[attr-defined]
    back = decode_picture(encoded, LIMIT)
    assert np.array_equal(back.channels(), picture.channels())
    assert back.icc_profile == picture.icc_profile
    assert encode_picture(picture, "png", texts={}) == encode_picture(picture, "png")


def test_encode_picture_leaves_texts_out_where_there_is_no_place() -> None:
    picture = _picture("RGB")
    formats: tuple[OutputFormat, ...] = ("jpeg", "webp")
    for output_format in formats:
        said = encode_picture(picture, output_format, texts={"paintjob": "secret"})
        assert said == encode_picture(picture, output_format)
