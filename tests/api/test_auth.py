"""API keys over HTTP: who gets in, to what, and what a tenant sees of another."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from service.store import JobStore
from tests.support.http import build_app, context_of, finish_job, post_inpaint
from tests.support.keys import bearer, make_key
from tests.support.pictures import picture

HIDDEN = [
    ("GET", ""),
    ("GET", "/result"),
    ("GET", "/results/0"),
    ("GET", "/mask"),
    ("GET", "/preview"),
    ("POST", "/cancel"),
    ("DELETE", ""),
]


@pytest.fixture
def keyed(broker_url: str, tmp_path: Path) -> Flask:
    return build_app(broker_url, tmp_path, auth="keys")


@pytest.fixture
def http(keyed: Flask) -> FlaskClient:
    return keyed.test_client()


@pytest.fixture
def store(keyed: Flask) -> JobStore:
    return context_of(keyed).store


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (None, None),
        ("", None),
        ("Basic YTpi", None),
        ("Bearer", "invalid_token"),
        ("Bearer pj_0123456789ab", "invalid_token"),
        (f"Bearer pj_0123456789ab_{'0' * 64}", "invalid_token"),
    ],
)
def test_call_without_a_valid_key_is_challenged(
    http: FlaskClient, header: str | None, error: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    for answer in (http.get("/limits", headers=headers), post_inpaint(http, headers=headers)):
        assert answer.status_code == 401
        assert answer.get_json()["code"] == "unauthorized"
        challenge = answer.headers["WWW-Authenticate"]
        assert challenge.startswith('Bearer realm="paintjob"')
        assert ("invalid_token" in challenge) == (error is not None)


def test_refused_upload_leaves_nothing(http: FlaskClient, redis_client: redis.Redis) -> None:
    assert post_inpaint(http).status_code == 401
    assert redis_client.keys("*") == []


def test_key_with_another_secret_is_refused(http: FlaskClient, store: JobStore) -> None:
    first, second = make_key(store), make_key(store)
    mixed = first.rpartition("_")[0] + "_" + second.rpartition("_")[2]
    assert http.get("/limits", headers=bearer(first)).status_code == 200
    assert http.get("/limits", headers=bearer(mixed)).status_code == 401


def test_scheme_is_read_in_any_case(http: FlaskClient, store: JobStore) -> None:
    key = make_key(store)
    assert http.get("/limits", headers={"Authorization": f"bearer  {key}"}).status_code == 200


def test_key_is_asked_for_by_name_of_the_scope(http: FlaskClient, store: JobStore) -> None:
    reads, writes = make_key(store, scopes=["jobs:read"]), make_key(store, scopes=["jobs:write"])
    job = post_inpaint(http, headers=bearer(writes)).get_json()
    assert http.get(job["links"]["self"], headers=bearer(reads)).status_code == 200
    for answer, scope in (
        (post_inpaint(http, headers=bearer(reads)), "jobs:write"),
        (http.delete(job["links"]["self"], headers=bearer(reads)), "jobs:write"),
        (http.get(job["links"]["self"], headers=bearer(writes)), "jobs:read"),
    ):
        assert answer.status_code == 403
        problem = answer.get_json()
        assert (problem["code"], scope in problem["detail"]) == ("forbidden", True)
        assert f'error="insufficient_scope", scope="{scope}"' in answer.headers["WWW-Authenticate"]


def test_revoked_key_is_refused_at_its_next_call(http: FlaskClient, store: JobStore) -> None:
    old, new = make_key(store), make_key(store)
    job = post_inpaint(http, headers=bearer(old)).get_json()
    store.keys.revoke(old.split("_")[1])
    assert http.get("/limits", headers=bearer(old)).status_code == 401
    assert http.get(job["links"]["self"], headers=bearer(new)).status_code == 200


def test_job_of_another_tenant_is_not_there(
    keyed: Flask, http: FlaskClient, store: JobStore
) -> None:
    own, other = make_key(store, "acme"), make_key(store, "umbrella")
    job = post_inpaint(http, headers=bearer(own)).get_json()
    finish_job(keyed, picture())
    unknown = f"{job['id'][:-4]}0000"
    for method, path in HIDDEN:
        foreign = http.open(f"/jobs/{job['id']}{path}", method=method, headers=bearer(other))
        missing = http.open(f"/jobs/{unknown}{path}", method=method, headers=bearer(other))
        assert (foreign.status_code, missing.status_code) == (404, 404), path
        told, expected = foreign.get_json(), missing.get_json()
        assert {**told, "request_id": ""} == {**expected, "request_id": ""}
    assert http.get(f"/jobs/{job['id']}/result", headers=bearer(own)).status_code == 200
    assert http.delete(f"/jobs/{job['id']}", headers=bearer(own)).status_code == 204
    gone = http.get(f"/jobs/{job['id']}", headers=bearer(other))
    assert gone.get_json()["code"] == "not_found", "not even that it was there"


def test_idempotency_keys_of_tenants_are_apart(http: FlaskClient, store: JobStore) -> None:
    own, twin, other = make_key(store), make_key(store), make_key(store, "umbrella")
    answers = [
        post_inpaint(http, headers={**bearer(key), "Idempotency-Key": "1"}, seed=7)
        for key in (own, twin, other)
    ]
    ids = [answer.get_json()["id"] for answer in answers]
    assert ids[0] == ids[1] != ids[2]


def test_open_paths_need_no_key_and_no_broker(tmp_path: Path) -> None:
    http = build_app("redis://127.0.0.1:1", tmp_path, auth="keys").test_client()
    for path in ("/health/live", "/version", "/openapi.yaml", "/errors", "/docs/"):
        assert http.get(path).status_code == 200, path
    assert http.get("/no/such/path").status_code == 404


def test_keys_cannot_be_checked_when_the_broker_is_away(tmp_path: Path) -> None:
    http = build_app("redis://127.0.0.1:1", tmp_path, auth="keys").test_client()
    answer = http.get("/limits", headers=bearer(f"pj_0123456789ab_{'0' * 64}"))
    assert (answer.status_code, answer.get_json()["code"]) == (503, "broker_unavailable")


def test_keyless_deployment_takes_calls_with_a_key_too(client: FlaskClient) -> None:
    assert client.get("/limits", headers=bearer("whatever")).status_code == 200
