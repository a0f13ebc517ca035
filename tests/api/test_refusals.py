"""Bad requests: a problem document each, all faults at once, no input echoed, nothing kept."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from service.documents.problems import MEDIA_TYPE
from tests.support.files import insert_in_png, make_chunk, make_exif
from tests.support.http import build_app, context_of, post_inpaint, post_outpaint
from tests.support.pictures import encode, mask, picture


def _assert_problem(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.mimetype == MEDIA_TYPE
    problem: dict[str, Any] = response.get_json()
    assert problem["code"] == code, problem
    assert problem["status"] == status
    assert problem["type"] == f"/errors/{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response.headers["X-Request-ID"]
    return problem


def _bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """Return a PNG whose header declares gigapixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    chunks = [(b"IHDR", head), (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _animated(name: str) -> bytes:
    frames = [Image.new("RGB", (96, 64), color) for color in ("red", "blue")]
    return encode(frames[0], name, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("image", "status", "code"),
    [
        (b"hello", 415, "unsupported_media_type"),
        (b"", 415, "unsupported_media_type"),
        (encode(Image.new("RGB", (96, 64)), "GIF"), 415, "unsupported_media_type"),
        (picture(mode="CMYK", kind="JPEG"), 415, "unsupported_media_type"),
        (_animated("PNG"), 415, "unsupported_media_type"),
        (_animated("WEBP"), 415, "unsupported_media_type"),
        (_bomb(), 413, "image_too_large"),
        (picture()[:-20], 422, "image_undecodable"),
        (picture()[:40], 422, "image_undecodable"),
        (picture(kind="JPEG")[:-400], 422, "image_undecodable"),
        (picture(kind="WEBP")[:-20], 422, "image_undecodable"),
    ],
)
def test_bad_picture_is_refused(client: FlaskClient, image: bytes, status: int, code: str) -> None:
    problem = _assert_problem(post_inpaint(client, image), status, code)
    assert problem["errors"][0]["pointer"] == "/image"
    _assert_problem(post_outpaint(client, image, right="8"), status, code)


@pytest.mark.parametrize(
    ("mask_file", "status", "code"),
    [
        (b"hello", 415, "unsupported_media_type"),
        (mask()[:-30], 422, "mask_undecodable"),
        (mask()[:20], 422, "mask_undecodable"),
        (mask(95, 64), 422, "mask_size_mismatch"),
        (mask(64, 96), 422, "mask_size_mismatch"),
        (encode(Image.new("L", (96, 64), 0)), 422, "mask_empty"),
        (encode(Image.new("L", (96, 64), 255)), 422, "mask_full"),
        (_bomb(), 413, "image_too_large"),
        (_animated("PNG"), 415, "unsupported_media_type"),
        (_animated("WEBP"), 415, "unsupported_media_type"),
    ],
)
def test_bad_mask_is_refused(client: FlaskClient, mask_file: bytes, status: int, code: str) -> None:
    problem = _assert_problem(post_inpaint(client, mask_file=mask_file), status, code)
    assert problem["errors"][0]["pointer"] == "/mask"


def test_mask_that_is_refused_is_called_a_mask(client: FlaskClient) -> None:
    for file in (b"hello", _bomb()):
        problem = post_inpaint(client, mask_file=file).get_json()
        assert problem["detail"].startswith("/mask: the mask ")


def test_exif_that_jpeg_cannot_hold_is_refused_before_the_queue(client: FlaskClient) -> None:
    exif = make_exif((0x0110, 2, 70_000, b"x" * 70_000))
    image = insert_in_png(picture(), make_chunk(b"eXIf", exif))
    fields: dict[str, Any] = {"keep_metadata": "true", "output_format": "jpeg"}
    problem = _assert_problem(post_inpaint(client, image, **fields), 422, "invalid_field")
    assert problem["errors"][0]["pointer"] == "/keep_metadata"
    assert "65527 bytes of EXIF" in problem["detail"]
    _assert_problem(post_outpaint(client, image, left="8", **fields), 422, "invalid_field")
    assert post_inpaint(client, image, keep_metadata="true").status_code == 202


def test_mask_by_transparency_is_refused_and_not_read_as_black(client: FlaskClient) -> None:
    holed = Image.new("RGBA", (96, 64), (0, 0, 0, 255))
    holed.paste((0, 0, 0, 0), (16, 16, 48, 40))
    problem = _assert_problem(post_inpaint(client, mask_file=encode(holed)), 422, "invalid_field")
    assert "luminance" in problem["detail"]
    assert "mask_source: alpha" in problem["detail"]


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"seed": "-1"}, "invalid_field", "/seed"),
        ({"seed": str(2**32)}, "invalid_field", "/seed"),
        ({"seed": "x"}, "invalid_field", "/seed"),
        ({"strenght": "1"}, "unknown_field", "/strenght"),
        ({"method": "magic"}, "method_unavailable", "/method"),
        ({"method": "mirror"}, "method_unavailable", "/method"),
        ({"prompt": "a door"}, "model_required", "/prompt"),
        ({"method": "generate"}, "model_required", "/model"),
        ({"method": "generate", "model": "x"}, "model_unavailable", "/model"),
        ({"method": "patch", "prompt": "a door"}, "parameter_not_supported", "/prompt"),
        ({"output_quality": "80"}, "conflicting_fields", "/output_quality"),
        ({"output_lossless": "true"}, "conflicting_fields", "/output_lossless"),
        ({"output_format": "gif"}, "invalid_field", "/output_format"),
        ({"feather": "-1"}, "invalid_field", "/feather"),
        ({"overlap": "1"}, "unknown_field", "/overlap"),
        ({"tags": "plain"}, "invalid_field", "/tags"),
        ({"tags": '["' + "x" * 65 + '"]'}, "invalid_field", "/tags/0"),
        ({"extra": (b"x", "x.png")}, "unknown_field", "/extra"),
        ({"seed": ["1", "2"]}, "conflicting_fields", "/seed"),
        ({"params": "{}", "seed": "1"}, "conflicting_fields", "/params"),
        ({"params": '{"seed": "1"}'}, "invalid_field", "/seed"),
        ({"params": '{"seed": true}'}, "invalid_field", "/seed"),
        ({"a/b~c": "1"}, "unknown_field", "/a~1b~0c"),
    ],
)
def test_bad_field_is_refused(
    client: FlaskClient, fields: dict[str, Any], code: str, pointer: str
) -> None:
    problem = _assert_problem(post_inpaint(client, **fields), 422, code)
    assert problem["errors"][0]["pointer"] == pointer
    assert problem["errors"][0]["code"] == code


@pytest.mark.parametrize(
    ("fields", "code", "status"),
    [
        ({}, "invalid_field", 422),
        ({"left": "0", "right": "0"}, "no_change", 422),
        ({"aspect_ratio": "96:64"}, "no_change", 422),
        ({"left": "8", "aspect_ratio": "1:1"}, "conflicting_fields", 422),
        ({"left": "8", "anchor": "top"}, "conflicting_fields", 422),
        ({"anchor": "top"}, "invalid_field", 422),
        ({"aspect_ratio": "wide"}, "invalid_field", 422),
        ({"aspect_ratio": "1e999999999"}, "invalid_field", 422),
        ({"aspect_ratio": "17:1"}, "invalid_field", 422),
        ({"left": "-1"}, "invalid_field", 422),
        ({"left": "32768"}, "image_too_large", 413),
        ({"left": "8000", "top": "8000"}, "image_too_large", 413),
        ({"mask": (b"x", "m.png"), "left": "8"}, "unknown_field", 422),
        ({"method": "patch", "left": "8"}, "method_unavailable", 422),
    ],
)
def test_bad_extension_is_refused(
    client: FlaskClient, fields: dict[str, Any], code: str, status: int
) -> None:
    _assert_problem(post_outpaint(client, **fields), status, code)


MODEL = """
[[models]]
name = "tiny"
family = "stable-diffusion"
source = "/nowhere"
"""


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"model": "flux2-klein-4b"}, "/model", "`paintjob models pull flux2-klein-4b`"),
        ({"model": "x"}, "/model", "GET /models"),
        ({"strength": "0.1", "num_inference_steps": "5"}, "/strength", "less than one step"),
        ({"guidance_scale": "1", "negative_prompt": "rain"}, "/negative_prompt", "above 1"),
        ({"region": "full", "padding": "8"}, "/padding", "no effect with region full"),
    ],
)
def test_what_a_model_cannot_honor_is_refused_with_what_helps(
    broker_url: str, tmp_path: Path, fields: dict[str, Any], pointer: str, words: str
) -> None:
    file = tmp_path / "models.toml"
    file.write_text(MODEL)
    client = build_app(broker_url, tmp_path, models_file=file).test_client()
    asked = {"method": "generate", "model": "tiny", **fields}
    problem = post_inpaint(client, **asked).get_json()
    [fault] = problem["errors"]
    assert (problem["status"], fault["pointer"]) == (422, pointer)
    assert words in fault["message"]
    assert words in problem["detail"]


def test_a_prompt_for_which_there_is_no_model_is_refused_with_the_command_that_adds_one(
    broker_url: str, tmp_path: Path
) -> None:
    # As on a fresh machine: the built-in model takes no prompt, so naming it would not help.
    client = build_app(broker_url, tmp_path, self_model=True).test_client()
    problem = _assert_problem(post_inpaint(client, prompt="a door"), 422, "model_required")
    assert "`paintjob models pull NAME`" in problem["detail"]


def test_all_faults_are_told_at_once(client: FlaskClient) -> None:
    response = post_inpaint(
        client,
        image=b"no picture",
        headers={"Idempotency-Key": "k" * 256},
        seed="secret-value",
        foo="1",
        grow="900",
        extra=(b"x", "x.png"),
    )
    problem = _assert_problem(response, 422, "invalid_field")
    pointers = {fault["pointer"] for fault in problem["errors"]}
    assert pointers == {"/image", "/seed", "/foo", "/grow", "/extra", "Idempotency-Key"}
    assert "secret-value" not in response.text


def test_missing_files_are_told(client: FlaskClient) -> None:
    response = client.post("/inpaint", data={"seed": "1"}, content_type="multipart/form-data")
    problem = _assert_problem(response, 422, "invalid_field")
    assert {fault["pointer"] for fault in problem["errors"]} == {"/image", "/mask"}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"garbage", "multipart/form-data; boundary=x", 400, "malformed_body"),
        (b"garbage", "multipart/form-data", 400, "malformed_body"),
        (
            b"--x\r\nfoo: bar\r\n\r\n1\r\n--x--",
            "multipart/form-data; boundary=x",
            400,
            "malformed_body",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="seed"\r\n\r\n1',
            "multipart/form-data; boundary=x",
            400,
            "malformed_body",
        ),
        (
            b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            400,
            "malformed_body",
        ),
        (b"{", "application/json", 400, "malformed_body"),
        (b"[]", "application/json", 400, "malformed_body"),
        (b"\xff", "application/json", 400, "malformed_body"),
        (b'{"seed": 1e999}', "application/json", 400, "malformed_body"),
        (b'{"seed": NaN}', "application/json", 400, "malformed_body"),
        (b'{"seed": 1, "seed": 2}', "application/json", 400, "malformed_body"),
        (b'{"prompt": "\\ud800"}', "application/json", 400, "malformed_body"),
        (b"[" * 100_000, "application/json", 400, "malformed_body"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "application/json", 400, "malformed_body"),
        (b"image=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (b"x", "text/plain", 415, "unsupported_media_type"),
    ],
)
@pytest.mark.parametrize("path", ["/inpaint", "/outpaint"])
def test_bad_body_is_refused(
    client: FlaskClient, path: str, body: bytes, content_type: str, status: int, code: str
) -> None:
    _assert_problem(client.post(path, data=body, content_type=content_type), status, code)


def test_strict_json_refuses_text_for_numbers(client: FlaskClient) -> None:
    body = {"image": base64.b64encode(picture()).decode(), "right": "8"}
    problem = _assert_problem(client.post("/outpaint", json=body), 422, "invalid_field")
    assert problem["errors"][0]["pointer"] == "/right"


def test_json_picture_that_is_no_base64_is_told_once(client: FlaskClient) -> None:
    response = client.post("/inpaint", json={"image": 5, "mask": "?"})
    problem = _assert_problem(response, 422, "invalid_field")
    assert [fault["pointer"] for fault in problem["errors"]] == ["/image", "/mask"]


def test_body_without_length_is_refused(client: FlaskClient) -> None:
    response = client.post(
        "/inpaint",
        input_stream=io.BytesIO(b"x"),
        content_type="application/json",
        headers={"Transfer-Encoding": "chunked"},
    )
    _assert_problem(response, 411, "length_required")


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"max_body_bytes": 1024}, {"tags": "x" * 2000}),
        ({"max_part_bytes": 1024}, {"image": picture(400, 400, compress_level=0)}),
        ({}, {"tags": "x" * 2_100_000}),
        ({}, {f"f{index}": "1" for index in range(70)}),
    ],
)
def test_too_large_body_is_refused(
    broker_url: str, tmp_path: Path, settings: dict[str, int], fields: dict[str, Any]
) -> None:
    client = build_app(broker_url, tmp_path, **settings).test_client()
    _assert_problem(post_inpaint(client, **fields), 413, "body_too_large")


def test_too_large_json_body_is_refused(broker_url: str, tmp_path: Path) -> None:
    client = build_app(broker_url, tmp_path, max_json_body_bytes=1024).test_client()
    _assert_problem(client.post("/inpaint", json={"a": "x" * 2000}), 413, "body_too_large")


def test_refused_request_leaves_nothing_behind(
    app: Flask, client: FlaskClient, redis_client: redis.Redis
) -> None:
    post_inpaint(client, seed="-1")
    assert context_of(app).blobs.list("jobs/") == []
    assert redis_client.keys("*") == []


def test_refused_request_has_its_streamed_picture_wiped_soon(
    app: Flask, client: FlaskClient
) -> None:
    large = picture(900, 900, compress_level=0)
    _assert_problem(post_inpaint(client, large, seed="-1"), 422, "invalid_field")
    (path,) = context_of(app).blobs.list("jobs/")
    (member,) = context_of(app).store.wipes.take()
    assert member.startswith(path.split("/")[1])


@pytest.mark.parametrize("query", ["seed=1", "dry_run=true&seed=1", "dry-run=true", "DRY_RUN=true"])
def test_query_is_refused_rather_than_ignored(client: FlaskClient, query: str) -> None:
    data = {"image": (io.BytesIO(picture()), "a.png"), "mask": (io.BytesIO(mask()), "b.png")}
    response = client.post(f"/inpaint?{query}", data=data)
    _assert_problem(response, 422, "unknown_field")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/batches?dry-run=true"),
        ("POST", "/uploads?name=a"),
        ("GET", "/jobs/{id}?wait=30"),
        ("GET", "/jobs/{id}/events?lastEventId=1"),
        ("GET", "/jobs/{id}/result?n=1"),
        ("POST", "/jobs/{id}/cancel?force"),
        ("DELETE", "/jobs/{id}?dry_run=true"),
        ("GET", "/limits?x=%ff"),
    ],
)
def test_query_of_a_call_that_takes_none_is_refused(
    client: FlaskClient, method: str, path: str
) -> None:
    job = post_inpaint(client).get_json()
    response = client.open(path.format(id=job["id"]), method=method)
    _assert_problem(response, 422, "unknown_field")
    assert client.get(f"/jobs/{job['id']}").get_json()["status"] == "queued"


def test_full_queue_is_told_with_retry_after(broker_url: str, tmp_path: Path) -> None:
    client = build_app(broker_url, tmp_path, queue_limit=1).test_client()
    assert post_inpaint(client).status_code == 202
    response = post_inpaint(client)
    _assert_problem(response, 503, "queue_full")
    assert int(response.headers["Retry-After"]) > 0


def test_too_many_jobs_are_told(broker_url: str, tmp_path: Path) -> None:
    client = build_app(broker_url, tmp_path, tenant_job_limit=1).test_client()
    post_inpaint(client)
    _assert_problem(post_inpaint(client), 429, "too_many_jobs")


def test_absent_broker_is_told(tmp_path: Path) -> None:
    client = build_app("redis://127.0.0.1:1/0", tmp_path).test_client()
    for response in (post_inpaint(client), client.get("/health/ready"), client.get("/methods")):
        _assert_problem(response, 503, "broker_unavailable")
        assert response.headers["Retry-After"]


def test_unknown_broker_is_told(tmp_path: Path) -> None:
    client = build_app("", tmp_path).test_client()
    _assert_problem(post_inpaint(client), 503, "broker_unavailable")
    assert client.get("/health/live").status_code == 200


def test_store_that_takes_nothing_is_told_with_retry_after(app: Flask, client: FlaskClient) -> None:
    url = context_of(app).settings.resolved_blob_url()
    folder = Path(url.removeprefix("file://"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jobs").write_text("a file where the folder should be")
    response = post_inpaint(client)
    _assert_problem(response, 503, "store_unavailable")
    assert int(response.headers["Retry-After"]) > 0


def test_unknown_path_and_method_are_problems(client: FlaskClient) -> None:
    _assert_problem(client.get("/nowhere"), 404, "not_found")
    response = client.get("/inpaint")
    _assert_problem(response, 405, "method_not_allowed")
    assert "POST" in response.headers["Allow"]
    assert response.get_json()["detail"] == "this path takes POST only"


def test_one_slash_too_many_is_named(client: FlaskClient) -> None:
    advice = "leave out the slash at its end"
    assert advice in client.post("/inpaint/").get_json()["detail"]
    assert advice in client.get("/jobs/job_1/").get_json()["detail"]
    assert advice not in client.get("/nowhere/").get_json()["detail"]


def test_region_that_is_no_object_is_refused_in_words_of_json(client: FlaskClient) -> None:
    response = client.post("/inpaint", json={"image": "", "regions": [4]})
    found = {fault["pointer"]: fault["message"] for fault in response.get_json()["errors"]}
    assert found["/regions/0"] == "must be an object"


def test_name_of_a_file_in_place_of_its_content_is_recognized(client: FlaskClient) -> None:
    response = post_inpaint(client, image=b"photos/cat.png")
    _assert_problem(response, 415, "unsupported_media_type")
    assert "write @ before the file's name" in response.get_json()["detail"]
    response = post_inpaint(client, image=b"")
    _assert_problem(response, 415, "unsupported_media_type")
    assert "the picture is empty" in response.get_json()["detail"]


def test_mask_of_no_format_names_those_of_masks(client: FlaskClient) -> None:
    response = post_inpaint(client, mask_file=b"GIF89a" + bytes(20))
    expected = "/mask: the mask must be a PNG, JPEG or WebP by its content"
    assert response.get_json()["detail"] == expected


def test_crash_is_answered_without_a_trace(
    app: Flask, client: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash() -> str:
        raise RuntimeError("a secret of the caller")

    app.add_url_rule("/crash", view_func=crash)
    response = client.get("/crash")
    _assert_problem(response, 500, "internal")
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert "secret" not in "".join(capsys.readouterr())
