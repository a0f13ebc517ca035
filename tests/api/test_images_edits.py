"""What the façade refuses, and in which words."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from service.api.openai.form import EXTRA_FIELDS
from service.contract.errors import get_error_class
from service.contract.jobs import Progress
from service.contract.names import CPU_QUEUE, preview_path
from service.store import failure_of
from service.waiting.streams import count_slots
from tests.support.http import build_app, context_of, post_form
from tests.support.pictures import encode, mask, picture
from tests.support.sse import parse_messages

URL = "/v1/images/edits"


def _mask(alpha: int = 0, size: tuple[int, int] = (96, 64)) -> bytes:
    image = Image.new("RGBA", size, (0, 0, 0, 255))
    image.paste((0, 0, 0, alpha), (16, 16, 48, 40))
    return encode(image)


def _post(client: FlaskClient, **fields: Any) -> TestResponse:
    given = {"image": (picture(), "upload"), "mask": (_mask(), "upload"), "prompt": "x", **fields}
    return post_form(client, URL, {k: v for k, v in given.items() if v is not None})


def _error(response: TestResponse, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    error: dict[str, Any] = response.get_json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"prompt": None}, "invalid_field", "prompt"),
        ({"image": None}, "invalid_field", "image"),
        ({"mask": None}, "invalid_field", "mask"),
        ({"mask": (_mask(255), "upload")}, "mask_empty", "mask"),
        ({"mask": (_mask(1), "upload")}, "mask_empty", "mask"),
        ({"mask": (picture(), "upload")}, "invalid_field", "mask"),
        ({"mask": (_mask(size=(64, 64)), "upload")}, "mask_size_mismatch", "mask"),
        ({"model": "gpt-5"}, "model_unavailable", "model"),
        ({"prompt": "x" * 32_001}, "invalid_field", "prompt"),
        ({"n": "9"}, "invalid_field", "n"),
        ({"num_images": "2"}, "unknown_field", "n"),
        ({"mask_polarity": "black_repaints"}, "unknown_field", "mask_polarity"),
        ({"size": "40000x40000"}, "invalid_field", "size"),
        ({"output_width": "9"}, "unknown_field", "size"),
        ({"size": "large"}, "invalid_field", "size"),
        ({"response_format": "bytes"}, "invalid_field", "response_format"),
        ({"output_format": "gif"}, "invalid_field", "output_format"),
        ({"output_compression": "50"}, "conflicting_fields", "output_compression"),
        ({"output_compression": "101"}, "invalid_field", "output_compression"),
        ({"background": "transparent"}, "invalid_field", "background"),
        (
            {"background": "opaque", "image": (picture(mode="RGBA"), "a")},
            "parameter_not_supported",
            "background",
        ),
        ({"input_fidelity": "low"}, "invalid_field", "input_fidelity"),
        ({"stream": "perhaps"}, "invalid_field", "stream"),
        ({"partial_images": "1"}, "conflicting_fields", "partial_images"),
        ({"partial_images": "4", "stream": "true"}, "invalid_field", "partial_images"),
        ({"response_format": "url", "stream": "true"}, "conflicting_fields", "response_format"),
        ({"mask_image": (mask(), "m.png")}, "conflicting_fields", "mask_image"),
        ({"reference_image": (picture(), "r.png")}, "parameter_not_supported", "reference_image"),
        ({"lora": "mine"}, "model_required", "lora"),
        ({"lora": '{"name": '}, "invalid_field", "lora"),
        ({"image": None, "url": "https://example.org/a.png"}, "invalid_field", "image"),
        ({"image": None, "url": "no picture"}, "invalid_field", "image"),
        ({"finish_within_seconds": "3600"}, "invalid_field", "finish_within_seconds"),
        ({"svg": "true"}, "unknown_field", "svg"),
        ({"image[]": (picture(), "upload")}, "conflicting_fields", "image"),
    ],
)
def test_edits_refuses_what_has_no_meaning_here(
    client: FlaskClient, fields: dict[str, Any], code: str, param: str
) -> None:
    error = _error(_post(client, **fields))
    assert (error["code"], error["param"]) == (code, param)
    assert error["type"] == "invalid_request_error"


def test_edits_tells_all_faults_at_once(client: FlaskClient) -> None:
    message = _error(_post(client, n="0", background="none", grow="x"))["message"]
    assert "3 rules are broken" in message
    assert message.count(";") >= 3


def test_edits_names_what_would_be_allowed(client: FlaskClient) -> None:
    assert "(allowed: b64_json, url)" in _error(_post(client, response_format="x"))["message"]


def test_edits_names_the_size_whose_copy_is_too_large(client: FlaskClient) -> None:
    assert _error(_post(client, size="20000x20000"), 413)["param"] == "size"


def test_edits_asks_for_no_repeat_of_what_is_wrong(client: FlaskClient) -> None:
    assert _post(client, n="0").headers["x-should-retry"] == "false"


def test_edits_refuses_a_mask_that_is_no_picture(client: FlaskClient) -> None:
    error = _error(_post(client, mask=(b"no picture", "upload")), 415)
    assert (error["code"], error["param"]) == ("unsupported_media_type", "mask")


def test_edits_says_what_to_do_with_an_opaque_mask_or_an_odd_size(client: FlaskClient) -> None:
    opaque = _error(_post(client, mask=(mask(), "upload")))
    assert opaque["message"].startswith("mask: has no transparency; make it fully transparent")
    odd = _error(_post(client, size="big"))
    assert odd["message"] == "size: must be auto, or width and height, such as 1024x1024"


def test_edits_refuses_other_bodies(client: FlaskClient) -> None:
    error = _error(client.post(URL, data=b"x", content_type="image/png"), 415)
    assert error["code"] == "unsupported_media_type"


IMAGE_URL = {"image_url": "data:image/png;base64," + base64.b64encode(picture()).decode()}
MASK_URL = {"image_url": "data:image/png;base64," + base64.b64encode(_mask()).decode()}


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"images": None}, "invalid_field", "image"),
        ({"images": []}, "invalid_field", "images"),
        ({"images": [IMAGE_URL, IMAGE_URL]}, "invalid_field", "images"),
        ({"images": IMAGE_URL}, "invalid_field", "images"),
        ({"images": [{"file_id": "file-1"}]}, "parameter_not_supported", "images"),
        ({"images": [{"image_url": 1}]}, "invalid_field", "image"),
        ({"image": IMAGE_URL}, "invalid_field", "image"),
        ({"mask": {"image_url": "data:image/png,abc"}}, "invalid_field", "mask"),
        ({"mask": {"image_url": "https://example.org/m.png"}}, "invalid_field", "mask"),
        ({"mask": None}, "invalid_field", "mask"),
        ({"n": "2"}, "invalid_field", "n"),
        ({"prompt": None}, "invalid_field", "prompt"),
    ],
)
def test_edits_refuses_json_that_has_no_meaning_here(
    client: FlaskClient, members: dict[str, Any], code: str, param: str
) -> None:
    document = {"images": [IMAGE_URL], "mask": MASK_URL, "prompt": "x", "size": None, **members}
    error = _error(client.post(URL, json=document))
    assert (error["code"], error["param"]) == (code, param)


def test_models_name_openai_s_as_the_operator_maps_them(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path, openai_models="gpt-image-1=patch, x=y")
    client = app.test_client()
    listed = [model["id"] for model in client.get("/v1/models").get_json()["data"]]
    assert listed == ["auto", "patch", "gpt-image-1", "x"]
    for name in listed:
        assert client.get(f"/v1/models/{name}").get_json()["id"] == name
    assert _error(client.get("/v1/models/dall-e-2"), 404)["code"] == "not_found"
    assert _error(_post(client, model="x"))["code"] == "model_unavailable"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", URL, 405, "method_not_allowed"),
        ("POST", "/v1/images/generations", 404, "not_found"),
        ("GET", "/v1/", 404, "not_found"),
    ],
)
def test_edits_refuses_what_is_not_there_in_the_same_words(
    client: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    assert _error(client.open(path, method=method), status)["code"] == code


def test_other_calls_keep_their_problems(client: FlaskClient) -> None:
    assert client.get("/v1.1").mimetype == "application/problem+json"


def test_edits_refuses_callers_for_whom_there_is_no_slot(app: Flask) -> None:
    client = app.test_client()
    streams = context_of(app).streams
    held = [streams.admit() for _ in range(count_slots(context_of(app).settings.http_threads))]
    response = _post(client)
    assert _error(response, 503)["code"] == "too_many_waiters"
    assert response.headers["x-should-retry"] == "true"
    assert response.headers["Retry-After"] == "5"
    for slot in held:
        slot.close()


def test_edits_takes_along_what_has_no_word_there() -> None:
    assert {"seed", "strength", "grow", "priority", "tags"} <= EXTRA_FIELDS
    assert not {"mask_source", "num_images", "method", "prompt"} & EXTRA_FIELDS


def test_stream_spreads_previews_over_the_painting_and_ends_with_the_error(
    app: Flask, client: FlaskClient
) -> None:
    response = _post(client, stream="true", partial_images="2")
    assert (response.status_code, response.mimetype) == (200, "text/event-stream")
    job_id, context = response.headers["X-Job-ID"], context_of(app)
    claims = context.store.claims
    claims.take(CPU_QUEUE, worker="test", claim_id="c1")
    claims.report_started(job_id, "c1", 1)
    for number, fraction in enumerate((0.1, 0.2, 0.6, 0.9), start=2):
        path = preview_path(job_id, "c1", number)
        context.blobs.put(path, picture(48, 32, kind="JPEG"))
        progress = Progress(stage="paint", step=1, steps=9, fraction=fraction, preview_path=path)
        claims.report_progress(job_id, "c1", number, progress)
    claims.finish_failed(job_id, "c1", failure_of(get_error_class("hung")("why")))
    *partial, error = parse_messages(response.text.split("\n"))
    assert [each.name for each in partial] == ["image_edit.partial_image"] * 2
    assert [each.data["partial_image_index"] for each in partial] == [0, 1]
    assert [each.data["size"] for each in partial] == ["48x32"] * 2
    assert base64.b64decode(partial[0].data["b64_json"]) == picture(48, 32, kind="JPEG")
    assert (error.name, error.data["error"]["code"]) == ("error", "hung")
