"""`Prefer`, `Accept` and events on the app itself; `tests/system/test_waiting` has real clients."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient

from service.contract.errors import get_error_class
from service.contract.jobs import MaskEffective, Progress
from service.contract.names import CPU_QUEUE, preview_path
from service.store import failure_of
from tests.support.http import context_of, finish_job, post_form, post_inpaint, post_outpaint
from tests.support.patience import wait_for
from tests.support.pictures import mask, picture
from tests.support.sse import Message, parse_messages

WAIT = {"Prefer": "wait=20"}


@contextmanager
def _worker(app: Flask, resized: bytes | None = None) -> Iterator[None]:
    """Finish the next job as soon as there is one."""

    def work() -> None:
        wait_for(lambda: context_of(app).store.redis.zcard("{paintjob}:ready:paint-cpu") > 0)
        finish_job(app, picture(), resized=resized)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join()


def _events(client: FlaskClient, job_id: str, last: str = "") -> list[Message]:
    response = client.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": last} if last else {})
    assert response.status_code == 200, response.text
    assert response.mimetype == "text/event-stream"
    assert response.text.startswith("retry: 1000\n\n")
    return list(parse_messages(response.text.split("\n")))


def test_post_that_waits_gives_the_ended_job(app: Flask, client: FlaskClient) -> None:
    with _worker(app):
        answer = post_inpaint(client, headers=WAIT)
    assert (answer.status_code, answer.get_json()["status"]) == (200, "succeeded")
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert "Retry-After" not in answer.headers


def test_repeat_of_a_post_waits_for_the_same_job(app: Flask, client: FlaskClient) -> None:
    key = {"Idempotency-Key": "k"}
    first = post_inpaint(client, headers=key)
    with _worker(app):
        again = post_inpaint(client, headers={**key, **WAIT})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.get_json()["id"] == first.get_json()["id"]


def test_post_without_wish_or_async_answers_at_once(client: FlaskClient) -> None:
    plain = post_inpaint(client)
    assert plain.status_code == 202
    assert "Preference-Applied" not in plain.headers
    asked = post_inpaint(client, headers={"Prefer": "respond-async, handling=strict"})
    assert (asked.status_code, asked.headers["Preference-Applied"]) == (202, "respond-async")


def test_wrong_wish_is_told_with_all_other_faults(client: FlaskClient, app: Flask) -> None:
    answer = post_inpaint(client, headers={"Prefer": "wait=0"}, seed="x")
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.get_json()["errors"]} == {"Prefer", "/seed"}
    job_id = post_inpaint(client).get_json()["id"]
    poll = client.get(f"/jobs/{job_id}", headers={"Prefer": "wait=1000"})
    assert (poll.status_code, poll.get_json()["errors"][0]["pointer"]) == (422, "Prefer")


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("image/png", "image/png"),
        ("image/*", "image/png"),
        ("image/*, application/json;q=0.5", "image/png"),
        ("image/webp;q=0.9, image/png;q=0.4", "image/png"),
        ("*/*", "application/json"),
        ("image/*;q=0.5, application/json", "application/json"),
        ("image/jpeg, */*;q=0.1", "application/json"),
        ("application/json, application/problem+json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ('application/json;Charset="UTF-8";q=0.2, image/png;q=0.1', "application/json"),
    ],
)
def test_accept_chooses_between_job_and_picture(
    app: Flask, client: FlaskClient, accept: str, media_type: str
) -> None:
    with _worker(app):
        answer = post_inpaint(client, headers={**WAIT, "Accept": accept})
    assert (answer.status_code, answer.mimetype) == (200, media_type)
    if media_type == "image/png":
        assert answer.data == picture()
        assert (answer.headers["X-Seed"], answer.headers["X-Job-ID"][:4]) == ("0", "job_")


def test_picture_itself_is_sent_in_the_size_asked_for(app: Flask, client: FlaskClient) -> None:
    small = picture(48, 32)
    with _worker(app, small):
        headers = {**WAIT, "Accept": "image/png"}
        answer = post_inpaint(client, headers=headers, output_width="48")
    assert (answer.status_code, answer.data) == (200, small)
    exact = client.get(f"/jobs/{answer.headers['X-Job-ID']}/result")
    assert exact.data == picture()


@pytest.mark.parametrize(
    ("headers", "fields", "told"),
    [
        ({**WAIT, "Accept": "text/html"}, {}, "application/json"),
        ({**WAIT, "Accept": "application/json; version=2"}, {}, "application/json"),
        ({**WAIT, "Accept": "image/jpeg"}, {}, "output_format"),
        ({**WAIT, "Accept": "image/png"}, {"output_format": "webp"}, "webp"),
        (
            {**WAIT, "Accept": "image/*"},
            {"num_images": "2", "mirror_style": "guided"},
            "num_images",
        ),
        ({"Accept": "image/*"}, {}, "Prefer: wait"),
        ({**WAIT, "Accept": "image/png;q=0, image/webp"}, {}, "output_format"),
    ],
)
def test_accept_that_cannot_be_met_is_406_and_nothing_is_kept(
    app: Flask,
    client: FlaskClient,
    redis_client: redis.Redis,
    headers: dict[str, str],
    fields: dict[str, str],
    told: str,
) -> None:
    files = {"image": (picture(), "image.png"), "right": "8"}
    answer = post_form(client, "/outpaint", {**files, **fields}, headers)
    assert (answer.status_code, answer.get_json()["code"]) == (406, "not_acceptable")
    assert told in answer.get_json()["detail"]
    assert redis_client.keys("*") == []
    assert context_of(app).blobs.list("jobs/") == []


@pytest.mark.parametrize(
    ("code", "status"),
    [("deadline_exceeded", 504), ("hung", 503), ("internal", 500), ("gpu_out_of_memory", 422)],
)
def test_failed_job_is_its_problem_where_the_picture_was_asked_for(
    app: Flask, client: FlaskClient, code: str, status: int
) -> None:
    answers: list[Any] = []
    headers = {**WAIT, "Accept": "image/png"}
    thread = threading.Thread(
        target=lambda: answers.append(post_inpaint(app.test_client(), headers=headers))
    )
    thread.start()
    store = context_of(app).store
    wait_for(lambda: store.redis.zcard("{paintjob}:ready:paint-cpu") > 0)
    (claimed,) = store.claims.take(CPU_QUEUE, worker="test", claim_id="c1")
    store.claims.finish_failed(claimed.job_id, "c1", failure_of(get_error_class(code)("why")))
    thread.join()
    problem = answers[0].get_json()
    assert (answers[0].status_code, problem["code"], problem["detail"]) == (status, code, "why")
    assert answers[0].headers["X-Job-ID"] == claimed.job_id


def test_canceled_job_has_no_picture_to_give(app: Flask, client: FlaskClient) -> None:
    key = {"Idempotency-Key": "k"}
    job_id = post_inpaint(client, headers=key).get_json()["id"]
    client.post(f"/jobs/{job_id}/cancel")
    answer = post_inpaint(client, headers={**key, **WAIT, "Accept": "image/*"})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "no_result")


def test_plan_waits_for_nothing_and_meets_the_same_refusals(client: FlaskClient) -> None:
    files = {"image": (picture(), "i.png"), "mask": (mask(), "m.png")}
    path = "/inpaint?dry_run=true"
    assert post_form(client, path, files, {**WAIT, "Accept": "image/png"}).status_code == 200
    assert post_form(client, path, files, {"Accept": "image/png"}).status_code == 406
    assert post_form(client, path, files, {"Prefer": "wait=x"}).status_code == 422


def test_get_waits_for_nothing_when_the_job_has_ended(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    finish_job(app, picture())
    answer = client.get(url, headers=WAIT)
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=20")
    known = client.get(url, headers={**WAIT, "If-None-Match": answer.headers["ETag"]})
    assert known.status_code == 304
    assert client.get(url, headers={"Accept": "image/png"}).status_code == 406


def test_get_returns_at_once_what_the_caller_does_not_know(client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    answer = client.get(url, headers={**WAIT, "If-None-Match": '"older"'})
    assert (answer.status_code, answer.get_json()["status"]) == (200, "queued")


def test_events_tell_a_jobs_life(app: Flask, client: FlaskClient) -> None:
    job_id = post_outpaint(client, right="8").get_json()["id"]
    store = context_of(app).store
    store.claims.take(CPU_QUEUE, worker="test", claim_id="c1")
    store.claims.report_started(job_id, "c1", 1)
    store.claims.report_mask(
        job_id, "c1", 2, MaskEffective(coverage=0.5, box=[0, 0, 1, 1], components=1), "p"
    )
    for number, shown in enumerate((None, 0, 0, 1, None), start=3):
        path = None if shown is None else preview_path(job_id, "c1", shown)
        progress = Progress(stage="paint", step=number, steps=9, fraction=0.5, preview_path=path)
        store.claims.report_progress(job_id, "c1", number, progress)
    client.post(f"/jobs/{job_id}/cancel")
    store.claims.finish_failed(job_id, "c1", failure_of(get_error_class("hung")("why")))
    told = _events(client, job_id)
    names = "status status painting mask progress preview progress preview progress"
    assert " ".join(message.name for message in told) == f"{names} cancel_requested status"
    assert [message.data["version"] for message in told] == list(range(1, 12))
    assert all(message.name == message.data["type"] for message in told)
    assert told[1].data["status"] == "running"
    assert told[3].data["mask"]["coverage"] == 0.5
    assert told[5].data["progress"]["preview_url"] == f"/jobs/{job_id}/preview"
    assert told[-1].data["job"] == client.get(f"/jobs/{job_id}").get_json()
    assert all(message.data["job"] is None for message in told[:-1])
    # Wherever a client was cut, it gets exactly the rest.
    for place, message in enumerate(told[:-1], start=1):
        assert _events(client, job_id, message.id) == told[place:]
    done = client.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": told[-1].id})
    assert (done.status_code, done.data) == (204, b"")


def test_events_too_old_to_be_kept_are_told_of(app: Flask, client: FlaskClient) -> None:
    job_id = post_inpaint(client).get_json()["id"]
    first = _first_id(app, job_id)
    finish_job(app, picture())
    context_of(app).store.redis.xtrim(f"{{paintjob}}:events:{job_id}", maxlen=1, approximate=False)
    for last in ("", first):
        skipped, end = _events(client, job_id, last)
        assert (skipped.name, skipped.id, skipped.data["version"]) == ("skipped", "", 2)
        assert end.data["version"] == 3


def _first_id(app: Flask, job_id: str) -> str:
    return f"1-{context_of(app).store.events.load_after(job_id)[0].id}"


def test_id_of_what_the_broker_lost_is_taken_as_the_end(app: Flask, client: FlaskClient) -> None:
    job_id = post_inpaint(client).get_json()["id"]
    finish_job(app, picture())
    headers = {"Last-Event-ID": "9-99999999999999-0"}
    assert client.get(f"/jobs/{job_id}/events", headers=headers).status_code == 204


@pytest.mark.parametrize("last", ["x", "1", "1-2", "1-2-3-4", "-1-2-3", "1-2-" + "9" * 40])
def test_wrong_event_id_is_refused(client: FlaskClient, last: str) -> None:
    job_id = post_inpaint(client).get_json()["id"]
    answer = client.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.get_json()["errors"][0]["pointer"]) == (422, "Last-Event-ID")


def test_events_refuse_what_they_cannot_tell(client: FlaskClient) -> None:
    job_id = post_inpaint(client).get_json()["id"]
    url = f"/jobs/{job_id}/events"
    assert client.get("/jobs/nonsense/events").status_code == 404
    assert client.get(url, headers={"Accept": "application/json"}).status_code == 406
    head = client.head(url)
    assert (head.status_code, head.mimetype, head.data) == (200, "text/event-stream", b"")
    client.delete(f"/jobs/{job_id}")
    assert client.get(url).get_json()["code"] == "job_expired"


def test_limits_tell_how_many_may_wait_and_how_long(client: FlaskClient) -> None:
    limits = client.get("/limits").get_json()
    assert (limits["max_wait_seconds"], limits["max_waiting_clients"]) == (60, 128)


def test_refused_submission_leaves_no_slot_taken(app: Flask, client: FlaskClient) -> None:
    for _ in range(130):
        assert post_inpaint(client, headers=WAIT, seed="x").status_code == 422
    context_of(app).streams.admit().close()
