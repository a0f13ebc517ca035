"""Stores by URL, and the URLs that they sign, without a server."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from service.config import ServiceSettings
from service.contract.setting_errors import SettingsError
from service.store.blobs import BlobStore


def _make_service_account() -> str:
    """Return the key file of a service account of Google's, with a key of its own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {"client_email": "a@example.org", "private_key_id": "k", "private_key": pem.decode()}
    return json.dumps({**account, "gcs_base_url": "https://gcs.example.org"})


def test_google_signs_with_the_key_of_a_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", _make_service_account())
    url = BlobStore.open("gs://bucket/here").sign("GET", "jobs/job_a/t/0.png", 60)
    assert url is not None
    assert url.startswith(
        "https://gcs.example.org/bucket/here/jobs/job_a/t/0.png?X-Goog-Algorithm="
    )
    assert "X-Goog-Expires=60" in url


def test_azure_signs_with_the_key_of_an_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", base64.b64encode(b"key").decode())
    url = BlobStore.open("az://container/here").sign("GET", "jobs/job_a/t/0.png", 60)
    assert url is not None
    assert url.startswith(
        "https://account.blob.core.windows.net/container/here/jobs/job_a/t/0.png?"
    )
    assert "sp=r" in url


def test_folder_and_memory_sign_nothing(tmp_path: Path) -> None:
    for url in (tmp_path.as_uri(), "memory://"):
        assert BlobStore.open(url).sign("GET", "jobs/job_a/t/0.png", 60) is None


@pytest.mark.parametrize("url", ["gs://", "az://", "ftp://bucket"])
def test_store_needs_a_bucket_and_a_known_scheme(url: str) -> None:
    with pytest.raises(SettingsError):
        ServiceSettings.from_env({"PAINTJOB_BLOB_URL": url})


def test_signing_endpoint_is_for_s3_alone() -> None:
    environ = {"PAINTJOB_BLOB_SIGNING_ENDPOINT": "https://pictures.example.org"}
    with pytest.raises(SettingsError, match="is for S3"):
        ServiceSettings.from_env(environ)
    ServiceSettings.from_env({**environ, "PAINTJOB_BLOB_URL": "s3://bucket"})
