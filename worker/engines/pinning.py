"""Files of models: where they lie, and whether they are those that `models pull` fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from service.contract.finders import FinderEntry

WEIGHTS: Final = frozenset({".safetensors", ".onnx"})
"""Endings of the files that weights are read from."""

log = structlog.get_logger()


def check_files(entry: ModelEntry | FinderEntry) -> None:
    """Check every file of a model whose hash the models file has, before anything reads it.

    Files of the Hub that are not here yet are fetched first, unless `HF_HUB_OFFLINE` is set.
    Sources without hashes are logged, and used as they are.

    Raises:
        ModelUnavailable: a file is missing or differs.
    """
    for source, revision in entry.revisions.items():
        hashes = entry.sha256.get(source)
        if not hashes:
            log.warning("model_files_unpinned", model=entry.name, source=source)
            continue
        folder = find_folder(entry.name, source, revision, list(hashes))
        _check_hashes(entry.name, folder, hashes)
        if not Path(source).is_file():
            _log_unpinned(entry.name, source, folder, hashes)


def find_folder(name: str, source: str, revision: str | None, files: list[str]) -> Path:
    """Return the folder of a source on this machine, with these files in it.

    Args:
        name: the model, for errors.
        source: a folder, a file, or a repository of the Hub.
        revision: commit of the repository.
        files: paths in the source that are needed.

    Raises:
        ModelUnavailable: they are not here and cannot be fetched.
    """
    local = Path(source)
    if local.exists():
        return local.parent if local.is_file() else local
    # Imported here: only a model of the Hub needs it, and a weight-free worker has none.
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=files))
    # Which errors there are depends on the release of the Hub's library and its HTTP client.
    except Exception as error:
        detail = f"the model {name} is not downloaded: paintjob models pull {name}"
        raise ModelUnavailable(detail) from error


def _check_hashes(name: str, folder: Path, hashes: Mapping[str, str]) -> None:
    for path, expected in hashes.items():
        file = folder / path
        if not file.is_file():
            raise ModelUnavailable(f"the model {name} has no file {path}, which is pinned")
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if found != expected:
            raise ModelUnavailable(
                f"the file {path} of the model {name} has changed: its SHA-256 is {found}, and the "
                f"models file has {expected}; fetch it again by `paintjob models pull {name}`, or "
                "correct the models file if the change is intended"
            )


def _log_unpinned(name: str, source: str, folder: Path, hashes: Mapping[str, str]) -> None:
    """Log weights of a pinned source that are not pinned: they are of no use, or came later."""
    found = (path for path in folder.rglob("*") if path.suffix in WEIGHTS)
    files = sorted({path.relative_to(folder).as_posix() for path in found} - hashes.keys())
    if files:
        log.warning("model_files_unpinned", model=name, source=source, files=files[:10])
