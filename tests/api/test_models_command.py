"""`paintjob models pull`, run as a program against a hub on this machine."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

from service.commands.models_file import append_model
from service.contract.catalogue import ModelEntry, load_catalogue, read_known_models
from service.contract.errors import ModelUnavailable
from tests.support.hub import running_hub
from tests.support.tiny_nets import make_lama_weights
from worker.engines.diffusion.lama.eraser import load_lama
from worker.engines.pinning import check_files

REPOSITORY = "stable-diffusion-v1-5/stable-diffusion-inpainting"
COMMIT = "8a4288a76071f7280aedbdb3253bdb9e9d5d84bb"
FILES = {
    "model_index.json": b"{ }",
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
    "unet/diffusion_pytorch_model.safetensors": b"whole",
    "unet/diffusion_pytorch_model.bin": b"pickle",
    "tokenizer/merges.txt": b"a b",
}


def _pull(tmp_path: Path, hub_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PAINTJOB_")},
        "HF_ENDPOINT": hub_url,
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "*",
    }
    return subprocess.run(
        [sys.executable, "-m", "service.cli", "models", "pull", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environ,
    )


@pytest.mark.slow
def test_pull_fetches_what_is_served_and_names_the_commit(tmp_path: Path) -> None:
    models_file = tmp_path / "conf" / "models.toml"
    with running_hub(REPOSITORY, COMMIT, FILES) as hub:
        options = ("--models-file", str(models_file), "--default")
        done = _pull(tmp_path, hub.url, "sd15-inpaint", *options)
        assert done.returncode == 0, done.stderr
        again = _pull(tmp_path, hub.url, "sd15-inpaint", "--models-file", str(models_file))
        assert again.returncode == 0, again.stderr
    (table,) = tomllib.loads(models_file.read_text())["models"]
    wanted = {name for name in FILES if not name.endswith((".bin", "model.safetensors"))}
    digests = {name: hashlib.sha256(FILES[name]).hexdigest() for name in wanted}
    assert table == {
        "name": "sd15-inpaint",
        "revision": COMMIT,
        "default": True,
        "sha256": {REPOSITORY: digests},
    }
    assert "has the hashes of all of its files" in again.stdout
    assert set(hub.fetched) == wanted
    assert len(hub.fetched) == len(wanted)


@pytest.mark.slow
def test_pull_fetches_of_a_controlnet_the_one_file_that_is_served(tmp_path: Path) -> None:
    models_file = tmp_path / "models.toml"
    models_file.write_text(
        f'[[models]]\nname = "mine"\nfamily = "z-image-controlnet"\nsource = "{tmp_path}"\n'
        f'controlnet = "{REPOSITORY}"\ncontrolnet_revision = "main"\n'
        'controlnet_file = "union-8steps.safetensors"\n'
    )
    names = ("README.md", "config.json", "union.safetensors", "union-8steps.safetensors")
    with running_hub(REPOSITORY, COMMIT, {name: name.encode() for name in names}) as hub:
        done = _pull(tmp_path, hub.url, "mine", "--models-file", str(models_file))
    assert done.returncode == 0, done.stderr
    assert sorted(hub.fetched) == ["config.json", "union-8steps.safetensors"]
    (table,) = tomllib.loads(models_file.read_text())["models"]
    assert list(table["sha256"][REPOSITORY]) == ["config.json", "union-8steps.safetensors"]


@pytest.mark.slow
def test_pull_pins_the_optional_loras_that_the_policy_allows(tmp_path: Path) -> None:
    models_file = tmp_path / "models.toml"
    models_file.write_text(
        f'[[models]]\nname = "mine"\nfamily = "flux2-klein"\nsource = "{tmp_path}"\n'
        f'[models.presets]\nsnow = {{ loras = [{{ name = "snow" }}] }}\n'
        "[models.optional_loras]\n"
    )
    shared = f'source = "{REPOSITORY}"\nrevision = "main"\n'
    tables = {
        "snow": 'weight_name = "snow.safetensors"\nlicence = "MIT"\n',
        "rain": 'weight_name = "rain.safetensors"\n',
    }
    # Each a table of its own would stand before: what `pull` adds must complete it, not replace it.
    lines = (
        f"{name} = {{ {', '.join((shared + text).strip().splitlines())} }}"
        for name, text in tables.items()
    )
    models_file.write_text(models_file.read_text() + "\n".join(lines) + "\n")
    assert not load_catalogue(models_file).models[0].offered_presets
    names = ("snow.safetensors", "rain.safetensors")
    with running_hub(REPOSITORY, COMMIT, {name: name.encode() for name in names}) as hub:
        done = _pull(tmp_path, hub.url, "mine", "--models-file", str(models_file))
    assert done.returncode == 0, done.stderr
    # The license of the other is not known.
    assert hub.fetched == ["snow.safetensors"]
    assert f'[models.optional_loras.snow]\nrevision = "{COMMIT}"' in done.stdout


def test_pull_of_a_known_model_makes_its_presets_offered(tmp_path: Path) -> None:
    models_file = tmp_path / "models.toml"
    known = ModelEntry.model_validate(read_known_models()["flux2-klein-4b"])
    append_model(models_file, {"name": known.name}, {}, default=False, loras={"outpaint": COMMIT})
    [entry] = load_catalogue(models_file).models
    assert list(entry.offered_loras) == ["outpaint"]
    assert list(entry.offered_presets) == ["fill", "outpaint"]
    assert entry.honored_intents["remove"].preset == "fill"
    assert entry.optional_loras["outpaint"].scale == known.optional_loras["outpaint"].scale
    assert "models pull" in entry.optional_loras["erase"].withheld


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "no model has the name nobody; known are flux2-klein-4b"),
        ("flux1-fill", "PAINTJOB_ALLOW_NON_COMMERCIAL"),
    ],
)
def test_pull_says_why_not(tmp_path: Path, name: str, message: str) -> None:
    models_file = tmp_path / "models.toml"
    done = _pull(tmp_path, "http://127.0.0.1:9", name, "--models-file", str(models_file))
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not models_file.exists()


@pytest.mark.slow
def test_pull_converts_weights_that_are_published_as_a_program(tmp_path: Path) -> None:
    weights = make_lama_weights()
    torch.save({"state_dict": weights, "epoch": 1}, tmp_path / "published.pt")
    published = (tmp_path / "published.pt").read_bytes()
    models_file = tmp_path / "conf" / "models.toml"
    with running_hub("fashn-ai/LaMa", COMMIT, {"big-lama.pt": published}) as hub:
        done = _pull(tmp_path, hub.url, "big-lama", "--models-file", str(models_file))
    assert done.returncode == 0, done.stderr
    catalogue = load_catalogue(models_file)
    [entry] = catalogue.models
    assert (entry.source, entry.revision) == (str(tmp_path / "conf/weights/big-lama"), COMMIT)
    assert entry.is_pinned
    check_files(entry)
    assert load_lama(entry, 1).side is None
    file = Path(entry.source, "lama.safetensors")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelUnavailable, match=r"the file lama\.safetensors .* has changed"):
        check_files(entry)


@pytest.mark.slow
def test_pull_fetches_the_graph_of_an_eraser_alone(tmp_path: Path) -> None:
    models_file = tmp_path / "models.toml"
    files = {"migan.onnx": b"bare", "migan_pipeline_v2.onnx": b"whole", "README.md": b""}
    with running_hub("andraniksargsyan/migan", COMMIT, files) as hub:
        done = _pull(tmp_path, hub.url, "mi-gan", "--models-file", str(models_file))
    assert done.returncode == 0, done.stderr
    assert hub.fetched == ["migan.onnx"]
    [table] = tomllib.loads(models_file.read_text())["models"]
    digest = hashlib.sha256(b"bare").hexdigest()
    assert table["sha256"] == {"andraniksargsyan/migan": {"migan.onnx": digest}}


@pytest.mark.slow
def test_pull_of_a_finder_pins_it_and_serves_it(tmp_path: Path) -> None:
    models_file = tmp_path / "models.toml"
    files = {"config.json": b"{}", "model.safetensors": b"weights"}
    with running_hub("facebook/sam2.1-hiera-tiny", COMMIT, files) as hub:
        done = _pull(tmp_path, hub.url, "sam2.1-tiny", "--models-file", str(models_file))
        again = _pull(tmp_path, hub.url, "sam2.1-tiny", "--models-file", str(models_file))

    assert done.returncode == 0, done.stderr
    assert "delete its table" in again.stderr
    [served, *_] = load_catalogue(models_file).finders
    assert (served.name, served.revision, served.is_pinned) == ("sam2.1-tiny", COMMIT, True)
