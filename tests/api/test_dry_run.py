"""`?dry_run=true`: what a request would become; the same faults, and nothing kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.http import build_app, context_of, post_form
from tests.support.pictures import mask, picture

REGIONS = json.dumps([{"box": [0, 4, 20, 60]}, {"polygon": [[30, 30], [60, 30], [45, 50]]}])
INPAINTS: list[dict[str, Any]] = [
    {"mask": (mask(), "m.png")},
    {"mask": (mask(box=(0, 0, 90, 60)), "m.png"), "grow": "3", "output_format": "webp"},
    {"regions": REGIONS, "mask_polarity": "black_repaints", "num_images": "2"},
]
OUTPAINTS: list[dict[str, Any]] = [
    {"left": "3", "bottom": "4"},
    {"left_percent": "12.5", "top_percent": "3.3"},
    {"aspect_ratio": "16:9", "anchor": "bottom"},
    {"width": "200", "height": "101", "x": "7", "y": "11"},
    {"width": "201", "height": "101"},
    {"zoom_out": "1.37", "anchor": "top_left"},
]


def _post(client: FlaskClient, path: str, fields: dict[str, Any], **headers: str) -> TestResponse:
    return post_form(client, path, {"image": (picture(), "a.png"), **fields}, headers)


def _assert_nothing_kept(app: Flask, redis_client: redis.Redis) -> None:
    assert context_of(app).blobs.list("jobs/") == []
    assert redis_client.keys("*") == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [*(("/inpaint", fields) for fields in INPAINTS), *(("/outpaint", f) for f in OUTPAINTS)],
)
def test_plan_is_what_the_job_then_says(
    client: FlaskClient, path: str, fields: dict[str, Any]
) -> None:
    response = _post(client, f"{path}?dry_run=true", fields)
    assert response.status_code == 200, response.text
    plan = response.get_json()
    posted = _post(client, f"{path}?dry_run=false", fields).get_json()
    got = client.get(posted["links"]["self"]).get_json()
    for name in ("operation", "method", "model", "mask", "geometry"):
        assert plan[name] == posted[name] == got[name]
    assert plan["params"] == {**posted["params"], "seed": None}
    expected = [w for w in posted["warnings"] if w["code"] != "no_worker_online"]
    assert plan["warnings"] == expected
    if plan["geometry"]:
        assert (plan["width"], plan["height"]) == (
            plan["geometry"]["width"],
            plan["geometry"]["height"],
        )
    else:
        assert (plan["width"], plan["height"]) == (96, 64)


def test_plan_tells_size_and_cost(client: FlaskClient) -> None:
    fields = {"width": "1000", "height": "800", "num_images": "2"}
    plan = _post(client, "/outpaint?dry_run=true", fields).get_json()
    assert (plan["width"], plan["height"]) == (1000, 800)
    assert (plan["megapixels"], plan["cost"]) == (1.6, 1.6)
    small = _post(client, "/inpaint?dry_run=true", INPAINTS[0]).get_json()
    assert (small["megapixels"], small["cost"]) == (0.006144, 0.1)


def test_plan_names_a_seed_only_when_asked(client: FlaskClient) -> None:
    seeds = [
        _post(client, "/outpaint?dry_run=true", {"left": "8", **more}).get_json()["params"]["seed"]
        for more in ({}, {"seed": "0"}, {"seed": "7"})
    ]
    assert seeds == [None, 0, 7]


@pytest.mark.parametrize(
    ("path", "fields"), [("/inpaint", INPAINTS[2]), ("/outpaint", OUTPAINTS[0])]
)
def test_plan_keeps_nothing(
    app: Flask, client: FlaskClient, redis_client: redis.Redis, path: str, fields: dict[str, Any]
) -> None:
    assert _post(client, f"{path}?dry_run=true", fields).status_code == 200
    _assert_nothing_kept(app, redis_client)


def test_plan_of_large_pictures_keeps_nothing(
    app: Flask, client: FlaskClient, redis_client: redis.Redis
) -> None:
    large = picture(900, 900, compress_level=0)
    fields = {"image": (large, "a.png"), "mask": (mask(900, 900, compress_level=0), "m.png")}
    response = post_form(client, "/inpaint?dry_run=true", fields)
    assert response.status_code == 200, response.text
    assert response.get_json()["mask"]["box"] == [16, 16, 48, 40]
    _assert_nothing_kept(app, redis_client)
    refused = post_form(client, "/inpaint?dry_run=true", {**fields, "seed": "x"})
    assert refused.status_code == 422
    _assert_nothing_kept(app, redis_client)


def test_plan_binds_no_key(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k"}
    plan = _post(client, "/outpaint?dry_run=true", {"left": "8"}, **headers)
    assert plan.status_code == 200
    job = _post(client, "/outpaint", {"left": "9"}, **headers)
    assert job.status_code == 202
    # Nor does it ask for one: the same key with another request is only planned.
    assert _post(client, "/outpaint?dry_run=true", {"left": "8"}, **headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/inpaint", {}),
        ("/inpaint", {"mask": (mask(8, 8), "m.png"), "seed": "x", "bogus": "1"}),
        ("/inpaint", {"image": (b"?", "a.png"), "regions": "[]"}),
        ("/inpaint", {"regions": '[{"box": [0, 0, 96, 65]}]', "prompt": "x"}),
        ("/outpaint", {"left": "8", "zoom_out": "2"}),
        ("/outpaint", {"left": "8", "Idempotency": "2", "method": "mirror", "overlap": "0"}),
        ("/outpaint", {"left": "30000"}),
    ],
)
def test_plan_has_the_same_faults_as_the_job(
    client: FlaskClient, path: str, fields: dict[str, Any]
) -> None:
    headers = {"X-Request-ID": "r-1", "Idempotency-Key": "k" * 256}
    plan = _post(client, f"{path}?dry_run=true", fields, **headers)
    job = _post(client, path, fields, **headers)
    assert plan.status_code == job.status_code >= 400
    assert plan.get_json() == job.get_json()


@pytest.mark.parametrize(
    "query", ["dry_run=", "dry_run=1", "dry_run=True", "dry_run", "dry_run=true&dry_run=true"]
)
def test_dry_run_is_true_or_false(
    app: Flask, client: FlaskClient, redis_client: redis.Redis, query: str
) -> None:
    response = _post(client, f"/outpaint?{query}", {"left": "8"})
    (fault,) = response.get_json()["errors"]
    assert (response.status_code, fault["code"]) == (422, "invalid_field")
    assert fault["allowed"] == ["true", "false"]
    _assert_nothing_kept(app, redis_client)


def test_plan_needs_no_broker(tmp_path: Path) -> None:
    client = build_app("redis://127.0.0.1:1/0", tmp_path).test_client()
    assert _post(client, "/outpaint?dry_run=true", {"left": "8"}).status_code == 200
