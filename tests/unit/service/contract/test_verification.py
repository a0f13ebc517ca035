from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from service.contract.errors import (
    ImageUndecodable,
    InvalidField,
    MaskSizeMismatch,
    UnsupportedMediaType,
)
from service.contract.verification import (
    Comparison,
    Placement,
    compare_inpainted,
    compare_outpainted,
    find_contradictions,
    read_claims,
)
from tests.support.pictures import encode, make_box_mask, make_image

MASK = encode(make_box_mask(70, 50, (20, 10, 40, 30)))
KEPT = 70 * 50 - 400


def change(image: Image.Image, x: int, y: int, channel: int = 0, by: int = 1) -> Image.Image:
    """Give the picture as RGBA with one channel of one pixel changed."""
    changed = image.convert("RGBA")
    pixel = list(changed.getpixel((x, y)))  # type: ignore[arg-type]
    pixel[channel] ^= by
    changed.putpixel((x, y), tuple(pixel))
    return changed


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_compare_inpainted_finds_nothing_when_only_the_hole_changed(mode: str) -> None:
    image = make_image(mode, 70, 50)
    result = encode(change(image, 25, 15, by=255))
    assert compare_inpainted(encode(image), result, MASK) == Comparison(KEPT, 0, 0, None)


@pytest.mark.parametrize(("channel", "by"), [(0, 1), (1, 128), (2, 4), (3, 1)])
def test_compare_inpainted_finds_one_bit(channel: int, by: int) -> None:
    image = make_image("RGBA", 70, 50)
    found = compare_inpainted(encode(image), encode(change(image, 69, 49, channel, by)), MASK)
    assert found == Comparison(KEPT, 1, by, (69, 49, 70, 50))


def test_compare_inpainted_sees_color_under_transparent_pixels() -> None:
    image = Image.new("RGBA", (70, 50), (1, 2, 3, 0))
    found = compare_inpainted(encode(image), encode(change(image, 0, 0)), MASK)
    assert found.kept_pixels_changed == 1


def test_compare_inpainted_reads_the_mask_as_told() -> None:
    image = make_image("RGB", 70, 50)
    gray = Image.open(BytesIO(MASK)).point(lambda value: 90 if value else 200)
    result = encode(change(image, 25, 15))
    found = compare_inpainted(encode(image), result, encode(gray), "black_repaints", 100)
    assert found == Comparison(KEPT, 0, 0, None)
    assert compare_inpainted(encode(image), result, encode(gray)).kept_pixels_changed == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_compare_inpainted_turns_the_original(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    size = (70, 50) if orientation < 5 else (50, 70)
    data = encode(make_image("RGB", *size), exif=exif)
    upright = make_image("RGB", *size)
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_270],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }
    for turn in turns.get(orientation, []):
        upright = upright.transpose(turn)
    assert compare_inpainted(data, encode(upright), MASK) == Comparison(KEPT, 0, 0, None)


def test_compare_outpainted_looks_where_the_original_lies() -> None:
    image = make_image("RGB", 70, 50)
    canvas = Image.new("RGB", (100, 80))
    canvas.paste(image, (20, 10))
    placement = Placement(20, 10)
    assert compare_outpainted(encode(image), encode(canvas), placement) == Comparison(
        3500, 0, 0, None
    )
    found = compare_outpainted(encode(image), encode(change(canvas, 20, 59)), placement)
    assert found == Comparison(3500, 1, 1, (20, 59, 21, 60))


def test_compare_outpainted_leaves_the_band_out() -> None:
    image = make_image("RGB", 70, 50)
    canvas = Image.new("RGB", (100, 50))
    canvas.paste(image, (30, 0))
    placement = Placement(30, 0, overlap=5)
    found = compare_outpainted(encode(image), encode(change(canvas, 34, 7)), placement)
    assert found == Comparison(65 * 50, 0, 0, None, band_pixels=250)
    found = compare_outpainted(encode(image), encode(change(canvas, 35, 7)), placement)
    assert found.kept_pixels_changed == 1


def test_compare_refuses_what_cannot_be_compared() -> None:
    image, other = encode(make_image("RGB", 70, 50)), encode(make_image("RGB", 71, 50))
    with pytest.raises(InvalidField, match="71x50"):
        compare_inpainted(image, other, MASK)
    with pytest.raises(MaskSizeMismatch):
        compare_inpainted(other, other, MASK)
    with pytest.raises(InvalidField, match="cannot be compared"):
        compare_outpainted(image, other, Placement(left=2))
    with pytest.raises(ImageUndecodable):
        compare_inpainted(image, image[:200], MASK)
    with pytest.raises(ImageUndecodable):
        compare_inpainted(image, b"no picture", MASK)
    with pytest.raises(UnsupportedMediaType):
        compare_inpainted(encode(make_image("I;16", 70, 50)), image, MASK)


def claims_of(**proof: Any) -> bytes:
    whole = {"kept_pixels": 10, "kept_pixels_changed": 0, "max_difference": 0}
    output = {"index": 0, "sha256": "00", "proof": {**whole, "touched_box": [0, 0, 1, 1], **proof}}
    return json.dumps({"operation": "inpaint", "params": {}, "outputs": [output]}).encode()


def test_read_claims_refuses_what_is_no_finished_job() -> None:
    for document in (b"{", b"[]", json.dumps({"id": "job_1"}).encode()):
        with pytest.raises(InvalidField, match="cannot be read"):
            read_claims(document)
    with pytest.raises(InvalidField, match="no outputs"):
        read_claims(b'{"operation": "inpaint", "params": {}, "outputs": []}')


def test_claims_of_an_inpainting_have_no_placement() -> None:
    with pytest.raises(InvalidField, match="no geometry"):
        read_claims(claims_of()).placement()


def test_find_contradictions_tells_each() -> None:
    claims = read_claims(claims_of(image_sha256="11", mask_sha256="22"))
    found = Comparison(11, 0, 0, None)
    faults = find_contradictions(claims, found, {"image": b"a", "mask": b"b", "output": b"c"})
    told = [fault.split(" is ")[0] for fault in faults]
    assert told == ["the result", "image_sha256", "mask_sha256", "kept_pixels"]
