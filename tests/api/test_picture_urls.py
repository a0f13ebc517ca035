"""Pictures by URL: from allowed hosts alone, bounded in size and time, judged as they come."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from tests.support.certificates import make_certificate
from tests.support.http import build_app, context_of, faults_of, post_form
from tests.support.patience import wait_for
from tests.support.picture_host import PictureHost, running_picture_host
from tests.support.pictures import mask, picture

IMAGE, MASK = picture(), mask()
BuildClient = Callable[..., FlaskClient]


@pytest.fixture
def host() -> Iterator[PictureHost]:
    with running_picture_host() as running:
        running.put("/a.png", IMAGE)
        running.put("/m.png", MASK)
        yield running


@pytest.fixture
def build_client(broker_url: str, tmp_path: Path, host: PictureHost) -> BuildClient:
    """Return a function that builds a client of an app that allows the host."""

    def build(**settings: Any) -> FlaskClient:
        given = {
            "image_url_hosts": f"127.0.0.1:{host.port},localhost:{host.port}",
            "image_url_allow_http": True,
            "image_url_allow_private": True,
            "image_url_timeout_seconds": 60.0,
            **settings,
        }
        return build_app(broker_url, tmp_path, **given).test_client()

    return build


def _inpaint(client: FlaskClient, url: str, query: str = "", **fields: Any) -> TestResponse:
    encoded = base64.b64encode(MASK).decode()
    document = {"image": {"url": url}, "mask": encoded, **fields}
    return client.post(f"/inpaint{query}", json=document)


def _blobs(client: FlaskClient) -> list[str]:
    folder = context_of(client.application).settings.data_dir / "blobs"
    return [str(path) for path in folder.rglob("*") if path.is_file()]


def test_pictures_by_url_become_the_jobs_own(build_client: BuildClient, host: PictureHost) -> None:
    client = build_client()
    response = _inpaint(client, host.url("/a.png?sig=secret"), mask={"url": host.url("/m.png")})
    assert response.status_code == 202, response.text
    sent = client.post(
        "/inpaint",
        json={name: base64.b64encode(data).decode() for name, data in _pair()},
        headers={"Idempotency-Key": "k"},
    )
    assert response.get_json()["mask"] == sent.get_json()["mask"]
    (path, headers), _ = host.requests
    assert path == "/a.png?sig=secret"
    assert headers["Accept-Encoding"] == "identity"
    assert not {"Authorization", "Cookie", "Referer"} & set(headers)
    assert client.get("/limits").get_json()["takes_image_urls"] is True


def _pair() -> list[tuple[str, bytes]]:
    return [("image", IMAGE), ("mask", MASK)]


def test_url_is_neither_kept_nor_logged(build_client: BuildClient, host: PictureHost) -> None:
    client = build_client()
    with capture_logs() as logs:
        _inpaint(client, host.url("/a.png?sig=secret"))
        _inpaint(client, host.url("/gone.png?sig=secret"))
    store = context_of(client.application).store
    (job,) = store.jobs.load_page("default").jobs
    record = store.redis.hgetall(f"{store.namespace}:job:{job.job_id}")
    assert "a.png" not in str(record)
    assert "a.png" not in str(logs)
    outcomes = [line["outcome"] for line in logs if line["event"] == "picture_fetched"]
    assert outcomes == ["ok", "image_not_served"]


def test_dry_run_fetches_and_keeps_nothing(build_client: BuildClient, host: PictureHost) -> None:
    host.put("/large.png", picture(700, 500, "RGB", compress_level=0))
    client = build_client()
    large = base64.b64encode(mask(700, 500)).decode()
    response = _inpaint(client, host.url("/large.png"), "?dry_run=true", mask=large)
    assert response.status_code == 200, response.text
    assert len(host.requests) == 1
    assert _blobs(client) == []


def test_urls_are_no_pictures_unless_hosts_are_allowed(
    build_client: BuildClient, host: PictureHost
) -> None:
    client = build_client(image_url_hosts="")
    response = _inpaint(client, host.url("/a.png"))
    assert faults_of(response) == [("/image", "invalid_field")]
    assert response.get_json()["errors"][0]["message"].startswith("pictures by URL are off")
    assert client.get("/limits").get_json()["takes_image_urls"] is False


@pytest.mark.parametrize(
    ("settings", "url", "rule"),
    [
        ({}, "http://127.0.0.1:9/a.png", "operator allows"),
        ({}, "http://2130706433:{port}/a.png", "operator allows"),
        ({}, "http://example.org/a.png", "operator allows"),
        ({}, "http://user:pw@127.0.0.1:{port}/a.png", "user"),
        ({}, "http://127.0.0.1:{port}/a.png#x", "fragment"),
        ({}, "file:///etc/passwd", "absolute https"),
        ({}, "ftp://127.0.0.1/a.png", "absolute https"),
        ({}, "a.png", "absolute https"),
        ({"image_url_allow_http": False}, "http://127.0.0.1:{port}/a.png", "must be an https URL"),
        ({"image_url_allow_private": False}, "http://127.0.0.1:{port}/a.png", "private"),
        ({"image_url_allow_private": False}, "http://localhost:{port}/a.png", "private"),
    ],
)
def test_url_that_leads_astray_is_refused_without_an_echo(
    build_client: BuildClient, host: PictureHost, settings: dict[str, Any], url: str, rule: str
) -> None:
    response = _inpaint(build_client(**settings), url.format(port=host.port))
    assert faults_of(response) == [("/image", "invalid_field")]
    assert rule in response.get_json()["detail"]
    assert "a.png" not in response.text
    assert host.requests == []


@pytest.mark.parametrize(
    ("served", "code"),
    [
        ({"status": 302, "headers": {"Location": "/a.png"}}, "image_not_served"),
        ({"status": 404}, "image_not_served"),
        ({"status": 204}, "image_not_served"),
        ({"status": 206}, "image_not_served"),
        ({"headers": {"Content-Encoding": "gzip"}}, "image_not_served"),
        ({"status": 503}, "image_unreachable"),
        ({"status": 429}, "image_unreachable"),
        ({"declared": len(IMAGE) + 1}, "image_unreachable"),
        ({"pause_seconds": 0.02}, "image_unreachable"),
    ],
)
def test_host_that_serves_no_picture_is_told_as_a_fault_of_the_field(
    build_client: BuildClient, host: PictureHost, served: dict[str, Any], code: str
) -> None:
    host.put("/x.png", IMAGE, **served)
    client = build_client(image_url_timeout_seconds=0.4 if "pause_seconds" in served else 60.0)
    response = _inpaint(client, host.url("/x.png"))
    status = 424 if code == "image_unreachable" else 422
    assert faults_of(response, status) == [("/image", code)]
    assert response.get_json()["retryable"] is (code == "image_unreachable")
    assert len(host.requests) == 1
    both = _inpaint(client, host.url("/x.png"), seed=-1)
    assert faults_of(both) == [("/image", code), ("/seed", "invalid_field")]


def test_host_that_does_not_answer_is_unreachable(build_client: BuildClient) -> None:
    client = build_client(image_url_hosts="127.0.0.1:9,nowhere.invalid")
    for url in ("http://127.0.0.1:9/a.png", "http://nowhere.invalid/a.png"):
        assert faults_of(_inpaint(client, url), 424) == [("/image", "image_unreachable")]


@pytest.mark.parametrize("is_declared", [True, False])
def test_picture_that_is_too_large_is_not_read_to_its_end(
    build_client: BuildClient, host: PictureHost, is_declared: bool
) -> None:
    body = IMAGE + bytes(30_000_000)
    host.put("/x.png", body, declared=len(body) if is_declared else None)
    client = build_client(max_part_bytes=600_000)
    response = _inpaint(client, host.url("/x.png"))
    assert (response.status_code, response.get_json()["code"]) == (413, "body_too_large")
    wait_for(lambda: host.ended == 1)
    assert host.sent < 20_000_000


@pytest.mark.parametrize("body", [b"", b"GIF89a", b"<html>" * 1_000_000])
def test_what_is_no_picture_is_refused_at_its_first_bytes(
    build_client: BuildClient, host: PictureHost, body: bytes
) -> None:
    host.put("/x.png", body, headers={"Content-Type": "image/png"})
    response = _inpaint(build_client(), host.url("/x.png"))
    assert faults_of(response, 415) == [("/image", "unsupported_media_type")]
    wait_for(lambda: host.ended == 1)
    assert host.sent < 5_000_000


def test_picture_that_breaks_off_leaves_nothing(
    build_client: BuildClient, host: PictureHost
) -> None:
    body = picture(1200, 900, "RGB", compress_level=0)
    host.put("/x.png", body, declared=len(body) + 1)
    client = build_client()
    assert faults_of(_inpaint(client, host.url("/x.png")), 424) == [("/image", "image_unreachable")]
    store = context_of(client.application).store
    assert store.redis.keys(f"{store.namespace}:job:*") == []
    (wipe,) = store.wipes.take()
    assert wipe.endswith("#now")


def test_certificate_is_checked(
    build_client: BuildClient, tmp_path: Path, host: PictureHost
) -> None:
    certificate = make_certificate(tmp_path, "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running_picture_host(context) as secure:
        secure.put("/a.png", IMAGE)
        hosts = {"image_url_hosts": f"localhost:{secure.port}"}
        url = secure.url("/a.png", "localhost")
        stranger = build_client(**hosts)
        assert faults_of(_inpaint(stranger, url), 424) == [("/image", "image_unreachable")]
        trusting = build_client(**hosts, image_url_ca_file=certificate)
        assert _inpaint(trusting, url).status_code == 202


def test_retry_with_a_key_is_judged_by_what_lies_there_now(
    build_client: BuildClient, host: PictureHost
) -> None:
    client, key = build_client(), {"Idempotency-Key": "k"}
    document = {"image": {"url": host.url("/a.png")}, "left": 8}
    first = client.post("/outpaint", json=document, headers=key)
    sent = {"image": base64.b64encode(IMAGE).decode(), "left": 8}
    for same in (document, sent):
        again = client.post("/outpaint", json=same, headers=key)
        assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
        assert again.get_json()["id"] == first.get_json()["id"]
    host.put("/a.png", picture(80, 80))
    other = client.post("/outpaint", json=document, headers=key)
    assert other.get_json()["code"] == "idempotency_conflict"


def test_hosts_that_hang_take_no_more_than_their_places(
    build_client: BuildClient, host: PictureHost
) -> None:
    release = threading.Event()
    host.put("/slow.png", IMAGE, declared=len(IMAGE) + 1, hold=release)
    client = build_client(http_threads=16, image_url_timeout_seconds=60.0)
    answers: list[str] = []
    urls = [host.url("/slow.png")] * 2 + [host.url("/slow.png", "localhost")] * 2

    def ask(url: str) -> None:
        response = _inpaint(client.application.test_client(), url)
        answers.append(response.get_json()["code"])

    threads = [threading.Thread(target=ask, args=(url,)) for url in urls]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(host.requests) == 4)
    response = _inpaint(client, host.url("/a.png"))
    assert (response.status_code, response.get_json()["code"]) == (503, "too_many_waiters")
    assert client.get("/version").status_code == 200
    release.set()
    for thread in threads:
        thread.join()
    assert answers == ["image_unreachable"] * 4
    assert _inpaint(client, host.url("/a.png")).status_code == 202


def _post_batch(
    client: FlaskClient, items: list[dict[str, Any]], **headers: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    batch = json.dumps({"items": items})
    response = post_form(client, "/batches", {"batch": batch}, headers)
    assert response.status_code == 202, response.text
    document: dict[str, Any] = response.get_json()
    return document, client.get(document["links"]["items"]).get_json()["items"]


def test_items_of_batches_name_pictures_by_url(
    build_client: BuildClient, host: PictureHost
) -> None:
    urls = [host.url("/a.png"), host.url("/gone.png"), "http://example.org/"]
    items = [{"operation": "outpaint", "image": {"url": url}, "left": 8} for url in urls]
    batch, found = _post_batch(build_client(), items)
    assert batch["counts"]["refused"] == 2
    codes = [item["problem"]["code"] for item in found[1:]]
    assert codes == ["image_not_served", "invalid_field"]
    assert "gone.png" not in str(found)


def test_batch_that_goes_on_keeps_what_was_accepted_whatever_lies_there_now(
    build_client: BuildClient, host: PictureHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = build_client()
    item = {"operation": "outpaint", "image": {"url": host.url("/a.png")}, "left": 8}
    store = context_of(client.application).store
    with monkeypatch.context() as patch:
        patch.setattr(store.batches, "close", _raise)
        first = post_form(client, "/batches", {"batch": json.dumps({"items": [item]})}, _KEY)
        assert first.status_code == 500
    host.put("/a.png", picture(80, 80))
    batch, found = _post_batch(client, [item], **_KEY)
    assert (batch["counts"]["refused"], found[0]["status"]) == (0, "queued")
    assert len(host.requests) == 1


_KEY = {"Idempotency-Key": "nightly"}


def _raise(*args: Any) -> None:
    raise RuntimeError


def test_time_of_a_batchs_pictures_is_bounded(
    build_client: BuildClient, host: PictureHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.submission.picture_urls.BATCH_FETCH_SECONDS", 0.3)
    host.put("/slow.png", IMAGE, pause_seconds=0.05)
    items = [{"operation": "outpaint", "image": {"url": host.url("/slow.png")}, "left": 8}] * 20
    batch, _ = _post_batch(build_client(), items)
    assert (batch["status"], batch["counts"]["refused"]) == ("ended", 20)
    assert len(host.requests) < 3


def test_list_of_hosts_that_is_none_is_refused_at_the_start(app: Flask) -> None:
    settings = context_of(app).settings
    with pytest.raises(ValueError, match="hosts separated by commas"):
        type(settings).from_env({"PAINTJOB_IMAGE_URL_HOSTS": "https://img.example.org/"})
