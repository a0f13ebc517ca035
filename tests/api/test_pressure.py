"""Admission: jobs are refused before anything is stored, and those that were accepted go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask

from service.contract.names import CPU_QUEUE
from service.local.broker import EmbeddedBroker
from service.store import JobStore
from service.submission.admission import LOOK_SECONDS
from tests.support.http import build_app, context_of, finish_job, post_form, post_inpaint
from tests.support.pictures import picture
from tests.support.records import Clock
from tests.support.snapshots import take_snapshot


def _blobs(app: Flask) -> list[str]:
    return context_of(app).blobs.list("jobs/")


def _shrink(store: JobStore, share: float) -> None:
    """Have the broker use this share of what it may; of so much that buffers do not matter."""
    if not store.redis.exists("ballast"):
        # Made there: the buffer of a large command would count, and be gone a moment later.
        store.redis.setrange("ballast", 19_999_999, b"x")
    used = store.queues.load_memory().used_bytes
    assert used is not None
    store.redis.config_set("maxmemory", int(used / share))


def test_full_broker_refuses_jobs_and_lets_those_it_has_end(
    private_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    accepting = build_app(private_broker.url, tmp_path)
    job = post_inpaint(accepting.test_client()).get_json()
    store = context_of(accepting).store
    _shrink(store, 0.9)
    app = build_app(private_broker.url, tmp_path)
    client, before = app.test_client(), _blobs(app)
    keys = take_snapshot(store.redis, store.namespace).kept
    response = post_inpaint(client)
    assert (response.status_code, response.get_json()["code"]) == (503, "broker_full")
    assert int(response.headers["Retry-After"]) > 0
    assert _blobs(app) == before
    assert take_snapshot(store.redis, store.namespace).kept == keys
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.get_json()["code"]) == (503, "broker_full")
    limits = client.get("/limits").get_json()
    assert limits["pressure"]["refuses_with"] == "broker_full"
    assert limits["pressure"]["broker_max_bytes"] > 0
    assert finish_job(app, picture()) == job["id"]
    assert client.get(f"/jobs/{job['id']}").get_json()["status"] == "succeeded"
    assert client.get("/jobs").status_code == 200


def test_admission_opens_when_there_is_room_again(
    private_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    app = build_app(private_broker.url, tmp_path)
    store, admission = context_of(app).store, context_of(app).admission
    _shrink(store, 0.9)
    assert post_inpaint(app.test_client()).status_code == 503
    _shrink(store, 0.5)
    kept: Any = admission._room._kept
    admission._room._kept = (kept[0] - LOOK_SECONDS, kept[1])
    assert post_inpaint(app.test_client()).status_code == 202


def test_full_disk_refuses_jobs(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path, store_reserve_bytes=10**18)
    response = post_inpaint(app.test_client())
    assert (response.status_code, response.get_json()["code"]) == (503, "store_unavailable")
    assert _blobs(app) == []
    pressure = app.test_client().get("/limits").get_json()["pressure"]
    assert pressure["refuses_with"] == "store_unavailable"
    assert 0 < pressure["store_free_bytes"] < 10**18
    assert post_inpaint(app.test_client(), seed="x").status_code == 503


def test_full_queue_refuses_before_it_stores_and_still_replays(
    broker_url: str, tmp_path: Path
) -> None:
    app = build_app(broker_url, tmp_path, queue_limit=1)
    client, key = app.test_client(), {"Idempotency-Key": "k"}
    first = post_inpaint(client, headers=key).get_json()
    before = _blobs(app)
    response = post_inpaint(client)
    assert (response.status_code, response.get_json()["code"]) == (503, "queue_full")
    assert _blobs(app) == before
    again = post_inpaint(client, headers=key)
    assert (again.status_code, again.get_json()["id"]) == (202, first["id"])
    other = post_inpaint(client, headers={"Idempotency-Key": "other"})
    assert (other.status_code, other.get_json()["code"]) == (503, "queue_full")
    # It empties by itself: no balancer need take the API out for that.
    assert client.get("/health/ready").status_code == 200
    (queue,) = client.get("/limits").get_json()["pressure"]["queues"]
    expected = {"queue": CPU_QUEUE, "waiting": 1, "workers_online": 0, "refuses_with": "queue_full"}
    assert queue == expected


def test_queue_without_workers_refuses_before_it_stores(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path)
    Clock(context_of(app).store).miss_worker(CPU_QUEUE, 901)
    response = post_inpaint(app.test_client())
    assert (response.status_code, response.get_json()["code"]) == (503, "no_worker")
    assert _blobs(app) == []
    ready = app.test_client().get("/health/ready")
    assert (ready.status_code, ready.get_json()["code"]) == (503, "no_worker")


def test_plan_needs_no_room(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path, store_reserve_bytes=10**18)
    client = app.test_client()
    post = client.post
    client.post = lambda path, **given: post(f"{path}?dry_run=true", **given)  # type: ignore[method-assign]
    assert post_inpaint(client).status_code == 200


def test_limits_are_told_without_a_broker(tmp_path: Path) -> None:
    app = build_app(f"unix://{tmp_path}/nothing.sock", tmp_path)
    response = app.test_client().get("/limits")
    assert (response.status_code, response.get_json()["pressure"]) == (200, None)
    refused = post_inpaint(app.test_client())
    assert (refused.status_code, refused.get_json()["code"]) == (503, "broker_unavailable")


def test_full_broker_refuses_batches_and_uploads(
    private_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    app = build_app(private_broker.url, tmp_path)
    client, store = app.test_client(), context_of(app).store
    _shrink(store, 0.9)
    keys = take_snapshot(store.redis, store.namespace).kept
    for response in (
        client.post("/batches", json={"items": [{"operation": "erase"}]}),
        post_form(client, "/uploads", {"file": (picture(), "a.png")}),
    ):
        assert (response.status_code, response.get_json()["code"]) == (503, "broker_full")
    assert take_snapshot(store.redis, store.namespace).kept == keys


def test_full_disk_refuses_uploads(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path, store_reserve_bytes=10**18)
    response = post_form(app.test_client(), "/uploads", {"file": (picture(), "a.png")})
    assert (response.status_code, response.get_json()["code"]) == (503, "store_unavailable")
    assert _blobs(app) == []
