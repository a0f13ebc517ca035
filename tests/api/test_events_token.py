"""Tokens for the URL of a job's events: what they open, and when they end."""

from __future__ import annotations

import time
from base64 import b64encode
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.access.events_token import make_token
from service.contract.keys import find_key_id
from tests.support.http import build_app, context_of, finish_job, post_inpaint
from tests.support.keys import bearer, make_key
from tests.support.pictures import picture


@pytest.fixture
def keyed(broker_url: str, tmp_path: Path) -> Flask:
    return build_app(broker_url, tmp_path, auth="keys")


def _submit(app: Flask, key: str) -> str:
    """Submit a job and end it; return its id."""
    job_id: str = post_inpaint(app.test_client(), headers=bearer(key)).get_json()["id"]
    finish_job(app, picture())
    return job_id


def _make(client: FlaskClient, job_id: str, key: str) -> str:
    answer = client.post(f"/jobs/{job_id}/events-token", headers=bearer(key))
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    url: str = answer.get_json()["url"]
    return url


def test_token_opens_the_events_of_its_job_alone(keyed: Flask) -> None:
    client, store = keyed.test_client(), context_of(keyed).store
    key = make_key(store)
    job_id, other = _submit(keyed, key), _submit(keyed, key)
    url = _make(client, job_id, make_key(store, scopes=["jobs:read"]))
    answer = client.get(url)
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert "event: status" in answer.text
    query = url.partition("?")[2]
    for path in (f"/jobs/{other}/events", f"/jobs/{job_id}", f"/jobs/{job_id}/result", "/jobs"):
        assert client.get(f"{path}?{query}").status_code == 401
    assert client.delete(f"/jobs/{job_id}?{query}").status_code == 401
    assert client.get(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 401
    assert client.get(f"/jobs/{job_id}/events?token=").status_code == 401
    assert "token" not in client.get(f"/jobs/{job_id}", headers=bearer(key)).text
    unread = client.get(f"/jobs/{job_id}/events?after=3", headers=bearer(key))
    assert unread.get_json()["code"] == "unknown_field"


def test_token_ends_with_its_time_and_with_its_key(keyed: Flask) -> None:
    client, store = keyed.test_client(), context_of(keyed).store
    key = make_key(store)
    job_id = _submit(keyed, key)
    kept = store.keys.find(find_key_id(key) or "")
    assert kept is not None
    late = make_token(kept, job_id, int(time.time()) - 1)
    answer = client.get(f"/jobs/{job_id}/events?token={late}")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "unauthorized")
    url = _make(client, job_id, key)
    store.keys.revoke(kept.id)
    assert client.get(url).status_code == 401


def test_token_is_of_a_job_of_the_caller(keyed: Flask) -> None:
    client, store = keyed.test_client(), context_of(keyed).store
    job_id = _submit(keyed, make_key(store))
    stranger = bearer(make_key(store, tenant="other"))
    assert client.post(f"/jobs/{job_id}/events-token", headers=stranger).status_code == 404
    assert client.post(f"/jobs/{job_id}/events-token").status_code == 401


def test_without_keys_the_url_needs_no_token(app: Flask, client: FlaskClient) -> None:
    job_id = post_inpaint(client).get_json()["id"]
    finish_job(app, picture())
    made = client.post(f"/jobs/{job_id}/events-token").get_json()
    assert made["url"] == f"/jobs/{job_id}/events"
    assert client.get(made["url"]).status_code == 200


def test_token_of_a_batch_opens_its_events_alone(keyed: Flask) -> None:
    client, key = keyed.test_client(), make_key(context_of(keyed).store)
    item = {"operation": "outpaint", "right": 8, "image": b64encode(picture()).decode()}
    batch = client.post("/batches", json={"items": [item]}, headers=bearer(key)).get_json()
    job_id = finish_job(keyed, picture())
    made = client.post(f"/batches/{batch['id']}/events-token", headers=bearer(key))
    url = made.get_json()["url"]
    assert "event: ended" in client.get(url).text
    query = url.partition("?")[2]
    for path in (f"/jobs/{job_id}/events", f"/batches/{batch['id']}", "/batches"):
        assert client.get(f"{path}?{query}").status_code == 401
    unread = client.get(f"/batches/{batch['id']}/events?x=1", headers=bearer(key))
    assert unread.get_json()["code"] == "unknown_field"
