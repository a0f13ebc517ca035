"""What the façade refuses, and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from service.api.openai.form import EXTRA_FIELDS
from service.waiting.streams import count_slots
from tests.support.http import context_of, post_form
from tests.support.pictures import encode, picture

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
        ({"model": "gpt-image-1"}, "model_unavailable", "model"),
        ({"n": "9"}, "invalid_field", "n"),
        ({"num_images": "2"}, "unknown_field", "n"),
        ({"mask_polarity": "black_repaints"}, "unknown_field", "mask_polarity"),
        ({"size": "1024x1024"}, "parameter_not_supported", "size"),
        ({"size": "large"}, "invalid_field", "size"),
        ({"response_format": "bytes"}, "invalid_field", "response_format"),
        ({"output_format": "gif"}, "invalid_field", "output_format"),
        ({"output_compression": "50"}, "conflicting_fields", "output_compression"),
        ({"background": "transparent"}, "invalid_field", "background"),
        ({"input_fidelity": "low"}, "invalid_field", "input_fidelity"),
        ({"stream": "true"}, "invalid_field", "stream"),
        ({"partial_images": "1"}, "invalid_field", "partial_images"),
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
    message = _error(_post(client, n="0", background="opaque", grow="x"))["message"]
    assert "3 rules are broken" in message
    assert message.count(";") >= 3


def test_edits_names_what_would_be_allowed(client: FlaskClient) -> None:
    assert "(allowed: b64_json, url)" in _error(_post(client, response_format="x"))["message"]


def test_edits_asks_for_no_repeat_of_what_is_wrong(client: FlaskClient) -> None:
    assert _post(client, n="0").headers["x-should-retry"] == "false"


def test_edits_refuses_a_mask_that_is_no_picture(client: FlaskClient) -> None:
    error = _error(_post(client, mask=(b"no picture", "upload")), 415)
    assert (error["code"], error["param"]) == ("unsupported_media_type", "mask")


def test_edits_refuses_json(client: FlaskClient) -> None:
    error = _error(client.post(URL, json={"prompt": "x"}), 415)
    assert error["code"] == "unsupported_media_type"


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
