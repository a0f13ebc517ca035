"""Writing the models file: a model more, or the hashes of one that it names."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from service.contract.catalogue import ModelEntry

_TABLE = re.compile(r"^\[\[models\]\][ \t]*(?:#.*)?$", re.MULTILINE)

Hashes = Mapping[str, Mapping[str, str]]
"""By source, the SHA-256 of its files by path."""


def append_model(
    models_file: Path,
    table: Mapping[str, str],
    sha256: Hashes,
    *,
    default: bool,
    loras: Mapping[str, str] | None = None,
) -> None:
    """Add a model to the end of the models file, which is created if missing.

    Raises:
        OSError: the file cannot be written.
    """
    models_file.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{name} = {_quote(value)}\n" for name, value in table.items())
    lines += "default = true\n" if default else ""
    with models_file.open("a", encoding="utf-8") as file:
        file.write(f"\n[[models]]\n{lines}{_format_loras(loras or {})}{_format_hashes(sha256)}")


def add_hashes(
    models_file: Path, entry: ModelEntry, sha256: Hashes, loras: Mapping[str, str] | None = None
) -> list[str]:
    """Add the hashes of the sources that have none to the table of a model in the file.

    The commits of optional LoRAs that have none are added too.

    Returns:
        Lines for people.

    Raises:
        ValueError: the file has other hashes than those of what was fetched.
        OSError: the file cannot be written.
    """
    _check_same(entry, sha256, models_file)
    missing = {source: files for source, files in sha256.items() if not entry.sha256.get(source)}
    commits = {
        name: commit
        for name, commit in (loras or {}).items()
        if not entry.optional_loras[name].is_pinned
    }
    if not missing and not commits:
        return [f"{models_file} has the hashes of all of its files"]
    addition = _format_loras(commits) + _format_hashes(missing)
    text = models_file.read_text(encoding="utf-8")
    changed = _insert(text, entry.name, addition)
    if not _differs_in_pins_alone(text, changed):
        return [f"add this to the table of {entry.name} in {models_file}:\n{addition}"]
    models_file.write_text(changed, encoding="utf-8")
    return [f"{models_file} now has the hashes of {entry.name}; restart its workers"]


def _check_same(entry: ModelEntry, sha256: Hashes, models_file: Path) -> None:
    for source, files in sha256.items():
        pinned = entry.sha256.get(source, {})
        changed = sorted(path for path in pinned if files.get(path) != pinned[path])
        if changed:
            raise ValueError(
                f"{', '.join(changed)} of {source} differs from its sha256 in {models_file}; if "
                "the change is intended, delete the model's sha256 there and pull it again"
            )


def _insert(text: str, name: str, addition: str) -> str:
    """Return a models file with lines at the end of one model's tables."""
    starts = [match.start() for match in _TABLE.finditer(text)]
    for start, end in pairwise([*starts, len(text)]):
        if _read_tables(text[start:end]) == [name]:
            return f"{text[:end].rstrip()}\n{addition}\n{text[end:]}".rstrip("\n") + "\n"
    return text


def _read_tables(text: str) -> list[str]:
    try:
        return [table.get("name") for table in tomllib.loads(text)["models"]]
    except (tomllib.TOMLDecodeError, KeyError):
        return []


def _differs_in_pins_alone(old: str, new: str) -> bool:
    """Return whether an edit did what it was made for, whatever the style of the file."""
    if old == new:
        return False
    try:
        tables = [tomllib.loads(text)["models"] for text in (old, new)]
    except tomllib.TOMLDecodeError:
        return False
    pins = {"sha256": None, "optional_loras": None}
    bare = [[{**table, **pins} for table in document] for document in tables]
    return bare[0] == bare[1]


def _format_loras(commits: Mapping[str, str]) -> str:
    return "".join(
        f"\n[models.optional_loras.{name}]\nrevision = {_quote(commit)}\n"
        for name, commit in commits.items()
    )


def _format_hashes(sha256: Hashes) -> str:
    return "".join(
        f"\n[models.sha256.{_quote(source)}]\n"
        + "".join(f"{_quote(path)} = {_quote(digest)}\n" for path, digest in files.items())
        for source, files in sha256.items()
        if files
    )


def _quote(text: str) -> str:
    """Quote a text as TOML does, which takes what JSON writes."""
    return json.dumps(text, ensure_ascii=False)
