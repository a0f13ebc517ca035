"""How far `POST /outpaint` is told to go: five vocabularies over HTTP, and what is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from tests.support.http import faults_of, post_outpaint
from tests.support.pictures import picture


def _geometry(response: TestResponse) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    geometry: dict[str, Any] = response.get_json()["geometry"]
    return geometry


@pytest.mark.parametrize(
    ("fields", "asked", "canvas", "corner"),
    [
        ({"left": "5"}, "margins", (101, 64), (5, 0)),
        ({"left_percent": "12.5", "bottom_percent": "0.8"}, "percent", (108, 65), (12, 0)),
        ({"aspect_ratio": "2", "anchor": "right"}, "aspect_ratio", (128, 64), (32, 0)),
        ({"width": "201", "height": "103"}, "canvas", (201, 103), (52, 19)),
        ({"width": "201", "height": "64", "anchor": "left"}, "canvas", (201, 64), (0, 0)),
        ({"width": "97", "height": "67", "x": "1", "y": "3"}, "canvas", (97, 67), (1, 3)),
        ({"zoom_out": "1.5"}, "zoom_out", (144, 96), (24, 16)),
    ],
)
def test_every_vocabulary_comes_to_a_canvas(
    client: FlaskClient,
    fields: dict[str, Any],
    asked: str,
    canvas: tuple[int, int],
    corner: tuple[int, int],
) -> None:
    geometry = _geometry(post_outpaint(client, **fields))
    assert geometry["asked"] == asked
    assert (geometry["width"], geometry["height"]) == canvas
    original = geometry["original"]
    assert (original["left"], original["top"]) == corner
    assert (original["right"] - corner[0], original["bottom"] - corner[1]) == (96, 64)


def test_json_and_form_say_the_same(client: FlaskClient) -> None:
    body = {"image": base64.b64encode(picture()).decode(), "top_percent": 33.3, "left_percent": 1}
    sent = _geometry(client.post("/outpaint", json=body))
    assert sent == _geometry(post_outpaint(client, top_percent="33.3", left_percent="1"))
    assert sent["margins"] == {"left": 1, "top": 21, "right": 0, "bottom": 0}


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"left": "1", "zoom_out": "2"}, [("/zoom_out", "conflicting_fields")]),
        ({"width": "200"}, [("/height", "invalid_field")]),
        ({"width": "200", "height": "200", "x": "1"}, [("/y", "invalid_field")]),
        ({"left_percent": "1", "anchor": "top"}, [("/anchor", "conflicting_fields")]),
        ({"zoom_out": "1"}, [("/zoom_out", "invalid_field")]),
        ({"zoom_out": "17"}, [("/zoom_out", "invalid_field")]),
        ({"zoom_out": "nan"}, [("/zoom_out", "invalid_field")]),
        ({"left_percent": "inf"}, [("/left_percent", "invalid_field")]),
        ({"left_percent": "3201"}, [("/left_percent", "invalid_field")]),
        ({"width": "0", "height": "9"}, [("/width", "invalid_field")]),
        ({"zoom_out": "1.001"}, [("/zoom_out", "no_change")]),
        ({"left_percent": "0.4"}, [("/left_percent", "no_change")]),
        ({"width": "96", "height": "64"}, [("", "no_change")]),
        ({"top": "8", "bottom": "8", "overlap": "32"}, [("/overlap", "invalid_field")]),
        ({"left": "8", "overlap": "96"}, [("/overlap", "invalid_field")]),
        ({"left": "8", "overlap": "-1"}, [("/overlap", "invalid_field")]),
        (
            {"left": "8", "overlap": "0", "method": "mirror"},
            [("/overlap", "parameter_not_supported")],
        ),
        (
            {"right": "1100", "top": "16383", "output_format": "webp"},
            [("/output_format", "invalid_field")],
        ),
        ({"zoom_out": "16", "left": "1"}, [("/zoom_out", "conflicting_fields")]),
    ],
)
def test_extension_that_breaks_a_rule_is_refused(
    client: FlaskClient, fields: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    assert faults_of(post_outpaint(client, **fields)) == faults


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"left": "-1", "right": "9"}, "/left"),
        ({"left_percent": "-0.5", "right": "9"}, "/left_percent"),
        ({"width": "95", "height": "64"}, "/width"),
        ({"width": "200", "height": "63"}, "/height"),
        ({"width": "200", "height": "64", "x": "105", "y": "0"}, "/x"),
        ({"width": "200", "height": "64", "x": "0", "y": "1"}, "/y"),
        ({"width": "200", "height": "64", "x": "-1", "y": "0"}, "/x"),
        ({"zoom_out": "1"}, "/zoom_out"),
        ({"zoom_out": "0.5"}, "/zoom_out"),
        ({"zoom_out": "-2"}, "/zoom_out"),
    ],
)
def test_crops_are_refused_with_what_to_do(
    client: FlaskClient, fields: dict[str, Any], pointer: str
) -> None:
    (fault,) = post_outpaint(client, **fields).get_json()["errors"]
    assert (fault["pointer"], fault["code"]) == (pointer, "invalid_field")
    assert fault["message"].endswith("outpaint never crops: crop the picture before you send it")


def test_overlap_has_a_default_where_it_is_honored(client: FlaskClient) -> None:
    for method, overlap in (("pattern", 0), ("mirror", None)):
        params = post_outpaint(client, left="8", method=method).get_json()["params"]
        assert params["overlap"] == overlap
    assert post_outpaint(client, left="8", overlap="95").get_json()["params"]["overlap"] == 95


def test_oriented_picture_is_extended_upright(client: FlaskClient) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture(64, 96, kind="JPEG", exif=exif)
    assert _geometry(post_outpaint(client, turned, right_percent="50"))["width"] == 144


def test_extension_that_is_refused_has_the_rest_of_it_judged_by_the_picture(
    client: FlaskClient,
) -> None:
    wide = picture(2900, 2900)
    fields = {"left": "9000", "num_images": "8", "overlap": "1"}
    found = faults_of(post_outpaint(client, wide, **fields), 413)
    assert ("/left", "image_too_large") in found
    assert ("/num_images", "image_too_large") in found
