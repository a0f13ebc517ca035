"""`queue.eta_seconds` and `Retry-After`: what is told of the time that a job will take."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.contract.names import CPU_QUEUE, DEFAULT_NAMESPACE
from tests.support.http import context_of, finish_job, post_inpaint
from tests.support.pictures import picture
from tests.support.records import claim

PACE = f"{DEFAULT_NAMESPACE}:pace:{CPU_QUEUE}"


def _measure(app: Flask, seconds_per_cost: float) -> None:
    """Let so much have been measured."""
    redis: Any = context_of(app).store.redis
    redis.hset(PACE, mapping={"ms": seconds_per_cost * 1000, "cost": 1})


def _bring_workers(app: Flask, count: int) -> None:
    for number in range(count):
        store = context_of(app).store
        store.presence.announce(f"w{number}", CPU_QUEUE, methods=[], models=[], state="idle")


def _eta(client: FlaskClient, url: str) -> float | None:
    eta: float | None = client.get(url).get_json()["queue"]["eta_seconds"]
    return eta


def test_eta_is_null_until_measured_and_while_nobody_works(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    _bring_workers(app, 1)
    assert _eta(client, url) is None
    _measure(app, 10)
    assert _eta(client, url) is not None
    context_of(app).store.presence.leave("w0", CPU_QUEUE)
    assert _eta(client, url) is None


def test_eta_follows_the_work_ahead_and_the_workers(app: Flask, client: FlaskClient) -> None:
    urls = [post_inpaint(client).headers["Location"] for _ in range(4)]
    _measure(app, 100)
    _bring_workers(app, 2)
    # Each costs 0.1, so 10 s of one worker; both are in the middle of something.
    assert [_eta(client, url) for url in urls] == pytest.approx([5, 10, 15, 20], abs=0.01)
    claim(context_of(app).store)
    assert _eta(client, urls[0]) is None
    assert _eta(client, urls[1]) == pytest.approx(5, abs=0.01)


def test_pace_is_that_of_the_last_jobs(app: Flask, client: FlaskClient) -> None:
    _measure(app, 1000)
    redis: Any = context_of(app).store.redis
    for _ in range(60):
        post_inpaint(client)
        finish_job(app, picture())
    ms, cost = (float(value) for value in redis.hmget(PACE, "ms", "cost"))
    assert cost == pytest.approx(0.1 / 0.05, rel=0.1)
    assert ms / cost < 50_000 / 2
    assert redis.pttl(PACE) > 0


@pytest.mark.parametrize(("seconds", "expected"), [(0.01, 1), (20, 20), (10_000, 60)])
def test_retry_after_of_a_waiting_job_is_half_of_what_is_left(
    app: Flask, client: FlaskClient, seconds: float, expected: int
) -> None:
    url = [post_inpaint(client).headers["Location"] for _ in range(2)][1]
    _measure(app, seconds * 10)
    _bring_workers(app, 2)
    assert client.get(url).headers["Retry-After"] == str(expected)


def test_retry_after_of_a_running_job_shrinks(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    _measure(app, 400)
    store = context_of(app).store
    (job_id,) = claim(store)
    store.claims.report_started(job_id, "c1", 1)
    assert client.get(url).headers["Retry-After"] == "20"
    store.redis.hincrby(f"{DEFAULT_NAMESPACE}:job:{job_id}", "painting_at", -20_000)
    assert client.get(url).headers["Retry-After"] == "10"
    store.redis.hincrby(f"{DEFAULT_NAMESPACE}:job:{job_id}", "painting_at", -90_000)
    assert client.get(url).headers["Retry-After"] == "1"
