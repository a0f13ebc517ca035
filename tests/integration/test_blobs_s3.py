"""The blob store on S3, as moto's server speaks it, behind a gateway that can refuse."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2
import pytest

from service.contract.errors import StoreUnavailable
from service.store.blobs import WRITE_BUFFER_BYTES, BlobStore
from tests.support.object_store import (
    BUCKET,
    CREDENTIALS,
    Gateway,
    running_gateway,
    running_object_store,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running() -> Iterator[Gateway]:
    with running_object_store() as url, running_gateway(url) as opened:
        yield opened


@pytest.fixture
def gateway(running: Gateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": running.url}.items():
        monkeypatch.setenv(name, value)
    running.refused = 0
    yield running
    running.refuses = lambda method, path: False


@pytest.fixture
def blobs(gateway: Gateway) -> BlobStore:
    return BlobStore.open(f"s3://{BUCKET}/deployment")


def _has_parts(gateway: Gateway) -> bool:
    """Return whether the bucket holds parts of blobs that were never completed."""
    return "<Upload>" in httpx2.get(f"{gateway.url}/{BUCKET}?uploads").text


def test_s3_gives_back_what_was_put_and_deletes_by_prefix(blobs: BlobStore) -> None:
    stored = blobs.put("jobs/a/0.png", b"picture")
    blobs.put("jobs/ab/0.png", b"another job's")
    assert blobs.get_checked(stored.path, stored.sha256) == b"picture"
    assert b"".join(blobs.stream(stored.path, 1, 3)) == b"ic"
    assert blobs.delete_prefix("jobs/a/") == 1
    assert blobs.list("jobs/") == ["jobs/ab/0.png"]
    blobs.delete_prefix("jobs/ab/")


def test_s3_takes_an_upload_in_several_parts(blobs: BlobStore) -> None:
    writer = blobs.open_writer("jobs/b/input/image")
    for _ in range(3):
        writer.write(b"x" * WRITE_BUFFER_BYTES)
    assert writer.close().bytes == 3 * WRITE_BUFFER_BYTES
    assert sum(map(len, blobs.stream("jobs/b/input/image"))) == 3 * WRITE_BUFFER_BYTES
    blobs.delete_prefix("jobs/b/")


def test_s3_keeps_no_parts_of_a_blob_that_was_abandoned_or_failed(
    blobs: BlobStore, gateway: Gateway
) -> None:
    abandoned, failed = (blobs.open_writer(f"jobs/c/input/{name}") for name in ("image", "mask"))
    for _ in range(3):
        abandoned.write(b"x" * WRITE_BUFFER_BYTES)
    assert _has_parts(gateway)
    abandoned.abandon()
    gateway.refuses = lambda method, path: "partNumber=2" in path
    with pytest.raises(StoreUnavailable):
        for _ in range(3):
            failed.write(b"x" * WRITE_BUFFER_BYTES)
        failed.close()
    assert not _has_parts(gateway)
    assert blobs.list("jobs/c/") == []


def test_s3_that_asks_for_less_is_asked_again_a_few_times(
    blobs: BlobStore, gateway: Gateway
) -> None:
    gateway.refuses = lambda method, path: method == "PUT" and gateway.refused < 2
    blobs.put("jobs/d/0.png", b"picture")
    assert (gateway.refused, blobs.get("jobs/d/0.png")) == (2, b"picture")
    gateway.refuses = lambda method, path: method == "PUT"
    with pytest.raises(StoreUnavailable):
        blobs.put("jobs/d/1.png", b"picture")
    # Once, and three retries.
    assert gateway.refused == 6
    blobs.delete_prefix("jobs/d/")


def test_s3_signs_urls_that_send_the_picture_as_what_it_is(blobs: BlobStore) -> None:
    blobs.put("jobs/job_e/token/0.jpg", b"picture")
    url = blobs.sign("GET", "jobs/job_e/token/0.jpg", 60)
    assert url is not None
    answer = httpx2.get(url)
    assert (answer.status_code, answer.content) == (200, b"picture")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Disposition"] == 'inline; filename="job_e-0.jpg"'
    assert "X-Amz-Expires=60" in url
    head = blobs.sign("HEAD", "jobs/job_e/token/0.jpg", 60)
    assert head is not None
    assert httpx2.head(head).headers["Content-Length"] == "7"
    blobs.delete_prefix("jobs/job_e/")


def test_s3_missing_blob_is_not_found(blobs: BlobStore) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.get("jobs/none/0.png")


def test_s3_that_does_not_answer_is_unavailable_before_its_client_gives_up(
    blobs: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    unreachable = BlobStore.open(f"s3://{BUCKET}")
    started = time.monotonic()
    # Left to itself, its client tries for three minutes.
    with pytest.raises(StoreUnavailable):
        unreachable.check_writable()
    assert time.monotonic() - started < 120
