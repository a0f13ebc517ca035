"""Web pages of other origins: which may call, and what they may read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError
from werkzeug.test import TestResponse

from service.config import ServiceSettings
from tests.support.http import build_app, post_inpaint

PAGE, OTHER = "https://app.example.org", "https://evil.example.org"
HEADERS = "authorization, content-type, x-stainless-os"


@pytest.fixture
def keyed(broker_url: str, tmp_path: Path) -> FlaskClient:
    return build_app(broker_url, tmp_path, auth="keys", cors_origins=PAGE).test_client()


@pytest.fixture
def keyless(broker_url: str, tmp_path: Path) -> FlaskClient:
    return build_app(broker_url, tmp_path, cors_origins=PAGE).test_client()


def _preflight(client: FlaskClient, origin: str, path: str = "/inpaint") -> TestResponse:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": HEADERS}
    return client.options(path, headers={"Origin": origin, **asked})


def test_preflight_of_a_listed_origin_is_answered_without_a_key(keyed: FlaskClient) -> None:
    answer = _preflight(keyed, PAGE)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Headers"] == HEADERS
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.vary


def test_preflight_of_another_origin_allows_nothing(keyed: FlaskClient) -> None:
    for origin in (OTHER, "null", PAGE + ":8443", PAGE.replace("https", "http")):
        answer = _preflight(keyed, origin)
        assert answer.status_code == 401
        assert not any(name.startswith("Access-Control") for name, _ in answer.headers)
        assert "Origin" in answer.vary


@pytest.mark.parametrize("path", ["/jobs", "/nowhere", "/v1/models", "/health/live"])
def test_page_may_read_every_response_and_error(keyed: FlaskClient, path: str) -> None:
    answer = keyed.get(path, headers={"Origin": PAGE})
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Location", "Retry-After", "ETag", "X-Job-ID", "X-Paintjob-Warnings"} <= set(exposed)
    assert "Idempotency-Replayed" in exposed


def test_without_keys_pages_of_listed_origins_may_submit(keyless: FlaskClient) -> None:
    for origin, status in ((PAGE, 202), (OTHER, 403), ("null", 403)):
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        answer = post_inpaint(keyless, headers=headers)
        assert answer.status_code == status
        assert ("Access-Control-Allow-Origin" in answer.headers) == (origin == PAGE)


def test_without_the_setting_there_are_no_such_headers(client: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in _preflight(client, PAGE).headers
    answer = client.get("/jobs", headers={"Origin": PAGE})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" not in answer.vary


def test_all_origins_are_allowed_with_keys_alone(broker_url: str, tmp_path: Path) -> None:
    client = build_app(broker_url, tmp_path, auth="keys", cors_origins="*").test_client()
    assert _preflight(client, OTHER).headers["Access-Control-Allow-Origin"] == OTHER
    with pytest.raises(ValidationError, match="needs PAINTJOB_AUTH=keys"):
        ServiceSettings(cors_origins="*")


@pytest.mark.parametrize("text", ["app.example.org", f"{PAGE}/", "null", "HTTPS://A", "*.x.org"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    fields: dict[str, Any] = {"cors_origins": text}
    with pytest.raises(ValidationError, match="must be origins"):
        ServiceSettings(**fields)
