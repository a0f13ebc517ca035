"""Batches are listed, planned, waited for and followed."""

from __future__ import annotations

import io
import json
import threading
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.api.openapi.document import build_document
from service.contract.names import DEFAULT_NAMESPACE
from tests.api.test_openapi import _check as check_schema
from tests.support.http import context_of, finish_job
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.pictures import picture

IMAGE = picture()
ITEM = {"operation": "outpaint", "image": {"part": "a"}, "right": 8}


def _post(client: FlaskClient, items: list[dict[str, Any]], query: str = "") -> TestResponse:
    data = {"batch": json.dumps({"items": items}), "a": (io.BytesIO(IMAGE), "a.png")}
    return client.post(f"/batches{query}", data=data)


def _begin(client: FlaskClient, count: int = 1) -> str:
    response = _post(client, [ITEM] * count)
    assert response.status_code == 202, response.text
    return str(response.get_json()["id"])


def test_batches_are_listed_newest_first(app: Flask, client: FlaskClient) -> None:
    ids = [_begin(client) for _ in range(5)]
    client.delete(f"/batches/{ids[1]}")
    found: list[str] = []
    following: str | None = "/batches?limit=2"
    while following is not None:
        page = client.get(following)
        check_schema(build_document(), "BatchList", page.get_json())
        found += [batch["id"] for batch in page.get_json()["batches"]]
        following = page.get_json()["links"]["next"]
        assert (following is None) == ("Link" not in page.headers)
    assert found == [ids[4], ids[3], ids[2], ids[0]]
    assert context_of(app).store.batches.load_page("other", limit=9) == ([], None)
    for query in ("limit=0", "limit=101", "cursor=x", "tag=a"):
        assert client.get(f"/batches?{query}").status_code == 422, query


def test_dry_run_plans_every_item_and_keeps_nothing(app: Flask, client: FlaskClient) -> None:
    items = [ITEM, {**ITEM, "rigth": 8}, {**ITEM, "right": 40}]
    response = _post(client, items, "?dry_run=true")
    plan = response.get_json()
    assert response.status_code == 200
    check_schema(build_document(), "BatchPlan", plan)
    assert (plan["total"], plan["refused"]) == (3, 1)
    assert [item["plan"] and item["plan"]["width"] for item in plan["items"]] == [104, None, 136]
    assert plan["items"][1]["problem"]["errors"][0]["pointer"] == "/rigth"
    assert plan["cost"] == sum(item["plan"]["cost"] for item in plan["items"] if item["plan"])
    assert client.get("/batches").get_json()["batches"] == []
    assert client.get("/jobs").get_json()["jobs"] == []
    assert client.get("/limits").get_json()["stored"]["bytes"] == 0
    for query in ("?dry_run=1", "?dry=true"):
        assert _post(client, items, query).status_code == 422


def test_wait_ends_with_the_batch_or_its_next_change(app: Flask, client: FlaskClient) -> None:
    batch_id = _begin(client, 2)
    url = f"/batches/{batch_id}"
    first = client.get(url)
    etag = {"If-None-Match": first.headers["ETag"]}
    assert client.get(url, headers=etag).status_code == 304
    held = client.get(url, headers={**etag, "Prefer": "wait=1"})
    assert (held.status_code, held.headers["Preference-Applied"]) == (304, "wait=1")
    changed = _wait_beside(app, url, {**etag, "Prefer": "wait=60"})
    assert changed.get_json()["counts"]["succeeded"] == 1
    ended = _wait_beside(app, url, {"Prefer": "wait=60"})
    assert ended.get_json()["status"] == "ended"
    # One that has ended is answered at once, and needs no slot.
    assert client.get(url, headers={"Prefer": "wait=60"}).get_json() == ended.get_json()
    assert client.get(url, headers={"Prefer": "wait=x"}).status_code == 422


def test_events_show_the_batch_to_its_end(app: Flask, client: FlaskClient) -> None:
    batch_id = _begin(client, 2)
    stream = client.get(f"/batches/{batch_id}/events")
    assert stream.mimetype == "text/event-stream"
    messages = _Messages(stream)
    assert messages.read()["batch"]["counts"]["unfinished"] == 2
    finish_job(app, picture())
    assert messages.read()["batch"]["counts"]["succeeded"] == 1
    finish_job(app, picture())
    last = messages.read()
    assert (last["type"], last["batch"]["status"]) == ("ended", "ended")
    check_schema(build_document(), "BatchEvent", last)
    assert messages.read_rest() == ""
    again = client.get(f"/batches/{batch_id}/events", headers={"Last-Event-ID": "ended"})
    assert again.status_code == 204
    odd = client.get(f"/batches/{batch_id}/events", headers={"Last-Event-ID": "1-2-3"})
    assert odd.status_code == 422
    # The stream that woke the client goes with the batch.
    name = f"{DEFAULT_NAMESPACE}:events:{batch_id}"
    assert int(context_of(app).store.redis.pttl(name)) > 0


def test_events_end_when_the_batch_is_deleted(app: Flask, client: FlaskClient) -> None:
    batch_id = _begin(client)
    messages = _Messages(client.get(f"/batches/{batch_id}/events"))
    messages.read()
    client.delete(f"/batches/{batch_id}")
    kinds = []
    while "wiped" not in kinds:
        kinds.append(messages.read()["type"])
    assert set(kinds) <= {"progress", "ended", "wiped"}
    assert client.get(f"/batches/{batch_id}/events").status_code == 404


def _wait_beside(app: Flask, url: str, headers: dict[str, str]) -> TestResponse:
    """Request with a client that waits, and finish a job once it does."""
    found: list[TestResponse] = []
    thread = threading.Thread(
        target=lambda: found.append(app.test_client().get(url, headers=headers))
    )
    thread.start()
    streams = context_of(app).streams
    wait_for(lambda: any(watch.waiters for watch in streams._watched.values()))
    finish_job(app, picture())
    thread.join(PATIENCE_SECONDS)
    return found[0]


class _Messages:
    """The messages of a stream, one after the other."""

    def __init__(self, response: TestResponse) -> None:
        self._pieces = iter(response.iter_encoded())

    def read(self) -> dict[str, Any]:
        """Return the data of the next event."""
        for piece in self._pieces:
            for line in piece.decode().splitlines():
                if line.startswith("data: "):
                    found: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return found
        raise AssertionError("the stream has ended")

    def read_rest(self) -> str:
        """Return what else comes."""
        return b"".join(self._pieces).decode()
