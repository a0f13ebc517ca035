"""The blob store on S3, as moto's server speaks it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from service.contract.errors import StoreUnavailable
from service.store.blobs import WRITE_BUFFER_BYTES, BlobStore
from tests.support.object_store import BUCKET, CREDENTIALS, running_object_store

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with running_object_store() as url:
        yield url


@pytest.fixture
def blobs(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    return BlobStore.open(f"s3://{BUCKET}/deployment")


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
