"""What the weight-free methods can be told, and what each of them refuses."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.http import context_of, post_inpaint, post_outpaint
from tests.support.pictures import mask

SOURCE = (0, 0, 96, 12)


def test_quality_and_mirror_style_have_defaults(client: FlaskClient) -> None:
    assert post_inpaint(client).get_json()["params"]["quality"] == "balanced"
    params = post_outpaint(client, left=20, method="mirror").get_json()["params"]
    assert (params["quality"], params["mirror_style"]) == ("balanced", "guided")
    assert post_outpaint(client, left=20).get_json()["params"]["mirror_style"] is None


@pytest.mark.parametrize("method", ["pattern", "mirror"])
def test_ground_is_echoed_and_auto_by_default(client: FlaskClient, method: str) -> None:
    plain = post_outpaint(client, left=20, method=method).get_json()["params"]
    asked = post_outpaint(client, left=20, method=method, ground="ignore").get_json()["params"]
    assert (plain["ground"], asked["ground"]) == ("auto", "ignore")
    assert post_inpaint(client, ground="ignore").get_json()["params"]["ground"] == "ignore"


def test_methods_that_honor_ground_are_the_weight_free_ones(client: FlaskClient) -> None:
    methods = client.get("/methods").get_json()["methods"]
    refusing = {one["name"] for one in methods if "ground" in one["unsupported_fields"]}
    assert refusing == {"generate", "find"}


def test_an_intent_travels_with_the_job_and_says_what_it_set(
    app: Flask, client: FlaskClient
) -> None:
    job = post_inpaint(client, intent="remove").get_json()
    assert (job["params"]["intent"], job["params"]["grow"]) == ("remove", 3)
    spec = context_of(app).store.jobs.load(job["id"], "default").record.spec
    assert spec.set_by == {"grow": "intent"}
    methods = client.get("/methods").get_json()["methods"]
    told = {(one["operation"], one["name"]): list(one["intents"]) for one in methods}
    assert told == {
        ("inpaint", "patch"): ["remove"],
        ("inpaint", "generate"): [],
        ("outpaint", "mirror"): ["extend"],
        ("outpaint", "pattern"): ["extend"],
        ("outpaint", "generate"): [],
        ("mask", "find"): [],
    }


def test_an_intent_that_nothing_honors_is_refused(client: FlaskClient) -> None:
    answer = post_inpaint(client, intent="replace").get_json()
    [fault] = answer["errors"]
    assert (fault["pointer"], fault["code"]) == ("/intent", "parameter_not_supported")
    assert fault["allowed"] == ["remove"]


def test_source_mask_travels_with_the_job(app: Flask, client: FlaskClient) -> None:
    source = (mask(box=SOURCE), "source.png", "image/png")
    response = post_inpaint(client, source_mask=source)
    assert response.status_code == 202
    context = context_of(app)
    spec = context.store.jobs.load(response.get_json()["id"], "default").record.spec
    assert spec.source_mask is not None
    context.blobs.get_checked(spec.source_mask.path, spec.source_mask.sha256)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (mask(80, 64), "mask_size_mismatch"),
        (mask(box=SOURCE)[:60], "mask_undecodable"),
        (b"text", "unsupported_media_type"),
    ],
)
def test_bad_source_mask_is_refused(client: FlaskClient, data: bytes, code: str) -> None:
    answer = post_inpaint(client, source_mask=(data, "source.png", "image/png")).get_json()
    assert [(fault["pointer"], fault["code"]) for fault in answer["errors"]] == [
        ("/source_mask", code)
    ]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"method": "pattern", "mirror_style": "exact"}, "/mirror_style"),
        ({"method": "mirror", "mirror_style": "exact", "num_images": 2}, "/num_images"),
        ({"method": "pattern", "prompt": "sea"}, "/prompt"),
    ],
)
def test_method_refuses_what_it_cannot_honor(
    client: FlaskClient, fields: dict[str, Any], pointer: str
) -> None:
    answer = post_outpaint(client, left=20, **fields).get_json()
    assert answer["code"] == "parameter_not_supported"
    assert [fault["pointer"] for fault in answer["errors"]] == [pointer]


def test_variants_of_patch_are_accepted(client: FlaskClient) -> None:
    assert post_inpaint(client, num_images=3).status_code == 202


def test_source_mask_of_an_outpaint_is_an_unknown_field(client: FlaskClient) -> None:
    source = (mask(), "source.png", "image/png")
    answer = post_outpaint(client, left=20, source_mask=source).get_json()
    assert answer["code"] == "unknown_field"
