from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from service.contract.errors import (
    InvalidField,
    MaskEmpty,
    MaskFull,
    MaskSizeMismatch,
    MaskUndecodable,
    UnsupportedMediaType,
)
from service.contract.regions import Region
from service.pictures.masks import (
    MaskFindings,
    binarize,
    inspect_mask,
    inspect_regions,
    inspect_source_mask,
    inspect_transparency,
)
from tests.support.pictures import encode, mask

SIZE = (96, 64)


def _inspect(data: bytes, **options: Any) -> MaskFindings:
    given = {
        "size": SIZE,
        "max_pixels": 16_000_000,
        "polarity": "white_repaints",
        "threshold": 128,
        **options,
    }
    return inspect_mask(io.BytesIO(data), **given)


def _painted(mode: str, background: Any, paint: Any) -> Image.Image:
    image = Image.new(mode, SIZE, background)
    image.paste(paint, (16, 16, 48, 40))
    return image


@pytest.mark.parametrize(
    "image",
    [
        _painted("L", 0, 255),
        _painted("1", 0, 1),
        _painted("RGB", "black", "white"),
        _painted("RGBA", (0, 0, 0, 255), (255, 255, 255, 255)),
        _painted("LA", (0, 255), (255, 255)),
        _painted("RGB", "black", "white").quantize(2),
    ],
    ids=lambda image: image.mode,
)
def test_inspect_mask_reads_luminance_in_every_mode(image: Image.Image) -> None:
    found = _inspect(encode(image))
    assert found.asked.box == [16, 16, 48, 40]
    assert found.asked.coverage == 32 * 24 / (96 * 64)
    assert found.warnings == []


def test_inspect_mask_gives_the_same_for_jpeg_and_webp() -> None:
    image = _painted("L", 0, 255)
    for kind, options in (("JPEG", {"quality": 95}), ("WEBP", {"lossless": True})):
        assert _inspect(encode(image.convert("RGB"), kind, **options)).asked.box == [16, 16, 48, 40]


@pytest.mark.parametrize(
    "image",
    [
        _painted("RGBA", (0, 0, 0, 255), (0, 0, 0, 0)),
        _painted("RGBA", (255, 255, 255, 0), (255, 255, 255, 255)),
        _painted("LA", (0, 255), (0, 0)),
        _painted("RGBA", (90, 120, 30, 255), (10, 20, 30, 0)),
    ],
)
def test_inspect_mask_refuses_to_guess_when_transparency_speaks(image: Image.Image) -> None:
    with pytest.raises(InvalidField, match="luminance"):
        _inspect(encode(image))


@pytest.mark.parametrize(
    ("image", "polarity", "other"),
    [
        (_painted("RGBA", (255, 255, 255, 255), (0, 0, 0, 0)), "black_repaints", "white_repaints"),
        (_painted("RGBA", (0, 0, 0, 0), (255, 255, 255, 255)), "white_repaints", "black_repaints"),
        (
            _painted("RGBA", (0, 0, 0, 254), (255, 255, 255, 255)),
            "white_repaints",
            "black_repaints",
        ),
        (_painted("LA", (0, 255), (255, 0)), "white_repaints", "black_repaints"),
    ],
    ids=["erased", "brushed", "nearly opaque", "gray"],
)
def test_inspect_mask_tells_that_transparency_was_ignored(
    image: Image.Image, polarity: str, other: str
) -> None:
    found = _inspect(encode(image), polarity=polarity)
    assert found.asked.box == [16, 16, 48, 40]
    (warning,) = found.warnings
    assert warning.code == "mask_has_transparency"
    assert "luminance" in warning.detail
    assert f"mask_polarity: {other}" in warning.detail


@pytest.mark.parametrize(("threshold", "painted"), [(1, 255), (128, 128), (255, 1)])
def test_binarize_counts_from_the_threshold(threshold: int, painted: int) -> None:
    ramp = Image.new("L", (256, 1))
    ramp.putdata(list(range(256)))
    white = binarize(ramp, "white_repaints", threshold).histogram()
    black = binarize(ramp, "black_repaints", threshold).histogram()
    assert (white[255], white[0]) == (painted, 256 - painted)
    assert (black[0], black[255]) == (painted, 256 - painted)


def test_inspect_mask_applies_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = _painted("L", 0, 255)
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    assert _inspect(encode(stored, exif=exif)).asked.box == [16, 16, 48, 40]


def test_inspect_mask_refuses_another_size() -> None:
    with pytest.raises(MaskSizeMismatch, match="95x64"):
        _inspect(mask(95, 64))


def test_inspect_mask_refuses_empty_and_full() -> None:
    with pytest.raises(MaskEmpty, match="128"):
        _inspect(encode(Image.new("L", SIZE, 127)))
    with pytest.raises(MaskFull):
        _inspect(encode(Image.new("L", SIZE, 128)))


@pytest.mark.parametrize("keep", [5, 30, 60, -10])
def test_inspect_mask_refuses_what_is_cut(keep: int) -> None:
    with pytest.raises((MaskUndecodable, UnsupportedMediaType)):
        _inspect(mask()[:keep])


def test_inspect_mask_warns_of_inversion_and_border() -> None:
    codes = [warning.code for warning in _inspect(mask(box=(0, 0, 96, 50))).warnings]
    assert codes == ["mask_looks_inverted", "mask_touches_border"]
    codes = [warning.code for warning in _inspect(mask(box=(90, 20, 96, 30))).warnings]
    assert codes == ["mask_touches_border"]


def test_inspect_mask_says_where_the_mask_came_from() -> None:
    holed = _painted("LA", (9, 255), (9, 0))
    alpha = inspect_transparency(
        io.BytesIO(encode(holed)), polarity="white_repaints", threshold=128
    )
    regions = inspect_regions([Region(box=[16, 16, 48, 40])], size=SIZE, polarity="white_repaints")
    sent = _inspect(mask())
    assert [found.asked.source for found in (sent, alpha, regions)] == ["mask", "alpha", "regions"]
    assert sent.asked.box == alpha.asked.box == regions.asked.box
    assert sent.drawn is None
    for found, mode in ((alpha, "L"), (regions, "1")):
        assert found.drawn is not None
        with Image.open(io.BytesIO(found.drawn)) as drawn:
            assert (drawn.format, drawn.mode, drawn.size) == ("PNG", mode, SIZE)
        assert (found.info.mode, found.info.upright_size) == (mode, SIZE)
        # What was drawn reads like any mask that is sent.
        assert _inspect(found.drawn).asked.box == found.asked.box


def test_regions_that_reach_beyond_the_picture_cause_a_warning() -> None:
    regions = [Region(box=[16, 16, 48, 40]), *[Region(box=[-0.5, 16, 48, 40])] * 7]
    warnings = inspect_regions(regions, size=SIZE, polarity="white_repaints").warnings
    (warning,) = [warning for warning in warnings if warning.code == "region_clipped"]
    assert warning.detail.endswith(
        "/regions/1, /regions/2, /regions/3, /regions/4, /regions/5 and 2 more"
    )


def test_empty_and_full_masks_are_told_in_the_words_of_their_source() -> None:
    opaque = io.BytesIO(encode(Image.new("RGBA", SIZE, "red")))
    with pytest.raises(MaskEmpty, match="alpha"):
        inspect_transparency(opaque, polarity="white_repaints", threshold=9)
    with pytest.raises(MaskFull, match="regions"):
        inspect_regions([Region(box=[0, 0, *SIZE])], size=SIZE, polarity="white_repaints")
    with pytest.raises(MaskEmpty, match="black_repaints"):
        inspect_regions([Region(box=[0, 0, *SIZE])], size=SIZE, polarity="black_repaints")


def test_inspect_source_mask_asks_for_some_white() -> None:
    info, warnings = inspect_source_mask(io.BytesIO(mask()), SIZE, 16_000_000)
    assert (info.upright_size, warnings) == (SIZE, [])
    brushed = encode(_painted("RGBA", (0, 0, 0, 0), (255, 255, 255, 255)))
    _, (warning,) = inspect_source_mask(io.BytesIO(brushed), SIZE, 16_000_000)
    assert warning.code == "mask_has_transparency"
    assert warning.detail.startswith("the source mask")
    with pytest.raises(MaskEmpty, match="no pixel of the source mask is white"):
        inspect_source_mask(io.BytesIO(encode(Image.new("L", SIZE, 127))), SIZE, 16_000_000)
