"""The API and the worker read a mask alike: what is warned about and echoed is what is painted."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from service.contract.errors import InvalidField, PaintjobError, UnsupportedMediaType
from service.contract.params import MaskPolarity
from service.contract.regions import Region
from service.pictures.masks import inspect_mask, inspect_regions, inspect_transparency
from tests.support.pictures import encode
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


def _deep() -> Image.Image:
    """Return the ramp in 16 bits, with low bytes that must not matter."""
    data = bytes(part for value in _soft().tobytes() for part in (251 * value % 256, value))
    return Image.frombytes("I;16", SIZE, data)


def _cut_out() -> bytes:
    """Return a picture whose transparency is the ramp, as the API draws a mask of it."""
    image = Image.new("RGB", SIZE, "green")
    image.putalpha(_soft())
    findings = inspect_transparency(
        io.BytesIO(encode(image)), polarity="white_repaints", threshold=128
    )
    assert findings.drawn is not None
    return findings.drawn


def _regions() -> bytes:
    regions = [Region(polygon=[[3.5, 2], [80, 30.2], [20, 60]]), Region(box=[90, 0, 96, 9])]
    findings = inspect_regions(regions, size=SIZE, polarity="white_repaints")
    assert findings.drawn is not None
    return findings.drawn


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
    "opaque": encode(_soft().convert("RGBA")),
    "gray opaque": encode(_soft().convert("LA")),
    "16 bits": encode(_deep()),
    "CMYK": encode(_soft().convert("RGB").convert("CMYK"), "JPEG"),
    "progressive": encode(_soft().convert("RGB"), "JPEG", progressive=True),
    "cut out": _cut_out(),
    "regions": _regions(),
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


def _speaking_by_alpha() -> bytes:
    image = Image.new("RGBA", SIZE, (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (10, 10, 50, 50))
    return encode(image)


def _animated() -> bytes:
    frames = [Image.new("L", SIZE, value) for value in (0, 255)]
    return encode(frames[0], save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (_speaking_by_alpha(), InvalidField),
        (_animated(), UnsupportedMediaType),
        (b"text", UnsupportedMediaType),
        (encode(_soft())[:-20], PaintjobError),
    ],
    ids=["alpha", "animated", "text", "cut"],
)
def test_both_sides_refuse_the_same_mask(data: bytes, kind: type[PaintjobError]) -> None:
    with pytest.raises(kind) as api:
        inspect_mask(
            io.BytesIO(data), size=SIZE, max_pixels=10**6, polarity="white_repaints", threshold=128
        )
    with pytest.raises(kind) as worker:
        decode_mask(data, 10**6)
    assert (type(api.value), api.value.detail) == (type(worker.value), worker.value.detail)
