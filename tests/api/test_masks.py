"""`POST /masks`, regions that are to be found, and masks of jobs: what is accepted and refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.contract.jobs import FoundThing, MaskAsked, MaskEffective
from service.contract.names import mask_path
from tests.support.http import context_of, faults_of, post_form, post_inpaint
from tests.support.pictures import mask, picture

SUBJECT = [{"find": "subject"}]
FOUND = FoundThing(region=0, finder="grabcut", label="subject", score=1.0, box=[1, 1, 9, 9])


def _post(client: FlaskClient, path: str, regions: Any, **fields: Any) -> TestResponse:
    form = {"image": (picture(), "image.png"), "regions": json.dumps(regions), **fields}
    return post_form(client, path, form)


def _post_json(client: FlaskClient, path: str, **fields: Any) -> TestResponse:
    image = base64.b64encode(picture()).decode()
    return client.post(path, json={"image": image, **fields})


def _claim(app: Flask, job_id: str) -> str:
    """Claim a job, post its mask, and return the token."""
    context = context_of(app)
    claims, queue = context.store.claims, "paint-cpu"
    (claimed,) = claims.take(queue, worker="w", claim_id="c1", max_jobs=1, warm_model="", beside=[])
    assert claimed.job_id == job_id
    path = mask_path(job_id, "c1")
    context.blobs.put(path, mask())
    effective = MaskEffective(coverage=0.1, box=[1, 1, 9, 9], components=1, found=[FOUND])
    asked = MaskAsked(coverage=0.05, box=[2, 2, 8, 8], source="regions")
    claims.report_mask(job_id, "c1", 1, effective, path, asked)
    return "c1"


def test_mask_of_a_job_is_null_until_it_is_found(app: Flask, client: FlaskClient) -> None:
    job = _post(client, "/masks", SUBJECT).get_json()
    assert (job["operation"], job["method"], job["mask"]) == ("mask", "find", None)
    _claim(app, job["id"])
    found = client.get(f"/jobs/{job['id']}").get_json()["mask"]
    assert (found["coverage"], found["box"], found["source"]) == (0.05, [2, 2, 8, 8], "regions")
    assert found["effective"]["found"] == [FOUND.model_dump(mode="json")]


@pytest.mark.parametrize(
    ("no_store", "expected"), [(True, "no-store"), (False, "private, no-cache")]
)
def test_mask_of_a_job_with_no_store_is_kept_from_caches(
    app: Flask, client: FlaskClient, no_store: bool, expected: str
) -> None:
    job = _post_json(client, "/masks", regions=SUBJECT, no_store=no_store).get_json()
    _claim(app, job["id"])
    found = client.get(f"/jobs/{job['id']}/mask")
    assert (found.status_code, found.headers["Cache-Control"]) == (200, expected)


def test_requeued_job_has_no_mask_any_more(app: Flask, client: FlaskClient) -> None:
    job_id = _post(client, "/masks", SUBJECT).get_json()["id"]
    token = _claim(app, job_id)
    context_of(app).store.claims.release(job_id, token, "drained")
    assert client.get(f"/jobs/{job_id}").get_json()["mask"] is None


def test_plan_says_who_finds_and_what_it_costs(client: FlaskClient) -> None:
    regions = [*SUBJECT, {"box": [0, 0, 9, 9]}, {"box": [9, 9, 60, 60], "refine": True}]
    plan = _post(client, "/inpaint?dry_run=true", regions).get_json()
    assert plan["mask"] is None
    assert plan["finders"] == [
        {"query": "subject", "finder": "grabcut"},
        {"query": "box", "finder": "grabcut"},
    ]
    # Of 6,144 pixels, once for the result and twice for the searches: below the least cost.
    assert plan["cost"] == 0.1
    assert [warning["code"] for warning in plan["warnings"]] == []


@pytest.mark.parametrize(
    ("path", "regions", "fields", "expected"),
    [
        ("/inpaint", [{"find": "text"}], {}, [("/regions/0/find", "model_required")]),
        ("/masks", [{"point": [1, 1]}], {}, [("/regions/0/point", "model_required")]),
        ("/masks", [{"point": [96, 1]}], {}, [("/regions/0/point", "invalid_field")]),
        (
            "/masks",
            [{"box": [200, 0, 300, 9], "refine": True}],
            {},
            [("/regions/0/box", "invalid_field")],
        ),
        ("/masks", SUBJECT, {"seed": "1"}, [("/seed", "unknown_field")]),
        ("/masks", SUBJECT, {"mask_threshold": "9"}, [("/mask_threshold", "conflicting_fields")]),
        (
            "/inpaint",
            [{"box": [0, 0, 9, 9]}],
            {"if_nothing": "keep"},
            [("/if_nothing", "conflicting_fields")],
        ),
        ("/masks", [], {}, [("/regions", "invalid_field")]),
    ],
)
def test_regions_are_refused_by_name(
    client: FlaskClient,
    path: str,
    regions: list[dict[str, Any]],
    fields: dict[str, str],
    expected: list[tuple[str, str]],
) -> None:
    faults = faults_of(_post(client, path, regions, **fields))
    assert expected[0] in faults


def test_same_key_is_the_same_search(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k"}
    image = base64.b64encode(picture()).decode()
    body = {"image": image, "regions": SUBJECT}
    first, again = (client.post("/masks", json=body, headers=headers) for _ in range(2))
    assert first.get_json()["id"] == again.get_json()["id"]
    other = client.post("/masks", json={**body, "grow": 1}, headers=headers)
    assert other.get_json()["code"] == "idempotency_conflict"


def test_mask_of_an_ended_job_stands_for_a_mask(app: Flask, client: FlaskClient) -> None:
    job_id = _post(client, "/masks", SUBJECT).get_json()["id"]
    _claim(app, job_id)
    running = faults_of(_post_json(client, "/inpaint", mask={"job": job_id}))
    assert running == [("/mask", "invalid_field")]
    client.post(f"/jobs/{job_id}/cancel")
    context_of(app).store.claims.release(job_id, "c1", "drained")
    accepted = _post_json(client, "/inpaint", mask={"job": job_id}).get_json()
    assert accepted["mask"]["source"] == "mask"
    # It was copied: the other job may go.
    client.delete(f"/jobs/{job_id}")
    spec = context_of(app).store.jobs.load(accepted["id"], "default").record.spec
    assert spec.mask is not None
    assert context_of(app).blobs.get(spec.mask.path) == mask()


def test_only_masks_may_be_a_jobs(client: FlaskClient) -> None:
    job_id = post_inpaint(client).get_json()["id"]
    faults = faults_of(_post_json(client, "/inpaint", image={"job": job_id}, regions=SUBJECT))
    assert faults == [("/image", "invalid_field")]


def test_job_without_a_mask_is_no_mask(client: FlaskClient) -> None:
    job_id = post_inpaint(client).get_json()["id"]
    client.post(f"/jobs/{job_id}/cancel")
    for name in (job_id, "job_00000000000000000000000000", "upl_x"):
        faults = faults_of(_post_json(client, "/masks", mask={"job": name}))
        assert faults == [("/mask", "invalid_field")]


def test_models_lists_finders(client: FlaskClient) -> None:
    finders = client.get("/models").get_json()["finders"]
    built_in = next(one for one in finders if one["name"] == "grabcut")
    assert (built_in["configured"], built_in["finds"]) == (True, ["background", "box", "subject"])
