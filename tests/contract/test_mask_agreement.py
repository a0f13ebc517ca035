"""The API and the worker read a mask alike: what is warned about and echoed is what is painted."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from service.contract.masks import inspect_mask
from service.contract.params import MaskPolarity
from tests.support.http import encode
from worker.imaging.masks import bounding_box, coverage, decode_mask

SIZE = (96, 64)


def _soft() -> Image.Image:
    ramp = Image.linear_gradient("L").resize(SIZE)
    ImageDraw.Draw(ramp).rectangle((5, 5, 40, 30), fill=255)
    return ramp


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 8
    return encode(_soft().transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif)


def _on_nothing() -> bytes:
    image = Image.new("RGBA", SIZE, (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (10, 10, 50, 50))
    return encode(image)


FILES = {
    "gray": encode(_soft()),
    "color": encode(_soft().convert("RGB")),
    "bilevel": encode(_soft().convert("1")),
    "palette": encode(_soft().convert("RGB").quantize(16)),
    "jpeg": encode(_soft(), "JPEG"),
    "webp": encode(_soft().convert("RGB"), "WEBP"),
    "turned": _turned(),
    "on nothing": _on_nothing(),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("polarity", ["white_repaints", "black_repaints"])
@pytest.mark.parametrize("threshold", [90, 128, 200])
def test_both_sides_read_the_same_mask(name: str, polarity: MaskPolarity, threshold: int) -> None:
    data = FILES[name]
    found = inspect_mask(
        io.BytesIO(data), size=SIZE, max_pixels=10**6, polarity=polarity, threshold=threshold
    )
    painted = decode_mask(data, 10**6, polarity, threshold)
    assert found.asked.coverage == pytest.approx(coverage(painted))
    assert found.asked.box == bounding_box(painted).as_list()
