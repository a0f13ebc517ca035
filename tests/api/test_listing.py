"""`GET /jobs`: pages, filters, tenants, and what a list survives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.api.openapi.document import build_document
from service.contract.names import DEFAULT_NAMESPACE
from tests.api.test_openapi import _check as check_schema
from tests.support.http import context_of, finish_job, post_inpaint
from tests.support.pictures import picture
from tests.support.records import submit


def _post(client: FlaskClient, *tags: str) -> str:
    response = post_inpaint(client, tags=json.dumps(tags))
    assert response.status_code == 202, response.text
    return str(response.get_json()["id"])


def _ids(client: FlaskClient, url: str = "/jobs") -> list[str]:
    """Follow the list to its end."""
    found: list[str] = []
    following: str | None = url
    while following:
        page = client.get(following)
        assert page.status_code == 200, page.text
        found += [job["id"] for job in page.get_json()["jobs"]]
        following = page.get_json()["links"]["next"]
    return found


def test_list_shows_jobs_newest_first(app: Flask, client: FlaskClient) -> None:
    assert client.get("/jobs").get_json()["jobs"] == []
    ids = [_post(client, "a", "b"), _post(client)]
    finish_job(app, picture())
    jobs = client.get("/jobs").get_json()["jobs"]
    assert [job["id"] for job in jobs] == ids[::-1]
    assert [job["status"] for job in jobs] == ["queued", "succeeded"]
    assert jobs[1]["tags"] == ["a", "b"]
    assert jobs[1]["links"]["result"] == f"/jobs/{ids[0]}/result"
    whole = client.get(f"/jobs/{ids[0]}").get_json()
    shared = set(jobs[1]) & set(whole) - {"links"}
    assert {name: jobs[1][name] for name in shared} == {name: whole[name] for name in shared}
    check_schema(build_document(), "JobList", client.get("/jobs").get_json())


def test_pages_neither_repeat_nor_hide_while_jobs_come_and_go(
    app: Flask, client: FlaskClient
) -> None:
    ids = [submit(context_of(app).store) for _ in range(7)]
    first = client.get("/jobs?limit=3")
    body = first.get_json()
    assert [job["id"] for job in body["jobs"]] == ids[:3:-1]
    assert first.headers["Link"] == f'<{body["links"]["next"]}>; rel="next"'
    submit(context_of(app).store)
    client.delete(f"/jobs/{ids[4]}")
    finish_job(app, picture())
    assert _ids(client, body["links"]["next"]) == ids[3::-1]


def test_list_filters_by_status_and_tag(app: Flask, client: FlaskClient) -> None:
    red, both, none = _post(client, "red"), _post(client, "red", "red", "blue"), _post(client)
    finish_job(app, picture())
    client.post(f"/jobs/{none}/cancel")
    assert _ids(client, "/jobs?status=succeeded") == [red]
    assert _ids(client, "/jobs?status=canceled&status=succeeded&limit=1") == [none, red]
    assert _ids(client, "/jobs?tag=red") == [both, red]
    assert _ids(client, "/jobs?tag=red&status=queued&limit=1") == [both]
    assert _ids(client, "/jobs?tag=blue&status=failed") == []
    assert _ids(client, "/jobs?tag=Red") == []
    client.delete(f"/jobs/{both}")
    assert _ids(client, "/jobs?tag=red") == [red]


def test_list_leaves_out_other_tenants(app: Flask, client: FlaskClient) -> None:
    submit(context_of(app).store, tenant="other")
    assert _ids(client) == []


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=1.0", "limit=٣", "limit=5&limit=5", "status=done", "tag=",
     "tag=" + "x" * 65, "cursor=", "cursor=MTo0Mg%3D", "cursor=Mjo0Mg", "cursor=%C3%A9",
     "cursor=" + "A" * 5000, "page=2"],
)  # fmt: skip
def test_list_refuses_what_it_does_not_know(client: FlaskClient, query: str) -> None:
    response = client.get(f"/jobs?{query}")
    assert response.status_code == 422
    expected = "unknown_field" if query.startswith("page") else "invalid_field"
    assert response.get_json()["code"] == expected


def _forget_lists(app: Flask) -> Any:
    """Leave the records as a release without lists would have."""
    redis: Any = context_of(app).store.redis
    for name in redis.keys(f"{DEFAULT_NAMESPACE}:list:*") + redis.keys(
        f"{DEFAULT_NAMESPACE}:load:*"
    ):
        redis.delete(name)
    for name in redis.keys(f"{DEFAULT_NAMESPACE}:job:*"):
        redis.hdel(name, "tags")
    return redis


def test_records_from_before_the_lists_live_on(app: Flask, client: FlaskClient) -> None:
    old = [_post(client, "t"), _post(client, "t")]
    redis = _forget_lists(app)
    assert _ids(client) == []
    assert client.get(f"/jobs/{old[1]}").get_json()["queue"]["position"] == 1
    assert finish_job(app, picture()) == old[0]
    assert _ids(client) == [old[0]]
    assert [client.delete(f"/jobs/{job_id}").status_code for job_id in old] == [204, 204]
    assert not redis.keys(f"{DEFAULT_NAMESPACE}:l*")


def test_list_puts_right_what_an_older_worker_left_behind(app: Flask, client: FlaskClient) -> None:
    changed, gone = _post(client, "t"), _post(client, "t")
    redis: Any = context_of(app).store.redis
    redis.hset(f"{DEFAULT_NAMESPACE}:job:{changed}", "status", "running")
    redis.delete(f"{DEFAULT_NAMESPACE}:job:{gone}")
    assert _ids(client, "/jobs?status=queued") == []
    assert _ids(client, "/jobs?tag=t&status=running") == [changed]
    assert _ids(client) == [changed]
