"""What `POST /inpaint` and `POST /outpaint` answer to requests that are accepted."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE, is_job_id, rq_list
from tests.support.http import build_app, context_of, post_inpaint, post_outpaint
from tests.support.pictures import mask, picture


def test_inpaint_answers_202_with_the_job(client: FlaskClient) -> None:
    response = post_inpaint(client)
    job = response.get_json()
    assert response.status_code == 202
    assert is_job_id(job["id"])
    assert response.headers["Location"] == job["links"]["self"] == f"/jobs/{job['id']}"
    assert (job["status"], job["method"], job["model"]) == ("queued", "patch", None)
    assert job["mask"]["coverage"] == 32 * 24 / (96 * 64)
    assert job["mask"]["box"] == [16, 16, 48, 40]
    assert response.headers["Retry-After"] == "1"
    assert "Idempotency-Replayed" not in response.headers


def test_job_document_has_every_field_when_queued(client: FlaskClient) -> None:
    job = post_inpaint(client).get_json()
    names = """id version operation status method model created_at started_at finished_at expires_at
        start_by_at finish_by_at cancel_requested_at attempt crashes max_crashes attempts queue
        progress params mask geometry warnings outputs recipe timings error tags batch_id links"""
    assert sorted(job) == sorted(names.split())
    assert job["queue"] == {"position": 0, "eta_seconds": None}
    assert job["links"]["events"] == f"/jobs/{job['id']}/events"
    assert "tenant" not in json.dumps(job)


def test_effective_parameters_are_echoed_with_defaults_and_a_drawn_seed(
    client: FlaskClient,
) -> None:
    params = post_inpaint(client, output_format="webp", tags='["a", "b"]').get_json()["params"]
    assert params["method"] == "patch"
    assert 0 <= params["seed"] < 2**32
    assert (params["grow"], params["mask_threshold"]) == (0, 128)
    assert (params["mask_polarity"], params["num_images"]) == ("white_repaints", 1)
    assert (params["output_format"], params["output_quality"]) == ("webp", 95)
    assert (params["finish_within_seconds"], params["ttl_seconds"]) == (3600, 86_400)
    assert params["tags"] == ["a", "b"]
    assert params["prompt"] is None


def test_seed_is_kept_when_given(client: FlaskClient) -> None:
    assert post_inpaint(client, seed="7").get_json()["params"]["seed"] == 7


def test_accepted_job_rings_once_and_stores_its_inputs(
    app: Flask, client: FlaskClient, redis_client: redis.Redis
) -> None:
    job_id = post_inpaint(client).get_json()["id"]
    assert redis_client.llen(rq_list(DEFAULT_NAMESPACE, CPU_QUEUE)) == 1
    context = context_of(app)
    spec = context.store.jobs.load(job_id, "default").record.spec
    assert context.blobs.get_checked(spec.image.path, spec.image.sha256) == picture()
    assert spec.mask is not None
    assert context.blobs.get_checked(spec.mask.path, spec.mask.sha256) == mask()
    assert (spec.image.format, spec.image.width, spec.image.height) == ("png", 96, 64)


def test_large_picture_is_streamed_and_arrives_whole(app: Flask, client: FlaskClient) -> None:
    large = picture(1600, 1200, compress_level=0)
    assert len(large) > 5_000_000
    response = post_inpaint(client, large, mask(1600, 1200))
    assert response.status_code == 202, response.text
    context = context_of(app)
    spec = context.store.jobs.load(response.get_json()["id"], "default").record.spec
    assert context.blobs.get_checked(spec.image.path, spec.image.sha256) == large


def test_outpaint_plans_margins(client: FlaskClient) -> None:
    job = post_outpaint(client, left="10", bottom="4", method="mirror").get_json()
    assert job["geometry"]["width"] == 106
    assert job["geometry"]["height"] == 68
    assert job["geometry"]["original"] == {"left": 10, "top": 0, "right": 106, "bottom": 64}
    assert (job["params"]["left"], job["params"]["right"]) == (10, 0)
    assert (job["method"], job["mask"]) == ("mirror", None)


def test_outpaint_plans_an_aspect_ratio(client: FlaskClient) -> None:
    job = post_outpaint(client, aspect_ratio="2:1", anchor="left").get_json()
    assert (job["geometry"]["width"], job["geometry"]["height"]) == (128, 64)
    assert job["geometry"]["original"]["left"] == 0
    assert (job["method"], job["params"]["anchor"]) == ("pattern", "left")
    assert job["params"]["left"] is None


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,"])
def test_json_body_is_taken(client: FlaskClient, prefix: str) -> None:
    body = {
        "image": prefix + base64.b64encode(picture()).decode(),
        "mask": prefix + base64.b64encode(mask()).decode(),
        "seed": 3.0,
        "tags": ["x"],
    }
    response = client.post("/inpaint", json=body)
    assert response.status_code == 202, response.text
    assert response.get_json()["params"]["seed"] == 3


@pytest.mark.parametrize("as_file", [False, True])
def test_params_part_is_taken(client: FlaskClient, as_file: bool) -> None:
    text = json.dumps({"seed": 5, "tags": ["x"]})
    part = (text.encode(), "blob", "application/json") if as_file else text
    job = post_inpaint(client, params=part).get_json()
    assert (job["params"]["seed"], job["tags"]) == (5, ["x"])


@pytest.mark.parametrize(("name", "options"), [("JPEG", {}), ("WEBP", {"lossless": True})])
def test_every_format_is_taken_by_content(
    client: FlaskClient, name: str, options: dict[str, Any]
) -> None:
    response = post_inpaint(client, picture(kind=name, **options))
    assert response.status_code == 202, response.text


def test_oriented_picture_is_measured_upright(client: FlaskClient) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture(64, 96, kind="JPEG", exif=exif)
    assert post_inpaint(client, turned, mask(96, 64)).status_code == 202
    job = post_outpaint(client, turned, right="4").get_json()
    assert (job["geometry"]["width"], job["geometry"]["height"]) == (100, 64)


def test_suspicious_mask_is_warned_about(client: FlaskClient) -> None:
    job = post_inpaint(client, mask_file=mask(box=(0, 0, 90, 60))).get_json()
    codes = {warning["code"] for warning in job["warnings"]}
    assert {"mask_looks_inverted", "mask_touches_border", "no_worker_online"} <= codes


def test_black_polarity_reads_the_other_end(client: FlaskClient) -> None:
    job = post_inpaint(client, mask_polarity="black_repaints").get_json()
    assert job["mask"]["coverage"] == 1 - 32 * 24 / (96 * 64)


def test_same_key_and_request_give_the_same_job(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = post_inpaint(client, headers=headers, seed="1")
    again = post_inpaint(client, headers=headers, seed="1")
    assert again.status_code == 202
    assert again.get_json()["id"] == first.get_json()["id"]
    assert again.headers["Idempotency-Replayed"] == "true"


def test_same_key_and_json_body_give_the_same_job(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = post_inpaint(client, headers=headers, seed="1")
    body = {
        "image": base64.b64encode(picture()).decode(),
        "mask": base64.b64encode(mask()).decode(),
        "seed": 1,
    }
    again = client.post("/inpaint", json=body, headers=headers)
    assert again.get_json()["id"] == first.get_json()["id"]


@pytest.mark.parametrize(
    ("fields", "image"),
    [({"seed": "2"}, None), ({"seed": "1"}, picture(kind="JPEG"))],
)
def test_same_key_and_other_request_conflict(
    client: FlaskClient, fields: dict[str, Any], image: bytes | None
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    post_inpaint(client, headers=headers, seed="1")
    other = post_inpaint(client, image, headers=headers, **fields)
    assert (other.status_code, other.get_json()["code"]) == (422, "idempotency_conflict")


def test_urls_are_absolute_when_the_public_url_is_known(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path, public_url="https://paint.example/api")
    response = post_inpaint(app.test_client())
    assert response.headers["Location"].startswith("https://paint.example/api/jobs/job_")
    assert response.get_json()["links"]["self"] == response.headers["Location"]


def test_request_id_is_echoed_and_kept(app: Flask, client: FlaskClient) -> None:
    response = post_inpaint(client, headers={"X-Request-ID": "abc-1.2_3"})
    assert response.headers["X-Request-ID"] == "abc-1.2_3"
    view = context_of(app).store.jobs.load(response.get_json()["id"], "default")
    assert view.record.spec.request_id == "abc-1.2_3"


def test_request_id_is_drawn_when_not_sane(client: FlaskClient) -> None:
    response = client.get("/version", headers={"X-Request-ID": "a b"})
    assert response.headers["X-Request-ID"] not in ("", "a b")


MODELS = """
[[models]]
name = "tiny"
family = "stable-diffusion"
source = "/nowhere"
default = {default}
[models.defaults]
num_inference_steps = 3
"""


@pytest.fixture
def client_with_model(broker_url: str, tmp_path: Path) -> FlaskClient:
    file = tmp_path / "models.toml"
    file.write_text(MODELS.format(default="true"))
    return build_app(broker_url, tmp_path, models_file=file).test_client()


def test_auto_chooses_generate_when_a_model_is_the_default(client_with_model: FlaskClient) -> None:
    job = post_inpaint(client_with_model, prompt="a door", num_images="2").get_json()
    assert (job["method"], job["model"]) == ("generate", "tiny")
    params = job["params"]
    assert (params["prompt"], params["num_inference_steps"]) == ("a door", 3)
    assert (params["strength"], params["guidance_scale"]) == (1.0, 7.5)


def test_weight_free_method_stays_available_beside_a_model(client_with_model: FlaskClient) -> None:
    job = post_outpaint(client_with_model, right="8", method="mirror").get_json()
    assert (job["method"], job["params"]["prompt"]) == ("mirror", None)
