from __future__ import annotations

from pathlib import Path

import pytest

from service.contract.catalogue import SELF_MODEL, load_catalogue, read_catalogue
from service.contract.families import FAMILIES
from service.contract.settings import SharedSettings


def _write(folder: Path, text: str) -> Path:
    file = folder / "models.toml"
    file.write_text(text)
    return file


def test_known_models_are_complete_and_none_is_served() -> None:
    catalogue = load_catalogue(None)
    assert catalogue.models == ()
    assert {entry.family for entry in catalogue.known} == set(FAMILIES) - {"self"}
    assert all(entry.revision and entry.licence and entry.memory_bytes for entry in catalogue.known)


def test_an_entry_replaces_single_fields_of_a_known_model(tmp_path: Path) -> None:
    file = _write(tmp_path, '[[models]]\nname = "flux2-klein-4b"\nrevision = "abc"\n')
    (entry,) = load_catalogue(file).models
    assert (entry.revision, entry.family, entry.licence) == ("abc", "flux2-klein", "Apache-2.0")
    assert load_catalogue(file).find_known("flux2-klein-4b") is None


def test_an_entry_of_a_new_name_must_be_complete(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="family"):
        load_catalogue(_write(tmp_path, '[[models]]\nname = "mine"\nsource = "/m"\n'))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[models]]\nname = "a"\nfamily = "nobody"\n', "must be one of self, "),
        ('[[models]]\nname = "sd15-inpaint"\n' * 2, "the same name"),
        ('[[model]]\nname = "sd15-inpaint"\n', "only \\[\\[models\\]\\] tables"),
        (
            '[[models]]\nname = "sd15-inpaint"\n[models.sha256."a/b"]\nx = "' + "0" * 64 + '"\n',
            "sha256 has a/b, which is no source of this model",
        ),
        (
            '[[models]]\nname = "sd15-inpaint"\ndefault = true\n'
            '[[models]]\nname = "sdxl-inpaint"\ndefault = true\n',
            "more than one model is the default",
        ),
    ],
)
def test_a_broken_file_says_which_rule(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_catalogue(_write(tmp_path, text))


def test_the_built_in_model_is_served_where_asked_for() -> None:
    catalogue = load_catalogue(None, self_model=True)
    assert catalogue.models == (SELF_MODEL,)
    assert (catalogue.default_model, catalogue.fallback_model) == (None, SELF_MODEL)


def test_a_models_file_in_the_data_directory_is_found(tmp_path: Path) -> None:
    assert read_catalogue(SharedSettings(data_dir=tmp_path)).models == ()
    _write(tmp_path, '[[models]]\nname = "sd15-inpaint"\n')
    (entry,) = read_catalogue(SharedSettings(data_dir=tmp_path)).models
    assert entry.name == "sd15-inpaint"
