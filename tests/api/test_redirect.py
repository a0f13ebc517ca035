"""Results that callers fetch from the object store themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from flask import Flask

from tests.support.http import build_app, faults_of, finish_job, post_inpaint
from tests.support.object_store import BUCKET, CREDENTIALS, running_object_store
from tests.support.pictures import picture

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def object_store() -> Iterator[str]:
    with running_object_store() as url:
        yield url


@pytest.fixture
def app(
    object_store: str, broker_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Flask:
    """The API on the object store."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": object_store}.items():
        monkeypatch.setenv(name, value)
    return build_app(broker_url, tmp_path, blob_url=f"s3://{BUCKET}/here", signed_url_seconds=60)


def _finish(app: Flask, **fields: Any) -> str:
    assert post_inpaint(app.test_client(), **fields).status_code == 202
    return finish_job(app, picture(48, 32), resized=picture(24, 16))


def test_result_redirects_to_the_object_store_when_it_may(app: Flask) -> None:
    client, job_id = app.test_client(), _finish(app)
    for path in ("result", "results/0", "results/0/resized"):
        plain = client.get(f"/jobs/{job_id}/{path}")
        redirected = client.get(f"/jobs/{job_id}/{path}?redirect=true")
        assert (plain.status_code, redirected.status_code) == (200, 307)
        assert (redirected.data, redirected.headers["Cache-Control"]) == (b"", "no-store")
        found = httpx2.get(redirected.headers["Location"])
        assert (found.status_code, found.content) == (200, plain.data)
        for name in ("Content-Type", "Content-Disposition"):
            assert found.headers[name] == plain.headers[name]
    head = client.head(f"/jobs/{job_id}/result?redirect=true")
    assert httpx2.head(head.headers["Location"]).status_code == 200
    assert client.get(f"/jobs/{job_id}/result?redirect=false").status_code == 200


def test_redirect_is_refused_unless_it_is_true_or_false(app: Flask) -> None:
    client, job_id = app.test_client(), _finish(app)
    path = f"/jobs/{job_id}/result"
    assert faults_of(client.get(f"{path}?redirect=yes")) == [("", "invalid_field")]
    assert faults_of(client.get(f"{path}?redirekt=true")) == [("", "unknown_field")]


def test_result_that_is_not_to_be_stored_is_sent_by_the_service_itself(app: Flask) -> None:
    client, job_id = app.test_client(), _finish(app, no_store="true")
    assert client.get(f"/jobs/{job_id}/result?redirect=true").status_code == 200


def test_redirect_names_the_address_under_which_callers_reach_the_store(
    app: Flask, broker_url: str, tmp_path: Path
) -> None:
    job_id = _finish(app)
    endpoint = "https://pictures.example.org"
    settings = {"blob_url": f"s3://{BUCKET}/here", "blob_signing_endpoint": endpoint}
    outside = build_app(broker_url, tmp_path, **settings).test_client()
    location = outside.get(f"/jobs/{job_id}/result?redirect=true").headers["Location"]
    assert location.startswith(f"{endpoint}/{BUCKET}/here/jobs/{job_id}/")


def test_result_of_a_folder_is_sent_though_a_redirect_was_allowed(
    broker_url: str, tmp_path: Path
) -> None:
    app = build_app(broker_url, tmp_path)
    job_id = _finish(app)
    assert app.test_client().get(f"/jobs/{job_id}/result?redirect=true").status_code == 200
