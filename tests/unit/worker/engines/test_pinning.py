from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from worker.engines.pinning import check_files


def _entry(folder: Path, hashes: dict[str, str]) -> ModelEntry:
    (folder / "net.safetensors").write_bytes(b"weights")
    values = {"name": "mine", "family": "flux2-klein", "source": str(folder)}
    return ModelEntry.model_validate({**values, "sha256": {str(folder): hashes} if hashes else {}})


def test_files_that_are_those_of_the_models_file_pass(tmp_path: Path) -> None:
    entry = _entry(tmp_path, {"net.safetensors": hashlib.sha256(b"weights").hexdigest()})
    with capture_logs() as logs:
        check_files(entry)
    assert logs == []
    assert entry.is_pinned


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("net.safetensors", "the file net.safetensors of the model mine has changed: its SHA-256"),
        ("config.json", "the model mine has no file config.json, which is pinned"),
    ],
)
def test_a_changed_or_missing_file_is_refused_by_name(
    tmp_path: Path, file: str, message: str
) -> None:
    with pytest.raises(ModelUnavailable, match=message):
        check_files(_entry(tmp_path, {file: "0" * 64}))


def test_files_without_hashes_are_used_and_logged(tmp_path: Path) -> None:
    entry = _entry(tmp_path, {})
    (tmp_path / "config.json").write_bytes(b"{}")
    with capture_logs() as logs:
        check_files(entry)
        check_files(_entry(tmp_path, {"config.json": hashlib.sha256(b"{}").hexdigest()}))
    assert [one["event"] for one in logs] == ["model_files_unpinned"] * 2
    assert logs[1]["files"] == ["net.safetensors"]
    assert not entry.is_pinned
