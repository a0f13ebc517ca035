from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from service.commands.models_file import add_hashes, append_model
from service.contract.catalogue import ModelEntry, load_catalogue

HASHES = {"a/b": {"model.safetensors": "1" * 64}}
FIRST = """# mine
[[models]]  # the first
name = "first"
family = "flux2-klein"
source = "a/b"
revision = "main"

[models.defaults]
num_inference_steps = 4

[[models]]
name = "second"
family = "flux2-klein"
source = "/m"
"""


def _load(file: Path, name: str) -> ModelEntry:
    entry = load_catalogue(file).find_model(name)
    assert entry is not None
    return entry


def test_hashes_are_added_to_the_tables_of_their_model(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(FIRST)
    assert "now has the hashes of first" in add_hashes(file, _load(file, "first"), HASHES)[0]
    assert _load(file, "first").sha256 == HASHES
    assert _load(file, "first").defaults.num_inference_steps == 4
    assert not _load(file, "second").sha256
    assert file.read_text().startswith("# mine\n[[models]]  # the first")


def test_hashes_are_shown_when_the_file_cannot_be_edited(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    table = '{name = "first", family = "flux2-klein", source = "a/b", revision = "main"}'
    file.write_text(f"models = [{table}]\n")
    (line,) = add_hashes(file, _load(file, "first"), HASHES)
    assert line.startswith("add this to the table of first")
    assert tomllib.loads(line.partition("\n")[2].replace("models.", ""))["sha256"] == HASHES
    assert not _load(file, "first").sha256


def test_other_hashes_than_those_in_the_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    append_model(file, {"name": "sd15-inpaint", "source": "a/b"}, HASHES, default=False)
    before = file.read_text()
    with pytest.raises(ValueError, match="of a/b differs from its sha256"):
        add_hashes(file, _load(file, "sd15-inpaint"), {"a/b": {"model.safetensors": "2" * 64}})
    assert file.read_text() == before
