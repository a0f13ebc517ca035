"""Webhooks over HTTP: what is taken, what is refused, the log of deliveries, sending again."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.contract.names import DEFAULT_TENANT
from service.courier.delivering import build_message
from tests.support.http import (
    build_app,
    context_of,
    faults_of,
    finish_job,
    post_form,
    post_inpaint,
    post_outpaint,
)
from tests.support.pictures import mask, picture
from tests.support.records import end, take

URL = "https://8.8.8.8/hook"


@pytest.fixture
def signing(app: Flask) -> None:
    """Return the tenant a key."""
    context_of(app).store.signing_keys.add(DEFAULT_TENANT, "whk_1", "whsec_AAAA")


@pytest.mark.usefixtures("signing")
def test_webhook_is_echoed_with_its_default_events(client: FlaskClient) -> None:
    job = post_inpaint(client, webhook_url=URL).get_json()
    assert job["params"]["webhook_url"] == URL
    assert job["params"]["webhook_events"] == ["job.succeeded", "job.failed", "job.canceled"]
    assert job["links"]["deliveries"] == f"/jobs/{job['id']}/deliveries"
    assert client.get(job["links"]["deliveries"]).get_json() == {"deliveries": []}


@pytest.mark.usefixtures("signing")
def test_webhook_events_are_a_list_in_forms_and_json(client: FlaskClient) -> None:
    form = post_outpaint(client, left="8", webhook_url=URL, webhook_events='["job.running"]')
    assert form.get_json()["params"]["webhook_events"] == ["job.running"]
    for events in ('["job.started"]', '["job.failed", "job.failed"]', "[]", "job.failed"):
        response = post_outpaint(client, left="8", webhook_url=URL, webhook_events=events)
        assert {code for _, code in faults_of(response)} == {"invalid_field"}


def test_job_without_a_webhook_says_so(client: FlaskClient) -> None:
    job = post_inpaint(client).get_json()
    assert job["links"]["deliveries"] is None
    assert job["params"]["webhook_url"] is job["params"]["webhook_events"] is None
    again = client.post(f"/jobs/{job['id']}/deliveries/redeliver")
    assert (again.status_code, again.get_json()["code"]) == (409, "no_webhook")


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_webhook_that_nobody_could_sign_is_refused(client: FlaskClient, query: str) -> None:
    fields = {"image": (picture(), "i.png"), "mask": (mask(), "m.png"), "webhook_url": URL}
    response = post_form(client, f"/inpaint{query}", fields)
    assert faults_of(response) == [("/webhook_url", "webhook_key_required")]


@pytest.mark.usefixtures("signing")
@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/",
        "https://127.0.0.1/",
        "https://0x7f.1/",
        "https://[fd00::1]/",
        "https://169.254.169.254/",
        "https://user@8.8.8.8/",
        "receiver.example/hook",
    ],
)
def test_webhook_that_leads_astray_is_refused_without_an_echo(
    client: FlaskClient, url: str
) -> None:
    response = post_inpaint(client, webhook_url=url, seed="x")
    assert faults_of(response) == [("/seed", "invalid_field")]
    response = post_inpaint(client, webhook_url=url, num_images="2")
    assert ("/webhook_url", "invalid_field") in faults_of(response)
    assert url not in response.text


def test_webhook_events_without_a_url_are_refused(client: FlaskClient) -> None:
    response = post_inpaint(client, webhook_events='["job.failed"]')
    assert faults_of(response) == [("/webhook_events", "invalid_field")]


def test_private_and_plain_receivers_are_taken_when_allowed(
    broker_url: str, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"webhook_allow_http": True, "webhook_allow_private": True}
    app = build_app(broker_url, tmp_path, **settings)
    context_of(app).store.signing_keys.add(DEFAULT_TENANT, "whk_1", "whsec_AAAA")
    client = app.test_client()
    assert post_inpaint(client, webhook_url="http://127.0.0.1:9/").status_code == 202
    astray = post_inpaint(client, webhook_url="http://169.254.169.254/")
    assert faults_of(astray) == [("/webhook_url", "invalid_field")]


@pytest.mark.usefixtures("signing")
def test_deliveries_tell_every_try(app: Flask, client: FlaskClient) -> None:
    job = post_inpaint(client, webhook_url=URL).get_json()
    store = context_of(app).store
    finish_job(app, picture())
    (taken,) = take(store)
    end(store, taken, "refused", status=503)
    (delivery,) = client.get(job["links"]["deliveries"]).get_json()["deliveries"]
    assert delivery["id"] == taken.event_id
    assert (delivery["event"], delivery["state"], delivery["tries"]) == (
        "job.succeeded",
        "pending",
        1,
    )
    assert delivery["next_try_at"] > delivery["created_at"]
    (attempt,) = delivery["attempts"]
    assert (attempt["status"], attempt["error"], attempt["seconds"]) == (503, "refused", 0.1)


@pytest.mark.usefixtures("signing")
def test_redeliver_sends_the_last_event_again_or_the_one_named(
    app: Flask, client: FlaskClient
) -> None:
    job = post_inpaint(client, webhook_url=URL).get_json()
    store = context_of(app).store
    finish_job(app, picture())
    (taken,) = take(store)
    end(store, taken)
    path = f"{job['links']['deliveries']}/redeliver"
    for query in ("", f"?webhook_id={taken.event_id}"):
        response = client.post(path + query)
        assert response.status_code == 202
        (delivery,) = response.get_json()["deliveries"]
        assert delivery["state"] == "pending"
        (again,) = take(store, f"t{query}")
        assert again.event_id == taken.event_id
        end(store, again)
    assert client.post(f"{path}?webhook_id=job_X-1").get_json()["code"] == "no_webhook"
    assert client.post(f"{path}?id=1").get_json()["code"] == "unknown_field"


@pytest.mark.usefixtures("signing")
def test_deliveries_of_a_foreign_or_wiped_job_are_not_found(
    app: Flask, client: FlaskClient
) -> None:
    for path in ("/jobs/x/deliveries", "/jobs/job_01KAQ3C8T6XW3V1Z0F9B2M4N5P/deliveries"):
        assert client.get(path).get_json()["code"] == "not_found"
        assert client.post(f"{path}/redeliver").get_json()["code"] == "not_found"
    job = post_inpaint(client, webhook_url=URL).get_json()
    finish_job(app, picture())
    client.delete(f"/jobs/{job['id']}")
    assert client.get(job["links"]["deliveries"]).get_json()["code"] == "job_expired"
    left = context_of(app).store.redis.keys("*")
    assert not [key for key in left if b"outbox" in key or b"webhooks" in key]


@pytest.mark.usefixtures("signing")
def test_idempotency_key_covers_the_webhook(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first = post_inpaint(client, headers=headers, webhook_url=URL)
    assert post_inpaint(client, headers=headers, webhook_url=URL).json == first.json
    other = post_inpaint(client, headers=headers, webhook_url=f"{URL}2")
    assert other.get_json()["code"] == "idempotency_conflict"
    assert json.loads(first.text)["status"] == "queued"


# Of batches ---------------------------------------------------------------------------------------


def _post_batch(client: FlaskClient, url: str = URL, **headers: str) -> TestResponse:
    image = base64.b64encode(picture()).decode()
    item = {"operation": "outpaint", "image": image, "left": 8}
    document = {"items": [item, {"operation": "erase"}], "webhook_url": url}
    return client.post("/batches", json=document, headers=headers)


@pytest.mark.usefixtures("signing")
def test_batch_is_told_of_once_and_again_on_request(app: Flask, client: FlaskClient) -> None:
    batch = _post_batch(client).get_json()
    assert batch["webhook_url"] == URL
    deliveries = batch["links"]["deliveries"]
    assert client.get(deliveries).get_json() == {"deliveries": []}
    early = client.post(f"{deliveries}/redeliver")
    assert (early.status_code, early.get_json()["code"]) == (409, "no_webhook")
    finish_job(app, picture())
    store = context_of(app).store
    (taken,) = take(store)
    message = build_message(taken, "")
    assert message.url == URL
    shown = client.get(batch["links"]["self"]).get_json()
    assert json.loads(message.body) == {**shown, "type": "batch.completed"}
    end(store, taken)
    (delivery,) = client.get(deliveries).get_json()["deliveries"]
    assert (delivery["event"], delivery["state"]) == ("batch.completed", "delivered")
    for query in ("", f"?webhook_id={taken.event_id}"):
        response = client.post(f"{deliveries}/redeliver{query}")
        assert response.status_code == 202
        (again,) = take(store, f"t{query}")
        assert build_message(again, "") == message
        end(store, again)
    assert client.post(f"{deliveries}/redeliver?id=1").get_json()["code"] == "unknown_field"


@pytest.mark.usefixtures("signing")
def test_batch_that_is_deleted_is_told_to_nobody(app: Flask, client: FlaskClient) -> None:
    batch = _post_batch(client).get_json()
    assert client.delete(batch["links"]["self"]).status_code == 204
    store = context_of(app).store
    assert take(store) == []
    left = [key for key in store.redis.keys("*") if b"outbox" in key or b":webhooks:" in key]
    assert left == []
    gone = client.get(batch["links"]["deliveries"])
    assert (gone.status_code, gone.get_json()["code"]) == (404, "not_found")


def test_batch_whose_webhook_breaks_a_rule_is_refused_whole(client: FlaskClient) -> None:
    assert faults_of(_post_batch(client)) == [("/webhook_url", "webhook_key_required")]
    astray = _post_batch(client, "https://127.0.0.1/")
    codes = ["invalid_field", "webhook_key_required"]
    assert faults_of(astray) == [("/webhook_url", code) for code in codes]
    keys = context_of(client.application).store.redis.keys("*:batch:*")
    assert keys == []


def test_batch_without_a_webhook_says_so(client: FlaskClient) -> None:
    batch = client.post("/batches", json={"items": [{}]}).get_json()
    assert batch["webhook_url"] is batch["links"]["deliveries"] is None


@pytest.mark.usefixtures("signing")
def test_batch_that_is_handed_in_again_is_told_of_once(app: Flask, client: FlaskClient) -> None:
    key = {"Idempotency-Key": "nightly"}
    first, second = (_post_batch(client, **key).get_json() for _ in range(2))
    assert first == second
    finish_job(app, picture())
    assert _post_batch(client, **key).get_json()["status"] == "ended"
    assert [taken.subject_id for taken in take(context_of(app).store)] == [first["id"]]


def test_deliveries_of_a_foreign_batch_are_not_found(client: FlaskClient) -> None:
    for path in ("/batches/x/deliveries", "/batches/batch_01KAQ3C8T6XW3V1Z0F9B2M4N5P/deliveries"):
        assert client.get(path).get_json()["code"] == "not_found"
        assert client.post(f"{path}/redeliver").get_json()["code"] == "not_found"
