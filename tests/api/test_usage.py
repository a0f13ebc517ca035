"""`GET /usage`: what the keys of a tenant have used, by day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from service.api.openapi.document import build_document
from tests.api.test_openapi import _check as check_schema
from tests.support.http import context_of, finish_job, post_inpaint
from tests.support.pictures import picture
from tests.support.records import FAILURE, claim, submit, succeed

DAY_MS = 86_400_000


def test_usage_counts_succeeded_jobs_once(app: Flask, client: FlaskClient) -> None:
    assert client.get("/usage").get_json() == {"days": []}
    post_inpaint(client)
    finish_job(app, picture())
    store = context_of(app).store
    failed = submit(store)
    claim(store)
    store.claims.finish_failed(failed, "c1", FAILURE)
    answer = client.get("/usage").get_json()
    [day] = answer["days"]
    assert (day["key_id"], day["jobs"], day["megapixels"]) == (None, 1, 0.1)
    assert (datetime.now(UTC).date() - date.fromisoformat(day["day"])).days in (0, 1)
    assert day["seconds"] >= 0
    check_schema(build_document(), "UsageAnswer", answer)


def test_usage_is_the_same_when_a_commit_is_repeated(app: Flask) -> None:
    store = context_of(app).store
    job_id = submit(store)
    claim(store)
    for _ in range(2):
        succeed(store, job_id)
    assert [(used.jobs, used.pixels) for used in store.usage.load("default", 1)] == [(1, 1_000_000)]


def test_usage_of_each_day_and_key_is_listed_apart(app: Flask, client: FlaskClient) -> None:
    store = context_of(app).store
    today = int(store.redis.time()[0]) * 1000 // DAY_MS
    for ago, key_id, jobs in ((0, "b", 3), (0, "a", 2), (2, "a", 1), (40, "a", 9)):
        name = store.scripts.key("usage", "default", str(today - ago))
        counts: dict[Any, Any] = {
            f"{key_id} jobs": jobs,
            f"{key_id} pixels": 250_000,
            f"{key_id} ms": 1500,
        }
        store.redis.hset(name, mapping=counts)
    other = store.scripts.key("usage", "other", str(today))
    store.redis.hset(other, mapping={"c jobs": 1, "c pixels": 1, "c ms": 1})
    days = client.get("/usage").get_json()["days"]
    assert [(day["key_id"], day["jobs"]) for day in days] == [("a", 2), ("b", 3), ("a", 1)]
    assert (days[0]["megapixels"], days[0]["seconds"]) == (0.25, 1.5)
    assert len(client.get("/usage?days=93").get_json()["days"]) == 4


def test_usage_refuses_what_it_does_not_read(client: FlaskClient) -> None:
    for query in ("days=0", "days=94", "days=a", "days=1&days=2", "month=1"):
        answer = client.get(f"/usage?{query}")
        assert answer.status_code == 422, answer.text
