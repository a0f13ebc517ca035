"""Limits over HTTP: 429 with the fields that tell a client how long to wait, and what is left."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from service.local.broker import EmbeddedBroker
from service.store import JobStore
from tests.support.http import (
    build_app,
    context_of,
    finish_job,
    post_form,
    post_inpaint,
    post_outpaint,
)
from tests.support.keys import bearer, make_key
from tests.support.patience import wait_for
from tests.support.pictures import encode, picture
from tests.support.snapshots import take_snapshot

_ITEM = re.compile(r'"([a-z-]+)"((?:;[a-z]+=(?:[0-9]+|"[a-z]+"))*)')


@pytest.fixture
def keyed(broker_url: str, tmp_path: Path) -> Flask:
    return build_app(broker_url, tmp_path, auth="keys")


@pytest.fixture
def http(keyed: Flask) -> FlaskClient:
    return keyed.test_client()


@pytest.fixture
def store(keyed: Flask) -> Iterator[JobStore]:
    yield context_of(keyed).store


def _read(answer: TestResponse, field: str) -> dict[str, dict[str, str]]:
    """Read a field, as strictly as its grammar is: a list of strings with parameters."""
    found = {}
    for member in answer.headers[field].split(", "):
        matched = _ITEM.fullmatch(member)
        assert matched, member
        pairs = [pair.partition("=") for pair in matched[2].split(";") if pair]
        found[matched[1]] = {name: value.strip('"') for name, _, value in pairs}
    return found


def test_requests_of_a_key_are_counted_down_to_429(http: FlaskClient, store: JobStore) -> None:
    key, twin = make_key(store, requests_per_minute=3), make_key(store, requests_per_minute=3)
    for left in ("2", "1", "0"):
        answer = http.get("/limits", headers=bearer(key))
        assert answer.status_code == 200
        assert _read(answer, "RateLimit-Policy") == {"requests": {"q": "3", "w": "60"}}
        assert _read(answer, "RateLimit")["requests"]["r"] == left
    for refused in (
        http.get("/jobs/job_1", headers=bearer(key)),
        post_inpaint(http, headers=bearer(key)),
    ):
        assert refused.status_code == 429
        assert refused.get_json()["code"] == "rate_limited"
        assert refused.get_json()["retryable"] is True
        standing = _read(refused, "RateLimit")["requests"]
        assert standing["r"] == "0"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert int(standing["t"]) == int(refused.headers["Retry-After"])
    assert http.get("/limits", headers=bearer(twin)).status_code == 200
    assert http.get("/health/live").status_code == 200
    assert "RateLimit" not in http.get("/version").headers


def test_counters_lie_in_the_slot_of_the_namespace_and_run_out(
    http: FlaskClient, store: JobStore
) -> None:
    http.get("/limits", headers=bearer(make_key(store, requests_per_minute=3)))
    snapshot = take_snapshot(store.redis, "{paintjob}")
    names: list[bytes] = store.redis.keys("*")  # type: ignore[assignment]
    assert any(name.startswith(b"{paintjob}:rate:") for name in names)
    # What stands in the first braces decides the slot.
    assert {name.partition(b"}")[0] for name in names} == {b"{paintjob"}
    assert not {name for name in snapshot.kept if name.startswith("rate:")}


def test_submission_tells_what_is_left_of_jobs_and_pixels(
    http: FlaskClient, store: JobStore
) -> None:
    key = make_key(store, requests_per_minute=60, unfinished_jobs=2, megapixels_per_minute=0.25)
    headers = bearer(key)
    answer = post_inpaint(http, headers=headers)
    assert answer.status_code == 202
    assert _read(answer, "RateLimit-Policy") == {
        "requests": {"q": "60", "w": "60"},
        "pixels": {"q": "250000", "qu": "pixels", "w": "60"},
        "jobs": {"q": "2", "qu": "jobs"},
        "tenant-jobs": {"q": "2000", "qu": "jobs"},
        "stored-jobs": {"q": "20000", "qu": "jobs"},
        "stored-bytes": {"q": "50000000000", "qu": "bytes"},
    }
    standing = _read(answer, "RateLimit")
    assert 150_000 <= int(standing["pixels"]["r"]) < 160_000
    assert standing["jobs"] == {"r": "1"}
    assert standing["tenant-jobs"] == {"r": "1999"}
    assert standing["stored-jobs"] == {"r": "19999"}

    assert post_inpaint(http, headers=headers).status_code == 202
    refused = post_inpaint(http, headers=headers)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_jobs")
    assert _read(refused, "RateLimit")["jobs"] == {"r": "0", "t": "10"}
    job_id = answer.get_json()["id"]
    assert http.delete(f"/jobs/{job_id}", headers=headers).status_code == 204
    spent = post_inpaint(http, headers=headers)
    assert (spent.status_code, spent.get_json()["code"]) == (429, "rate_limited")
    assert "pixel" in spent.get_json()["detail"]
    assert _read(spent, "RateLimit")["pixels"]["r"] == "0"
    assert 1 <= int(spent.headers["Retry-After"]) <= 24


def test_refused_job_leaves_no_picture(http: FlaskClient, store: JobStore, tmp_path: Path) -> None:
    headers = bearer(make_key(store, unfinished_jobs=1))
    post_inpaint(http, headers=headers)
    assert post_inpaint(http, headers=headers).status_code == 429
    wiped = store.wipes.take()
    assert len(wiped) == 1


def test_replayed_job_is_not_charged_again(http: FlaskClient, store: JobStore) -> None:
    key = make_key(store, unfinished_jobs=1, megapixels_per_minute=0.1)
    headers = {**bearer(key), "Idempotency-Key": "once"}
    first = post_inpaint(http, headers=headers, seed=1)
    again = post_inpaint(http, headers=headers, seed=1)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert _read(again, "RateLimit")["jobs"] == {"r": "0"}


def test_plan_costs_no_pixels(http: FlaskClient, store: JobStore) -> None:
    headers = bearer(make_key(store, megapixels_per_minute=0.1))
    assert post_inpaint(http, headers=headers).status_code == 202
    limits = http.get("/limits", headers=headers)
    assert limits.get_json()["max_megapixels_per_minute"] == 0.1
    assert "RateLimit" not in limits.headers


def test_tenants_limit_is_told_where_nobody_is_asked(broker_url: str, tmp_path: Path) -> None:
    unlimited = {"tenant_stored_jobs": 0, "tenant_stored_bytes": 0}
    http = build_app(broker_url, tmp_path, tenant_job_limit=1, **unlimited).test_client()
    answer = post_outpaint(http, right=8)
    assert _read(answer, "RateLimit") == {"tenant-jobs": {"r": "0"}}
    refused = post_outpaint(http, right=8)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_many_jobs")
    assert _read(refused, "RateLimit-Policy") == {"tenant-jobs": {"q": "1", "qu": "jobs"}}


def test_defaults_hold_for_keys_without_limits_and_for_all_who_send_none(
    broker_url: str, tmp_path: Path
) -> None:
    defaults = {"key_requests_per_minute": 2, "key_unfinished_jobs": 5}
    app = build_app(broker_url, tmp_path, auth="keys", **defaults)
    store, http = context_of(app).store, app.test_client()
    plain, own = make_key(store), make_key(store, requests_per_minute=9)
    told = {key: http.get("/limits", headers=bearer(key)) for key in (plain, own)}
    assert told[plain].get_json()["max_requests_per_minute"] == 2
    assert told[own].get_json()["max_requests_per_minute"] == 9
    assert told[own].get_json()["max_unfinished_jobs_of_key"] == 5
    keyless = build_app(broker_url, tmp_path, **defaults).test_client()
    statuses = [keyless.get("/limits").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


@pytest.mark.slow
def test_requests_are_counted_here_while_the_broker_is_away(
    private_broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.access.limits.OWN_COUNT_SECONDS", 0.2)
    app = build_app(private_broker.url, tmp_path, key_requests_per_minute=3)
    http = app.test_client()
    assert _read(http.get("/limits"), "RateLimit")["requests"]["r"] == "2"
    private_broker.kill()
    answers = [http.get("/limits") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert _read(answers[0], "RateLimit")["requests"]["r"] == "2", "a count of its own"
    private_broker.start()

    def is_let_in() -> bool:
        answers.append(http.get("/limits"))
        return answers[-1].status_code == 200

    wait_for(is_let_in)
    assert _read(answers[-1], "RateLimit")["requests"]["r"] == "1", "the shared count goes on"


def test_limits_of_a_key_hold_for_the_facade_and_for_batches(
    http: FlaskClient, store: JobStore
) -> None:
    key = bearer(make_key(store, unfinished_jobs=1))
    assert post_inpaint(http, headers=key).status_code == 202
    hole = Image.new("RGBA", (96, 64), "black")
    hole.paste((0, 0, 0, 0), (16, 16, 48, 40))
    form = {"image": (picture(), "a.png"), "mask": (encode(hole), "m.png"), "prompt": "x"}
    refused = post_form(http, "/v1/images/edits", form, key)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (429, "too_many_jobs")
    assert _read(refused, "RateLimit")["jobs"]["r"] == "0"
    items = [{"operation": "outpaint", "image": {"part": "a"}, "right": 9}]
    parts = {"a": (picture(), "a.png"), "batch": json.dumps({"items": items})}
    assert post_form(http, "/batches", parts, key).get_json()["counts"]["refused"] == 1


def test_stored_jobs_and_bytes_are_limited_and_reported(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path, tenant_stored_jobs=2, tenant_stored_bytes=10**6)
    http = app.test_client()
    first, second = post_outpaint(http, right=8), post_outpaint(http, right=8)
    size = len(picture())
    assert _read(second, "RateLimit")["stored-jobs"] == {"r": "0"}
    assert _read(second, "RateLimit")["stored-bytes"] == {"r": str(10**6 - 2 * size)}
    limits = http.get("/limits").get_json()
    assert limits["stored"] == {"jobs": 2, "batches": 0, "uploads": 0, "bytes": 2 * size}
    assert (limits["max_stored_jobs"], limits["max_stored_bytes"]) == (2, 10**6)
    finish_job(app, picture())
    refused = post_outpaint(http, right=8)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_much_stored")
    assert _read(refused, "RateLimit")["stored-jobs"] == {"r": "0", "t": "60"}
    assert refused.headers["Retry-After"] == "60"
    assert http.delete(f"/jobs/{first.get_json()['id']}").status_code == 204
    assert post_outpaint(http, right=8).status_code == 202


def test_batches_are_limited_and_a_known_key_still_leads_to_its_batch(
    broker_url: str, tmp_path: Path
) -> None:
    http = build_app(broker_url, tmp_path, tenant_stored_batches=1).test_client()
    batch, key = {"items": [{"operation": "erase"}]}, {"Idempotency-Key": "k"}
    first = http.post("/batches", json=batch, headers=key)
    assert _read(first, "RateLimit") == {"batches": {"r": "0"}}
    refused = http.post("/batches", json=batch)
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_much_stored")
    assert http.post("/batches", json=batch, headers=key).get_json()["id"] == first.json["id"]  # type: ignore[index]
    assert http.get("/limits").get_json()["stored"]["batches"] == 1
    assert http.delete(f"/batches/{first.json['id']}").status_code == 204  # type: ignore[index]
    assert http.post("/batches", json=batch).status_code == 202


def test_uploads_are_limited_and_their_bytes_count_once_for_all_jobs(
    broker_url: str, tmp_path: Path
) -> None:
    app = build_app(broker_url, tmp_path, tenant_stored_uploads=1)
    http, size = app.test_client(), len(picture())
    kept = post_form(http, "/uploads", {"file": (picture(), "a.png")})
    assert _read(kept, "RateLimit")["uploads"] == {"r": "0"}
    refused = post_form(http, "/uploads", {"file": (picture(), "a.png")})
    assert (refused.status_code, refused.get_json()["code"]) == (429, "too_much_stored")
    reference = {"upload": kept.get_json()["id"]}
    items = [{"operation": "outpaint", "image": reference, "left": n} for n in range(1, 6)]
    assert http.post("/batches", json={"items": items}).get_json()["counts"]["refused"] == 0
    stored = {"jobs": 5, "batches": 1, "uploads": 1, "bytes": size}
    assert http.get("/limits").get_json()["stored"] == stored
    assert http.delete(f"/uploads/{reference['upload']}").status_code == 204
    assert http.get("/limits").get_json()["stored"] == {**stored, "uploads": 0}
    assert post_form(http, "/uploads", {"file": (picture(), "a.png")}).status_code == 201


def test_stored_is_null_while_the_broker_is_away(tmp_path: Path) -> None:
    answer = build_app("redis://127.0.0.1:1", tmp_path).test_client().get("/limits").get_json()
    assert answer["stored"] is None
