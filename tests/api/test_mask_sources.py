"""Where a mask comes from over HTTP: a picture, the image's transparency, or regions."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from tests.support.http import context_of, faults_of, post_form, post_inpaint
from tests.support.pictures import encode, mask, picture
from worker.imaging.masks import bounding_box, coverage, decode_mask

BOX = (16, 16, 48, 40)
SHARE = 32 * 24 / (96 * 64)
REGION = {"box": [*BOX]}


def _holed(mode: str = "RGBA", alpha: int = 0, kind: str = "PNG", **options: Any) -> bytes:
    """Return a picture that is transparent in the box."""
    image = Image.open(io.BytesIO(picture())).convert("RGBA")
    channel = Image.new("L", image.size, 255)
    channel.paste(alpha, BOX)
    image.putalpha(channel)
    return encode(image.convert(mode), kind, **options)


def _post(client: FlaskClient, image: bytes | None = None, **fields: Any) -> TestResponse:
    """Send a form without a mask."""
    image = picture() if image is None else image
    return post_form(client, "/inpaint", {"image": (image, "image.png"), **fields})


def test_mask_that_nothing_tells_of_is_asked_for_in_three_ways(client: FlaskClient) -> None:
    (fault,) = _post(client).get_json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/mask", "invalid_field")
    assert fault["allowed"] == ["mask", "mask_source", "regions"]


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"mask": (mask(), "m.png"), "mask_source": "alpha"}, ["/mask_source"]),
        ({"mask": (mask(), "m.png"), "regions": json.dumps([REGION])}, ["/regions"]),
        ({"mask_source": "alpha", "regions": json.dumps([REGION])}, ["/regions"]),
        (
            {"mask": (mask(), "m.png"), "mask_source": "alpha", "regions": json.dumps([REGION])},
            ["/mask_source", "/regions"],
        ),
    ],
)
def test_masks_from_two_places_conflict(
    client: FlaskClient, fields: dict[str, Any], pointers: list[str]
) -> None:
    found = faults_of(_post(client, _holed(), **fields))
    assert found == [(pointer, "conflicting_fields") for pointer in pointers]


def test_mask_that_is_wrong_is_not_missing_too(client: FlaskClient) -> None:
    assert faults_of(_post(client, regions="[]")) == [("/regions", "invalid_field")]
    assert faults_of(_post(client, mask_source="beta")) == [("/mask_source", "invalid_field")]
    body = {"image": base64.b64encode(picture()).decode(), "mask": "?"}
    assert faults_of(client.post("/inpaint", json=body)) == [("/mask", "invalid_field")]


def test_null_in_a_form_is_refused_and_is_no_mask(client: FlaskClient) -> None:
    missing, null = ("/mask", "invalid_field"), ("/regions", "invalid_field")
    for text in ("null", " null\n"):
        response = _post(client, regions=text)
        assert faults_of(response) == [missing, null]
        assert "must not be null" in response.get_json()["errors"][1]["message"]
    assert faults_of(_post(client, mask=(mask(), "m.png"), regions="null")) == [null]
    assert faults_of(_post(client, params=json.dumps({"regions": None}))) == [missing]


def test_erased_mask_is_taken_with_a_warning(app: Flask, client: FlaskClient) -> None:
    erased = Image.new("RGBA", (96, 64), (255, 255, 255, 255))
    erased.paste((0, 0, 0, 0), BOX)
    files: dict[str, Any] = {
        "mask": (encode(erased), "m.png"),
        "source_mask": (encode(erased), "s.png"),
    }
    response = _post(client, **files)
    assert response.status_code == 202
    job = response.get_json()
    assert job["mask"]["coverage"] == 1 - SHARE
    told = [it["detail"] for it in job["warnings"] if it["code"] == "mask_has_transparency"]
    assert [detail.split(" has ")[0] for detail in told] == ["the mask", "the source mask"]
    assert "mask_polarity: black_repaints" in told[0]
    meant = _post(client, **files, mask_polarity="black_repaints").get_json()
    assert (meant["mask"]["box"], _painted_box(app, meant)) == ([*BOX], [*BOX])


def test_null_in_json_says_nothing(client: FlaskClient) -> None:
    body = {
        "image": base64.b64encode(picture()).decode(),
        "regions": [REGION],
        "mask_source": None,
    }
    assert client.post("/inpaint", json=body).status_code == 202


@pytest.mark.parametrize(
    "image",
    [
        _holed(),
        _holed("LA"),
        _holed(kind="WEBP", lossless=True),
        _holed(alpha=127),
        _holed("P"),
    ],
    ids=["RGBA", "LA", "WebP", "half", "palette"],
)
def test_alpha_is_the_mask(app: Flask, client: FlaskClient, image: bytes) -> None:
    job = _post(client, image, mask_source="alpha").get_json()
    assert job["mask"] == {
        "coverage": SHARE,
        "box": [*BOX],
        "source": "alpha",
        "effective": None,
    }
    assert (job["params"]["mask_source"], job["params"]["mask_threshold"]) == ("alpha", 128)
    assert _painted_box(app, job) == [*BOX]


def _painted_box(app: Flask, job: dict[str, Any]) -> list[int]:
    """Read the mask that the job keeps as a worker does; gives its box."""
    context = context_of(app)
    spec = context.store.jobs.load(job["id"], "default").record.spec
    assert spec.mask is not None
    data = context.blobs.get_checked(spec.mask.path, spec.mask.sha256)
    assert (spec.mask.format, spec.mask.bytes) == ("png", len(data))
    params = job["params"]
    painted = decode_mask(data, 10**6, params["mask_polarity"], params["mask_threshold"] or 128)
    assert coverage(painted) == pytest.approx(job["mask"]["coverage"])
    return bounding_box(painted).as_list()


def test_alpha_takes_polarity_and_threshold(app: Flask, client: FlaskClient) -> None:
    image = _holed(alpha=155)
    assert faults_of(_post(client, image, mask_source="alpha")) == [("/mask_source", "mask_empty")]
    job = _post(client, image, mask_source="alpha", mask_threshold="100").get_json()
    assert job["mask"]["box"] == _painted_box(app, job) == [*BOX]
    other = _post(client, _holed(), mask_source="alpha", mask_polarity="black_repaints").get_json()
    assert other["mask"]["coverage"] == 1 - SHARE
    assert _painted_box(app, other) == [0, 0, 96, 64]


def test_alpha_of_a_picture_without_transparency_is_refused(client: FlaskClient) -> None:
    response = _post(client, mask_source="alpha")
    assert faults_of(response) == [("/mask_source", "invalid_field")]
    assert "no transparency" in response.get_json()["detail"]


def test_alpha_that_says_nothing_is_empty_or_full(client: FlaskClient) -> None:
    opaque = picture(mode="RGBA")
    assert faults_of(_post(client, opaque, mask_source="alpha")) == [("/mask_source", "mask_empty")]
    clear = encode(Image.new("RGBA", (96, 64), (1, 2, 3, 0)))
    assert faults_of(_post(client, clear, mask_source="alpha")) == [("/mask_source", "mask_full")]


def test_alpha_is_turned_with_the_picture(app: Flask, client: FlaskClient) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.open(io.BytesIO(_holed()))
    stored = encode(upright.transpose(Image.Transpose.ROTATE_90), exif=exif)
    job = _post(client, stored, mask_source="alpha").get_json()
    assert job["mask"]["box"] == _painted_box(app, job) == [*BOX]


@pytest.mark.parametrize(
    "region",
    [
        REGION,
        {"polygon": [[16, 16], [48, 16], [48, 40], [16, 40]]},
        {"rle": {"size": [64, 96], "counts": [16 * 64 + 16, *[24, 40] * 31, 24, 3096]}},
    ],
    ids=["box", "polygon", "runs"],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_regions_are_the_mask(
    app: Flask, client: FlaskClient, region: dict[str, Any], as_json: bool
) -> None:
    if as_json:
        image = base64.b64encode(picture()).decode()
        response = client.post("/inpaint", json={"image": image, "regions": [region]})
    else:
        response = _post(client, regions=json.dumps([region]))
    assert response.status_code == 202, response.text
    job = response.get_json()
    assert job["mask"]["source"] == "regions"
    assert (job["mask"]["coverage"], job["mask"]["box"]) == (SHARE, [*BOX])
    assert _painted_box(app, job) == [*BOX]
    assert (job["params"]["regions"], job["params"]["mask_threshold"]) == (None, None)
    assert client.get(job["links"]["self"]).get_json()["mask"] == job["mask"]


def test_regions_take_polarity_but_no_threshold(app: Flask, client: FlaskClient) -> None:
    regions = json.dumps([REGION])
    job = _post(client, regions=regions, mask_polarity="black_repaints").get_json()
    assert job["mask"]["coverage"] == 1 - SHARE
    assert _painted_box(app, job) == [0, 0, 96, 64]
    found = faults_of(_post(client, regions=regions, mask_threshold="9"))
    assert found == [("/mask_threshold", "conflicting_fields")]


def test_regions_are_meant_upright(client: FlaskClient) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture(64, 96, kind="JPEG", exif=exif)
    job = _post(client, turned, regions=json.dumps([{"box": [90, 0, 96, 4]}])).get_json()
    assert job["mask"]["box"] == [90, 0, 96, 4]
    found = faults_of(_post(client, turned, regions=json.dumps([{"box": [0, 90, 4, 96]}])))
    assert found == [("/regions/0/box", "invalid_field")]


@pytest.mark.parametrize(
    ("regions", "code", "pointer"),
    [
        ([{"box": [0, 0, 96, 64]}], "mask_full", "/regions"),
        ([REGION, {"box": [96, 60, 99, 64]}], "invalid_field", "/regions/1/box"),
        ([{"box": [5, 5, 5, 9]}], "invalid_field", "/regions/0/box"),
        ([{"polygon": [[99, 0], [120, 0], [99, 9]]}], "invalid_field", "/regions/0/polygon"),
        ([{"rle": {"size": [96, 64], "counts": "1"}}], "invalid_field", "/regions/0/rle/size"),
        (
            [{"rle": {"size": [64, 96], "counts": [1, -1]}}],
            "invalid_field",
            "/regions/0/rle/counts/1",
        ),
        (
            [{"rle": {"size": [64, 96], "counts": [1, 10**9]}}],
            "invalid_field",
            "/regions/0/rle/counts",
        ),
        (
            [{"rle": {"size": [64, 96], "counts": "o" * 10**6}}],
            "invalid_field",
            "/regions/0/rle/counts",
        ),
        ([{"polygon": [[0, 0]] * 10_001}], "invalid_field", "/regions/0/polygon"),
        ([{**REGION, "polygon": [[0, 0], [9, 0], [0, 9]]}], "invalid_field", "/regions/0"),
        ([{"bogus": 1}], "unknown_field", "/regions/0/bogus"),
        ([], "invalid_field", "/regions"),
        ([REGION] * 1001, "invalid_field", "/regions"),
        ("nothing", "invalid_field", "/regions"),
        ([{"box": [float("nan"), 0, 1, 1]}], "invalid_field", "/regions"),
    ],
)
def test_regions_that_break_a_rule_are_refused(
    client: FlaskClient, regions: Any, code: str, pointer: str
) -> None:
    assert faults_of(_post(client, regions=json.dumps(regions))) == [(pointer, code)]


def test_json_of_many_small_values_is_refused_before_it_is_parsed(client: FlaskClient) -> None:
    body = b'{"regions": [' + b"[]," * 1_100_000 + b"[]]}"
    response = client.post("/inpaint", data=body, content_type="application/json")
    assert (response.status_code, response.get_json()["code"]) == (413, "body_too_large")
    fields = b'{"prompt": "' + b"x" * 2_000_000 + b'"}'
    response = client.post("/inpaint", data=fields, content_type="application/json")
    assert (response.status_code, response.get_json()["code"]) == (413, "body_too_large")


def test_drawn_masks_warn_like_sent_ones(client: FlaskClient) -> None:
    job = _post(client, regions=json.dumps([{"box": [0, 0, 90, 60]}])).get_json()
    codes = {warning["code"] for warning in job["warnings"]}
    assert {"mask_looks_inverted", "mask_touches_border"} <= codes


def test_drawn_masks_are_no_part_of_what_was_asked(client: FlaskClient) -> None:
    def post(regions: list[Any]) -> TestResponse:
        fields = {"image": (picture(), "a.png"), "regions": json.dumps(regions)}
        return post_form(client, "/inpaint", fields, {"Idempotency-Key": "k"})

    first, again = post([REGION]), post([REGION])
    assert first.get_json()["id"] == again.get_json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    # The same mask, asked for in other words.
    other = post([{"polygon": [[16, 16], [48, 16], [48, 40], [16, 40]]}])
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_conflict")


def test_source_mask_goes_with_any_mask(app: Flask, client: FlaskClient) -> None:
    source = (mask(box=(0, 0, 96, 12)), "source.png")
    response = _post(client, regions=json.dumps([REGION]), source_mask=source)
    assert response.status_code == 202, response.text
    spec = context_of(app).store.jobs.load(response.get_json()["id"], "default").record.spec
    assert spec.source_mask is not None and spec.mask is not None
    bad = (mask(8, 8), "source.png")
    assert faults_of(_post(client, source_mask=bad)) == [
        ("/mask", "invalid_field"),
        ("/source_mask", "mask_size_mismatch"),
    ]


@pytest.mark.parametrize("field", ["mask_source", "regions", "feather"])
def test_outpainting_has_no_mask(client: FlaskClient, field: str) -> None:
    fields = {"image": (picture(), "a.png"), "left": "8", field: "1"}
    assert faults_of(post_form(client, "/outpaint", fields)) == [(f"/{field}", "unknown_field")]


def test_source_that_a_form_left_empty_is_absent(client: FlaskClient) -> None:
    assert post_inpaint(client, mask_source="", regions="").status_code == 202
