"""Who gets in without a key, and what pages may do: by test client, and under gunicorn."""

from __future__ import annotations

import http.client
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.http import build_app, post_form, post_outpaint
from tests.support.pictures import mask, picture
from tests.support.server import running_server

EVIL = "evil.example"


def _client(broker_url: str, folder: Path, **settings: Any) -> FlaskClient:
    return build_app(broker_url, folder, **settings).test_client()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8080", 200),
        ("127.0.0.1:8080", 200),
        ("127.9.9.9", 200),
        ("[::1]:8080", 200),
        ("paint.example", 200),
        (EVIL, 421),
        (f"localhost.{EVIL}", 421),
        ("127.0.0.1.nip.io", 421),
        ("192.0.2.1", 421),
        ("[::1", 421),
        (f"{EVIL}@127.0.0.1", 421),
        (f"127.0.0.1#{EVIL}", 421),
        (f"localhost/{EVIL}", 421),
        ("127.0.0.1:http", 421),
        ("", 421),
    ],
)
def test_without_keys_only_own_hosts_are_accepted(
    broker_url: str, tmp_path: Path, host: str, status: int
) -> None:
    client = _client(broker_url, tmp_path, public_url="https://paint.example/api")
    for path in ("/jobs", "/health/live", "/docs/"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == status
        if status == 421:
            assert answer.get_json()["code"] == "misdirected_request"


@pytest.mark.parametrize("origin", ["null", "", "http://[", EVIL, "file://"])
@pytest.mark.parametrize("auth", ["auto", "open-to-everyone"])
def test_origin_without_a_host_is_foreign_without_a_public_url(
    broker_url: str, tmp_path: Path, auth: str, origin: str
) -> None:
    client = _client(broker_url, tmp_path, auth=auth)
    assert client.delete("/jobs/unknown", headers={"Origin": origin}).status_code == 403


@pytest.mark.parametrize("auth", ["keys", "open-to-everyone"])
def test_other_deployments_answer_to_any_host(broker_url: str, tmp_path: Path, auth: str) -> None:
    client = _client(broker_url, tmp_path, auth=auth)
    assert client.get("/health/live", headers={"Host": EVIL}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"}, 202),
        ({"Sec-Fetch-Site": "none"}, 202),
        ({"Origin": "http://localhost"}, 202),
        ({"Origin": "https://paint.example"}, 202),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"}, 403),
        ({"Origin": f"https://{EVIL}"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
@pytest.mark.parametrize("auth", ["auto", "open-to-everyone"])
def test_pages_of_other_sites_change_nothing(
    broker_url: str, tmp_path: Path, auth: str, headers: dict[str, str], status: int
) -> None:
    client = _client(broker_url, tmp_path, auth=auth, public_url="https://paint.example")
    client.environ_base |= {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in headers.items()}
    assert post_outpaint(client, right="8").status_code == status
    # Reading is left to the browser, which shows no page what another site answers.
    assert client.get("/limits").status_code == 200


def test_with_keys_the_site_does_not_matter(broker_url: str, tmp_path: Path) -> None:
    client = _client(broker_url, tmp_path, auth="keys")
    answer = client.post("/outpaint", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["/docs/", "/limits", "/openapi.yaml", "/nothing", "/docs/x.js"])
def test_every_answer_says_what_pages_may_do(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert policy.startswith("default-src 'none'")
    assert headers["Referrer-Policy"] == "no-referrer"


def test_reference_runs_its_own_scripts_alone(client: FlaskClient) -> None:
    answer = client.get("/docs/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith("; script-src 'self'")
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["/docs", "/"])
def test_redirects_are_not_built_from_a_foreign_host(
    broker_url: str, tmp_path: Path, path: str
) -> None:
    client = _client(broker_url, tmp_path, auth="open-to-everyone", playground=False)
    answer = client.get(path, headers={"Host": EVIL})
    assert (answer.status_code // 100, answer.headers["Location"]) == (3, "docs/")


@pytest.mark.parametrize(
    "path", ["/v1//images/edits", "/v1/images/edits/", "/inpaint/", "/jobs//result"]
)
def test_other_slashes_are_not_found(client: FlaskClient, path: str) -> None:
    answer = client.post(path)
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)
    error = answer.get_json()
    code = error["error"]["code"] if path.startswith("/v1/") else error["code"]
    assert code == "not_found"


def test_picture_urls_are_not_built_from_a_foreign_host(broker_url: str, tmp_path: Path) -> None:
    client = _client(broker_url, tmp_path, auth="open-to-everyone")
    data = {"prompt": "x", "response_format": "url"}
    files = {"image": (picture(), "a.png"), "mask": (mask(), "m.png")}
    answer = post_form(client, "/v1/images/edits", {**data, **files}, {"Host": EVIL})
    assert answer.status_code == 400
    assert answer.get_json()["error"]["param"] == "response_format"
    assert "PAINTJOB_PUBLIC_URL" in answer.get_json()["error"]["message"]


@pytest.mark.slow
def test_files_are_private_whatever_the_umask(broker_url: str, tmp_path: Path) -> None:
    blobs = tmp_path / "data" / "blobs"
    blobs.mkdir(parents=True, mode=0o755)
    before = os.umask(0)
    try:
        with running_server(broker_url, tmp_path, PAINTJOB_HTTP_WORKERS="1") as server:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            body += picture() + b"\r\n--x--\r\n"
            kind = {"Content-Type": "multipart/form-data; boundary=x"}
            connection.request("POST", "/uploads", body, kind)
            assert connection.getresponse().status == 201
            connection.close()
            # A page that has another name point at this machine gets nothing.
            connection.request("GET", "/jobs", headers={"Host": EVIL})
            assert connection.getresponse().status == 421
            connection.close()
            connection.request("GET", "/jobs", headers={"SCRIPT_NAME": f"/{EVIL}"})
            assert connection.getresponse().status == 200
            connection.close()
    finally:
        os.umask(before)
    kept = [blobs, *blobs.rglob("*")]
    assert any(path.is_file() for path in kept)
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in kept}
    assert modes == {0}


def test_playground_runs_its_own_scripts_alone_and_is_kept_by_browsers(client: FlaskClient) -> None:
    page = client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert policy.endswith("style-src 'self'; script-src 'self'")
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-cache"
    tag = {"If-None-Match": page.headers["ETag"]}
    assert client.get("/", headers=tag).status_code == 304
    sources = re.findall(r'(?:src|href)="\./([^"]+)"', page.text)
    assert len(sources) >= 2
    for source in sources:
        with client.get(f"/{source}") as file:
            assert file.status_code == 200
            assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/playground/nothing.js").get_json()["code"] == "not_found"


def test_start_leads_to_the_reference_without_playground(broker_url: str, tmp_path: Path) -> None:
    answer = _client(broker_url, tmp_path, playground=False).get("/")
    # Relative: below the prefix of a proxy too, and by the scheme that the caller used.
    assert (answer.status_code, answer.headers["Location"]) == (302, "docs/")


def test_playground_links_no_guide_where_there_is_none(broker_url: str, tmp_path: Path) -> None:
    assert "guide/" in _client(broker_url, tmp_path).get("/").text
    assert "guide/" not in _client(broker_url, tmp_path, guide=False).get("/").text
