"""Batches: many items under one id, each accepted or refused by itself."""

from __future__ import annotations

import base64
import io
import json
import socket
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.batches.refusals import MAX_PROBLEM_BYTES, MAX_SHOWN_FAULTS
from service.contract.errors import BrokerUnavailable
from tests.support.http import context_of, finish_job, post_form
from tests.support.pictures import mask, picture

IMAGE, MASK = picture(), mask()


def _post(
    client: FlaskClient,
    items: list[Any],
    files: dict[str, bytes] | None = None,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> TestResponse:
    batch = json.dumps({"items": items, **options})
    parts = {name: (data, name) for name, data in (files or {}).items()}
    return post_form(client, "/batches", {**parts, "batch": batch}, headers)


def _inpaint(**fields: Any) -> dict[str, Any]:
    return {"operation": "inpaint", "image": {"part": "a"}, "mask": {"part": "m"}, **fields}


def _post_three(client: FlaskClient, headers: dict[str, str] | None = None) -> dict[str, Any]:
    items = [
        _inpaint(seed=1),
        {"operation": "outpaint", "image": {"part": "a"}, "right": 20},
        _inpaint(seed=3),
    ]
    answer = _post(client, items, {"a": IMAGE, "m": MASK}, headers)
    assert answer.status_code == 202, answer.json
    batch: dict[str, Any] = answer.get_json()
    return batch


def _items(client: FlaskClient, batch: dict[str, Any]) -> list[dict[str, Any]]:
    answer = client.get(batch["links"]["items"])
    assert answer.json is not None
    items: list[dict[str, Any]] = answer.json["items"]
    return items


def test_batch_makes_a_job_of_each_item(client: FlaskClient) -> None:
    batch = _post_three(client)
    assert (batch["total"], batch["status"]) == (3, "running")
    assert batch["counts"]["unfinished"] == 3
    items = _items(client, batch)
    assert [item["status"] for item in items] == ["queued"] * 3
    jobs = [client.get(item["url"]).json for item in items]
    assert [job["operation"] for job in jobs if job] == ["inpaint", "outpaint", "inpaint"]
    assert [job["params"]["seed"] for job in jobs if job][::2] == [1, 3]
    assert all(job and job["batch_id"] == batch["id"] for job in jobs)


def test_batch_ends_with_its_last_job_and_streams_a_zip(app: Flask, client: FlaskClient) -> None:
    batch = _post_three(client)
    assert client.get(f"/batches/{batch['id']}/results.zip").status_code == 409
    for number in range(3):
        finish_job(app, b"picture %d" % number)
    ended = client.get(batch["links"]["self"]).json
    assert ended is not None
    assert (ended["status"], ended["fraction"], ended["counts"]["succeeded"]) == ("ended", 1, 3)
    assert ended["expires_at"] is not None
    with zipfile.ZipFile(io.BytesIO(client.get(ended["links"]["results"]).data)) as archive:
        assert archive.testzip() is None
        names = ["0000-0.png", "0001-0.png", "0002-0.png", "manifest.json"]
        assert archive.namelist() == names
        # What readers of streams need: deflated, and without 64-bit fields.
        kinds = {(info.compress_type, info.extract_version) for info in archive.infolist()}
        assert kinds == {(zipfile.ZIP_DEFLATED, 20)}
        manifest = json.loads(archive.read("manifest.json"))
        assert sorted(archive.read(name) for name in names[:3]) == [
            b"picture 0",
            b"picture 1",
            b"picture 2",
        ]
    assert [row["files"] for row in manifest["items"]] == [[name] for name in names[:3]]
    assert all(row["job"]["outputs"][0]["proof"] for row in manifest["items"])


def test_zip_has_resized_copies_beside_the_exact_results(app: Flask, client: FlaskClient) -> None:
    batch = _post_three(client)
    for _ in range(3):
        finish_job(app, b"exact", resized=b"resized")
    sent = client.get(f"/batches/{batch['id']}/results.zip").data
    with zipfile.ZipFile(io.BytesIO(sent)) as archive:
        assert archive.namelist()[:2] == ["0000-0.png", "0000-0-resized.png"]
        assert archive.read("0000-0-resized.png") == b"resized"


def test_items_are_refused_one_by_one(client: FlaskClient) -> None:
    items = [
        _inpaint(),
        _inpaint(strenght=0.5),
        {"operation": "erase"},
        {"operation": "outpaint", "image": {"part": "nobody"}, "left": 5},
        _inpaint(image={"upload": "upl_1"}),
        _inpaint(mask={"part": "m", "upload": "x"}),
        {"operation": "outpaint", "image": base64.b64encode(IMAGE).decode(), "left": 5},
    ]
    batch = _post(client, items, {"a": IMAGE, "m": MASK}).json
    assert batch is not None
    assert batch["counts"]["refused"] == 5
    found = _items(client, batch)
    statuses = ["queued", "refused", "refused", "refused", "refused", "refused", "queued"]
    assert [item["status"] for item in found] == statuses
    pointers = [item["problem"]["errors"][0]["pointer"] for item in found[1:6]]
    assert pointers == ["/strenght", "/operation", "/image", "/image", "/mask"]


def test_batch_of_refused_items_has_ended(client: FlaskClient) -> None:
    batch = _post(client, [{"operation": "erase"}]).json
    assert batch is not None
    assert (batch["status"], batch["counts"]["refused"]) == ("ended", 1)


def test_defaults_hold_where_an_item_says_nothing_else(client: FlaskClient) -> None:
    defaults = {"output_format": "jpeg", "priority": "low"}
    files = {"a": IMAGE, "m": MASK}
    batch = _post(client, [_inpaint(), _inpaint(priority="high")], files, defaults=defaults).json
    assert batch is not None
    params = [client.get(item["url"]).json["params"] for item in _items(client, batch)]  # type: ignore[index]
    assert [p["output_format"] for p in params] == ["jpeg", "jpeg"]
    assert [p["priority"] for p in params] == ["low", "high"]


def test_item_without_a_store_keeps_its_own_short_life(client: FlaskClient) -> None:
    files, items = {"a": IMAGE, "m": MASK}, [_inpaint(no_store=True), _inpaint()]
    batch = _post(client, items, files, ttl_seconds=7200).json
    assert batch is not None
    params = [client.get(item["url"]).json["params"] for item in _items(client, batch)]  # type: ignore[index]
    assert [p["ttl_seconds"] for p in params] == [600, 7200]
    told = _post(client, [_inpaint(no_store=True)], files, defaults={"ttl_seconds": 7200}).json
    assert told is not None
    assert told["counts"]["refused"] == 1


def test_refused_item_keeps_few_of_its_faults(app: Flask, client: FlaskClient) -> None:
    unknown = {f"{number:02}" * 32: 1 for number in range(100)}
    batch = _post(client, [{"operation": "outpaint"}] * 20, defaults=unknown).json
    assert batch is not None
    problem = _items(client, batch)[-1]["problem"]
    assert len(problem["errors"]) == MAX_SHOWN_FAULTS
    assert problem["detail"].startswith("101 rules are broken")
    assert _stored_bytes(app) < 9000


def _stored_bytes(app: Flask) -> int:
    """Return the bytes that the broker needs for the only batch and its items."""
    redis = context_of(app).store.redis
    keys = [key for key in redis.keys("*") if b":batch:" in key]
    return sum(redis.memory_usage(key, samples=0) or 0 for key in keys)


def test_refused_batch_takes_a_few_kilobytes_if_all_items_are_refused_alike(
    app: Flask, client: FlaskClient
) -> None:
    defaults = {f"{number:02}" * 32: 1 for number in range(100)}
    batch = _post(client, [{"operation": "outpaint"}] * 1000, defaults=defaults).json
    assert batch is not None
    assert batch["counts"]["refused"] == 1000
    assert _stored_bytes(app) < 9000
    page = client.get(batch["links"]["items"] + "?first=998&limit=2").get_json()["items"]
    assert [item["index"] for item in page] == [998, 999]
    assert page[0]["problem"] == page[1]["problem"]


def test_refused_batch_is_bounded_if_each_item_is_refused_for_another_reason(
    app: Flask, client: FlaskClient
) -> None:
    items = [
        {"operation": "outpaint", **{f"field{number}x{fault}": 1 for fault in range(9)}}
        if number % 2
        else {"operation": "erase"}
        for number in range(1000)
    ]
    batch = _post(client, items).json
    assert batch is not None
    assert _stored_bytes(app) < 2 * MAX_PROBLEM_BYTES + 16_000
    found = [
        item
        for first in range(0, 1000, 200)
        for item in client.get(batch["links"]["items"] + f"?first={first}&limit=200").json["items"]  # type: ignore[index]
    ]
    assert [item["status"] for item in found] == ["refused"] * 1000
    assert found[1]["problem"]["errors"][1]["pointer"].startswith("/field1x")
    last = found[999]["problem"]
    assert (last["code"], last["errors"]) == (found[1]["problem"]["code"], [])
    assert "send it alone" in last["detail"]
    assert found[998]["problem"] == found[0]["problem"]


def test_refused_items_of_earlier_releases_are_read(app: Flask, client: FlaskClient) -> None:
    batch = _post(client, [{"operation": "erase"}, _inpaint()]).json
    assert batch is not None
    problem = _items(client, batch)[0]["problem"]
    redis, key = context_of(app).store.redis, f"{{paintjob}}:batch:{batch['id']}:items"
    redis.delete(key)
    redis.hset(key, mapping={"0": "!" + json.dumps(problem), "1": "!" + json.dumps(problem)})
    assert [item["problem"] for item in _items(client, batch)] == [problem, problem]


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"items": []}, "/items"),
        ({"items": [{}] * 1001}, "/items"),
        ({"items": ["x"]}, "/items/0"),
        ({"items": [{}], "extra": 1}, "/extra"),
        ({}, "/items"),
    ],
)
def test_batch_that_breaks_a_rule_is_refused_whole(
    client: FlaskClient, document: dict[str, Any], pointer: str
) -> None:
    answer = client.post("/batches", json=document)
    assert answer.status_code == 422
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == pointer


def test_batch_key_gives_the_same_batch_and_no_job_twice(app: Flask, client: FlaskClient) -> None:
    key = {"Idempotency-Key": "nightly"}
    first, second = _post_three(client, key), _post_three(client, key)
    assert first["id"] == second["id"]
    assert _items(client, first) == _items(client, second)
    other = _post(client, [_inpaint()], {"a": IMAGE, "m": MASK}, key)
    assert (other.status_code, other.json and other.json["code"]) == (422, "idempotency_conflict")


def _break_after(app: Flask, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Have the broker fall silent after so many submissions."""
    store = context_of(app).store
    done: list[int] = []
    submit = store.jobs.submit

    def fragile(*args: Any, **kwargs: Any) -> Any:
        if len(done) == count:
            raise BrokerUnavailable("silent")
        done.append(1)
        return submit(*args, **kwargs)

    monkeypatch.setattr(store.jobs, "submit", fragile)


def test_batch_with_a_key_goes_on_where_it_broke_off(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {"Idempotency-Key": "nightly"}
    with monkeypatch.context() as patch:
        _break_after(app, patch, 2)
        answer = _post(client, [_inpaint()] * 3, {"a": IMAGE, "m": MASK}, key)
        assert answer.status_code == 503
    again = _post(client, [_inpaint()] * 3, {"a": IMAGE, "m": MASK}, key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json is not None
    assert len(_items(client, again.json)) == 3
    assert context_of(app).store.redis.zcard("{paintjob}:ready:paint-cpu") == 3


def test_batch_without_a_key_is_taken_back_when_it_breaks_off(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _break_after(app, patch, 2)
        assert _post(client, [_inpaint()] * 3, {"a": IMAGE, "m": MASK}).status_code == 503
    assert context_of(app).store.redis.zcard("{paintjob}:ready:paint-cpu") == 0


def test_cancel_stops_what_has_not_ended(app: Flask, client: FlaskClient) -> None:
    batch = _post_three(client)
    finish_job(app, b"x")
    answer = client.post(batch["links"]["cancel"])
    assert answer.status_code == 200
    assert answer.json is not None
    counts = answer.json["counts"]
    assert (counts["succeeded"], counts["canceled"], counts["unfinished"]) == (1, 2, 0)


def test_delete_wipes_the_batch_and_its_jobs(app: Flask, client: FlaskClient) -> None:
    batch = _post_three(client)
    urls = [item["url"] for item in _items(client, batch)]
    assert client.delete(batch["links"]["self"]).status_code == 204
    assert client.get(batch["links"]["self"]).status_code == 404
    assert [client.get(url).status_code for url in urls] == [404] * 3
    left = [key for key in context_of(app).store.redis.keys("*") if b":batch:" in key]
    assert left == []


def test_job_that_is_deleted_counts_for_its_batch(app: Flask, client: FlaskClient) -> None:
    batch = _post_three(client)
    for item in _items(client, batch):
        client.delete(item["url"])
    ended = client.get(batch["links"]["self"]).json
    assert ended is not None
    assert (ended["status"], ended["counts"]["deleted"]) == ("ended", 3)
    assert [item["status"] for item in _items(client, batch)] == ["wiped"] * 3


def test_items_come_in_pages(client: FlaskClient) -> None:
    batch = _post_three(client)
    first = client.get(batch["links"]["items"] + "?limit=2").json
    assert first is not None
    assert [item["index"] for item in first["items"]] == [0, 1]
    second = client.get(first["next"]).json
    assert second is not None
    assert [item["index"] for item in second["items"]] == [2]
    assert second["next"] is None
    assert client.get(batch["links"]["items"] + "?limit=0").status_code == 422


@pytest.mark.parametrize("path", ["", "/items", "/results.zip"])
def test_unknown_batch_is_not_found(client: FlaskClient, path: str) -> None:
    for name in ("batch_01KAQ3C8T6XW3V1Z0F9B2M4N5P", "nonsense"):
        assert client.get(f"/batches/{name}{path}").status_code == 404


def test_upload_serves_batches_and_single_requests(client: FlaskClient) -> None:
    upload = post_form(client, "/uploads", {"file": (IMAGE, "a.png")})
    assert upload.status_code == 201
    assert upload.json is not None
    assert (upload.json["width"], upload.json["format"]) == (96, "png")
    reference = {"upload": upload.json["id"]}
    one = client.post("/outpaint", json={"image": reference, "left": 10})
    assert one.status_code == 202
    items = [{"operation": "outpaint", "image": reference, "left": n} for n in (4, 8)]
    batch = client.post("/batches", json={"items": items}).json
    assert batch is not None
    assert batch["counts"]["refused"] == 0
    assert client.delete(upload.json["links"]["self"]).status_code == 204
    assert client.get(upload.json["links"]["self"]).status_code == 404
    again = client.post("/outpaint", json={"image": reference, "left": 10})
    assert again.status_code == 422


def test_upload_that_is_no_picture_is_refused(app: Flask, client: FlaskClient) -> None:
    answer = post_form(client, "/uploads", {"file": (b"x" * 400_000, "a.png")})
    assert answer.status_code == 415
    assert post_form(client, "/uploads", {"other": "x"}).status_code == 422


@pytest.mark.parametrize("query", ["first=1&first=2", "limit=0", "first=-1", "limit=201", "page=1"])
def test_items_refuse_a_query_that_breaks_a_rule(client: FlaskClient, query: str) -> None:
    batch = _post(client, [{"operation": "outpaint"}]).get_json()
    answer = client.get(f"/batches/{batch['id']}/items?{query}")
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == ""


def test_items_of_one_upload_share_its_file(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    upload = post_form(client, "/uploads", {"file": (picture(size=(700, 700)), "a.png")}).get_json()
    item = {"operation": "outpaint", "image": {"upload": upload["id"]}, "right": 20}
    batch = _post(client, [{**item, "seed": seed} for seed in range(20)]).get_json()
    assert batch["counts"]["refused"] == 0
    files = [path for path in tmp_path.rglob("image") if path.is_file()]
    assert len(files) == 20
    assert len({path.stat().st_ino for path in files}) == 1


def test_batch_ends_when_its_checks_take_too_long(app: Flask, client: FlaskClient) -> None:
    settings = context_of(app).settings
    object.__setattr__(settings, "batch_cpu_seconds", 1e-9)
    answer = _post(client, [_inpaint(seed=1)] * 3, {"a": IMAGE, "m": MASK})
    assert (answer.status_code, answer.get_json()["code"]) == (503, "too_much_work")
    assert "Idempotency-Key" in answer.get_json()["detail"]
    # Without a key nothing of it is left.
    assert client.get("/jobs").get_json()["jobs"] == []


def test_batch_of_a_client_that_is_gone_is_taken_back(app: Flask, client: FlaskClient) -> None:
    near, far = socket.socketpair()
    with near, far:
        far.close()
        data = {"batch": json.dumps({"items": [_inpaint(seed=1)] * 3})}
        files = {"a": (io.BytesIO(IMAGE), "a"), "m": (io.BytesIO(MASK), "m")}
        client.post("/batches", data={**data, **files}, environ_overrides={"gunicorn.socket": near})
    assert client.get("/jobs").get_json()["jobs"] == []
