"""Why a blob store cannot be used: the true cause, in the log and for the command line."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.contract.errors import StoreUnavailable
from service.contract.setting_errors import SettingsError
from service.store.blob_faults import find_blob_fault
from service.store.blobs import BlobStore
from tests.support.brokers import find_free_port
from tests.support.http import build_app, context_of
from tests.support.object_store import BUCKET, CREDENTIALS, running_object_store
from tests.support.programs import ROOT


def _find_cause(url: str) -> str:
    """Return the cause that is logged, which the error has in words."""
    blobs = BlobStore.open(url)
    with capture_logs() as logs, pytest.raises(StoreUnavailable) as raised:
        blobs.check_writable()
    (line,) = logs
    assert (line["event"], line["detail"]) == ("store_unavailable", raised.value.cause)
    return str(line["cause"])


@pytest.fixture(scope="module")
def object_store() -> Iterator[str]:
    with running_object_store() as url:
        yield url


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def test_cause_is_told_of_an_object_store(
    object_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store)
    BlobStore.open(f"s3://{BUCKET}").check_writable()
    assert _find_cause("s3://no-such-bucket") == "no_bucket"
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{find_free_port()}")
    assert _find_cause(f"s3://{BUCKET}") == "unreachable"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://no-such-host.invalid")
    assert _find_cause(f"s3://{BUCKET}") == "unknown_host"


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    # Where a cloud would answer with credentials of a role, nothing does.
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{find_free_port()}")
    assert _find_cause(f"s3://{BUCKET}") == "no_credentials"


def test_cause_is_told_of_a_folder(tmp_path: Path) -> None:
    blobs = BlobStore.open((tmp_path / "blobs").as_uri())
    shutil.rmtree(tmp_path / "blobs")
    (tmp_path / "blobs").write_text("a file in its place")
    with pytest.raises(StoreUnavailable) as raised:
        blobs.check_writable()
    assert raised.value.cause == "a part of the folder's path is a file"
    with pytest.raises(SettingsError, match="PAINTJOB_DATA_DIR or PAINTJOB_BLOB_URL"):
        BlobStore.open((tmp_path / "blobs").as_uri())


@pytest.mark.parametrize(
    ("number", "cause"),
    [(errno.ENOSPC, "full"), (errno.EROFS, "read_only"), (errno.EACCES, "not_permitted")],
)
def test_cause_is_that_of_the_system(number: int, cause: str) -> None:
    assert find_blob_fault(OSError(number, os.strerror(number))).cause == cause


def test_full_disk_is_named(tmp_path: Path) -> None:
    """A disk of its own, in a name space where its user may mount one."""
    code = (
        "import sys; from service.store.blobs import BlobStore\n"
        "blobs = BlobStore.open(sys.argv[1])\n"
        "try: blobs.put('jobs/a/b', bytes(1_000_000))\n"
        "except Exception as error: print(error.cause)\n"
    )
    script = f'mount -t tmpfs -o size=64k tmpfs {tmp_path} && exec "$@"'
    inner = ["sh", "-c", script, "sh", sys.executable, "-c", code, tmp_path.as_uri()]
    argv = ["unshare", "--user", "--map-root-user", "--mount", *inner]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip(f"this machine lets no user mount a disk: {done.stderr}")
    assert done.stdout.splitlines()[-1] == "the disk is full", done.stderr


def test_readiness_is_refused_while_every_job_would_be(broker_url: str, tmp_path: Path) -> None:
    app = build_app(broker_url, tmp_path)
    client, blobs = app.test_client(), Path(context_of(app).settings.resolved_blob_url()[7:])
    assert client.get("/health/ready").status_code == 200
    app = build_app(broker_url, tmp_path, store_reserve_bytes=10**18)
    refused = app.test_client().get("/health/ready")
    assert (refused.status_code, refused.get_json()["code"]) == (503, "store_unavailable")
    app = build_app(broker_url, tmp_path)
    assert context_of(app).blobs
    shutil.rmtree(blobs)
    blobs.write_text("a file in its place")
    refused = app.test_client().get("/health/ready")
    assert (refused.status_code, refused.get_json()["code"]) == (503, "store_unavailable")
    assert app.test_client().get("/health/live").status_code == 200
