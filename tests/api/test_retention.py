"""Nothing is left of a wiped job: looked for in all of Redis and in every file of the store."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from service.contract.names import DEFAULT_NAMESPACE
from service.courier.main import round_once
from service.store.wakeups import Wakeups
from tests.support.http import build_app, context_of, finish_job, post_inpaint
from tests.support.patience import PATIENCE_SECONDS, wait_for
from tests.support.pictures import encode, mask
from tests.support.records import Clock
from tests.support.server import running_server

WINDOW = 16
PROMPT = "a door in the color of ripe apricots"
TAG = "tag-of-somebody"
PICTURE = encode(Image.effect_noise((96, 64), 90).convert("RGB"))
RESULT = encode(Image.effect_noise((96, 64), 80).convert("RGB"))
MASK = mask()
KEY = "key-of-somebody"

READERS: dict[str, Callable[[Any, bytes], Any]] = {
    "string": lambda redis, key: redis.get(key),
    "hash": lambda redis, key: redis.hgetall(key),
    "list": lambda redis, key: redis.lrange(key, 0, -1),
    "set": lambda redis, key: redis.smembers(key),
    "zset": lambda redis, key: redis.zrange(key, 0, -1),
    "stream": lambda redis, key: redis.xrange(key),
}


@pytest.fixture
def app(broker_url: str, tmp_path: Path) -> Flask:
    return build_app(broker_url, tmp_path, self_model=True)


def _read_all(app: Flask, folder: Path) -> Iterator[bytes]:
    redis: Any = context_of(app).store.redis
    for key in redis.scan_iter(count=1000):
        yield key
        yield from _flatten(READERS[redis.type(key).decode()](redis, key))
    for path in folder.rglob("*"):
        yield path.name.encode()
        if path.is_file():
            yield path.read_bytes()


def _flatten(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from _flatten([*value, *value.values()])
    else:
        for part in value:
            yield from _flatten(part)


def _find_traces(app: Flask, folder: Path) -> set[str]:
    """Return what of the job can still be found."""
    pictures = {"picture": PICTURE, "result": RESULT, "mask": MASK}
    windows = {
        data[start : start + WINDOW]: name
        for name, data in pictures.items()
        for start in range(len(data) - WINDOW + 1)
    }
    texts = (PROMPT, TAG, KEY)
    found = set()
    for data in _read_all(app, folder):
        found |= {text for text in texts if text.encode() in data}
        starts = range(len(data) - WINDOW + 1)
        found |= {windows[data[i : i + WINDOW]] for i in starts if data[i : i + WINDOW] in windows}
    return found


def _post(client: FlaskClient, **fields: Any) -> str:
    given = {"tags": json.dumps([TAG]), **fields}
    response = post_inpaint(client, PICTURE, MASK, {"Idempotency-Key": KEY}, **given)
    assert response.status_code == 202, response.text
    return str(response.get_json()["id"])


def _finished(app: Flask, client: FlaskClient, **fields: Any) -> str:
    _post(client, **fields)
    return finish_job(app, RESULT)


def test_traces_are_found_while_the_job_is_there(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    assert _find_traces(app, tmp_path) == set()
    _finished(app, client)
    assert _find_traces(app, tmp_path) == {"picture", "result", "mask", TAG}


def test_delete_leaves_nothing_at_once(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    job_id = _finished(app, client)
    assert client.delete(f"/jobs/{job_id}").status_code == 204
    assert _find_traces(app, tmp_path) == set()
    for path in ("", "/result", "/mask"):
        gone = client.get(f"/jobs/{job_id}{path}")
        assert (gone.status_code, gone.get_json()["code"]) == (404, "job_expired")
    assert client.get("/jobs").get_json()["jobs"] == []


def test_delete_leaves_nothing_of_a_waiting_job_with_a_prompt(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    job_id = _post(client, method="generate")
    redis: Any = context_of(app).store.redis
    record = f"{DEFAULT_NAMESPACE}:job:{job_id}"
    spec = json.loads(redis.hget(record, "spec"))
    # The built-in model takes no prompt; a record that has one must go all the same.
    redis.hset(record, "spec", json.dumps(spec | {"params": spec["params"] | {"prompt": PROMPT}}))
    assert PROMPT in _find_traces(app, tmp_path)
    assert client.delete(f"/jobs/{job_id}").status_code == 204
    assert _find_traces(app, tmp_path) == set()


def _run_courier(app: Flask) -> None:
    context = context_of(app)
    Clock(context.store).reaped(1)
    round_once(context.store, Wakeups(context.store.redis, DEFAULT_NAMESPACE), context.blobs)


def test_delete_is_made_up_for_when_the_store_is_away(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    job_id = _finished(app, client)
    (tmp_path / "blobs").rename(tmp_path / "away")
    (tmp_path / "blobs").write_text("no folder")
    assert client.delete(f"/jobs/{job_id}").status_code == 204
    (tmp_path / "blobs").unlink()
    (tmp_path / "away").rename(tmp_path / "blobs")
    assert "picture" in _find_traces(app, tmp_path)
    _run_courier(app)
    assert _find_traces(app, tmp_path) == set()


def test_expiry_leaves_nothing(app: Flask, client: FlaskClient, tmp_path: Path) -> None:
    job_id = _finished(app, client, ttl_seconds="1")
    Clock(context_of(app).store).expire(job_id)
    _run_courier(app)
    assert _find_traces(app, tmp_path) == set()
    assert client.get(f"/jobs/{job_id}").get_json()["code"] == "job_expired"
    again = post_inpaint(
        client, PICTURE, MASK, {"Idempotency-Key": KEY}, tags=json.dumps([TAG]), ttl_seconds="1"
    )
    assert again.get_json()["code"] == "job_expired"


def test_no_store_hands_the_result_out_once(
    app: Flask, client: FlaskClient, tmp_path: Path
) -> None:
    job_id = _finished(app, client, no_store="true")
    url = f"/jobs/{job_id}/result"
    assert client.get(f"/jobs/{job_id}").get_json()["params"]["ttl_seconds"] == 600
    first = client.get(url)
    assert (first.status_code, first.data) == (200, RESULT)
    assert first.headers["Cache-Control"] == "no-store"
    assert client.get(url).get_json()["code"] == "job_expired"
    assert _find_traces(app, tmp_path) == set()


def test_no_store_keeps_what_was_not_handed_out_whole(app: Flask, client: FlaskClient) -> None:
    url = f"/jobs/{_finished(app, client, no_store='true')}/result"
    assert client.head(url).status_code == 200
    assert client.get(url, headers={"Range": "bytes=0-9"}).status_code == 206
    etag = client.head(url).headers["ETag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    cut_off = client.get(url, buffered=False)
    next(iter(cut_off.response))
    cut_off.close()
    assert client.get(url).data == RESULT


def test_no_store_is_refused_with_several_pictures_or_a_long_life(client: FlaskClient) -> None:
    fields = {"no_store": "true", "num_images": "2", "ttl_seconds": "3601"}
    response = post_inpaint(client, **fields)  # type: ignore[arg-type]
    assert response.status_code == 422
    pointers = {fault["pointer"] for fault in response.get_json()["errors"]}
    assert pointers == {"/num_images", "/ttl_seconds"}
    assert {fault["code"] for fault in response.get_json()["errors"]} == {"conflicting_fields"}


@pytest.mark.slow
@pytest.mark.parametrize("size", [16_000_000, 500_000])
def test_no_store_survives_a_client_that_goes_away(
    broker_url: str, tmp_path: Path, size: int
) -> None:
    result = os.urandom(size)
    with running_server(broker_url, tmp_path) as server:
        app = build_app(broker_url, tmp_path / "data")
        url = f"/jobs/{_finished_with(app, result)}/result"
        with socket.socket() as client:
            # What the client's machine has not taken lies in the server's: that is not delivered.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(f"GET {url} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
            time.sleep(0.5)
        whole = httpx2.get(server.url + url)
        assert (whole.status_code, whole.content) == (200, result)
        _wait_until_wiped(server.url + url)


@pytest.mark.slow
def test_no_store_waits_for_a_client_that_is_slow(broker_url: str, tmp_path: Path) -> None:
    result = os.urandom(300_000)
    with running_server(broker_url, tmp_path, PAINTJOB_CLIENT_SILENCE_SECONDS="2") as server:
        url = f"/jobs/{_finished_with(build_app(broker_url, tmp_path / 'data'), result)}/result"
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            client.connect(("127.0.0.1", server.port))
            client.sendall(f"GET {url} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = b""
            while not answer.endswith(result):
                answer += client.recv(30_000)
                # Longer in all than a client may be silent, and never silent for so long.
                time.sleep(0.25)
                assert len(answer) < 310_000
            _wait_until_wiped(server.url + url)


def _wait_until_wiped(url: str) -> None:
    """Ask without taking anything."""
    wait_for(lambda: httpx2.head(url, timeout=PATIENCE_SECONDS).status_code == 404)


def _finished_with(app: Flask, result: bytes) -> str:
    assert post_inpaint(app.test_client(), no_store="true").status_code == 202
    return finish_job(app, result)
