from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from service.contract.catalogue import ModelEntry, read_known_models
from service.contract.errors import GpuOutOfMemory, ModelUnavailable, OutOfMemory
from tests.support.single_files import CLIP_OF_SD, CLIP_OF_SDXL, write_single_file
from tests.support.tiny_pipelines.parts import library
from tests.unit.worker.engines.diffusion.painting import LIBRARY_WARNINGS, canvas_of, ignore
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families import ADAPTERS
from worker.engines.diffusion.faults import DeviceLost
from worker.engines.diffusion.loading import load_model

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


def copy_of(entry: ModelEntry, directory: Path, **changes: Any) -> ModelEntry:
    """The tiny model in a directory of the test's own, to be broken."""
    copied = directory / "copied"
    shutil.copytree(entry.source, copied)
    return entry.model_copy(update={"source": str(copied), **changes})


@pytest.fixture
def copied_entry(tiny_entry: ModelEntry, tmp_path: Path) -> ModelEntry:
    return copy_of(tiny_entry, tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_load_model_takes_the_dtype(tiny_entry: ModelEntry, dtype: str) -> None:
    model = load_model(tiny_entry.model_copy(update={"dtype": dtype}), "cpu")
    assert model.denoiser.dtype is getattr(torch, dtype)
    assert model.pipeline.safety_checker is None


@pytest.mark.parametrize("family", ["stable-diffusion-3", "flux2-klein", "qwen-image", "z-image"])
def test_models_paint_in_bfloat16(family: str, entry_of: Callable[[str], ModelEntry]) -> None:
    engine = DiffusionEngine(entry_of(family).model_copy(update={"dtype": "bfloat16"}), threads=1)
    [painted] = engine.paint([canvas_of(0)], ignore)
    assert painted.image.std() > 1 and "painted_in_float32" not in painted.details


def test_load_model_refuses_weights_that_are_pickled(copied_entry: ModelEntry) -> None:
    safe = Path(copied_entry.source, WEIGHTS)
    torch.save(load_file(safe), safe.with_suffix(".bin"))
    safe.unlink()
    with pytest.raises(ModelUnavailable, match="unet has no safetensors"):
        load_model(copied_entry, "cpu")


def test_load_model_refuses_weights_that_are_cut(copied_entry: ModelEntry) -> None:
    weights = Path(copied_entry.source, WEIGHTS)
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelUnavailable, match="could not be loaded"):
        load_model(copied_entry, "cpu")


def test_load_model_refuses_a_variant_that_is_absent(copied_entry: ModelEntry) -> None:
    with pytest.raises(ModelUnavailable, match="variant fp16"):
        load_model(copied_entry.model_copy(update={"variant": "fp16"}), "cpu")


def test_load_model_takes_a_variant_that_not_all_components_have(
    copied_entry: ModelEntry,
) -> None:
    weights = Path(copied_entry.source, WEIGHTS)
    weights.rename(weights.with_suffix(".fp16.safetensors"))
    load_model(copied_entry.model_copy(update={"variant": "fp16"}), "cpu")


@pytest.mark.parametrize(
    ("lost", "said"),
    [("vae", "vae is missing"), ("model_index.json", "model_index.json is missing")],
)
def test_load_model_tells_what_is_missing_but_not_where(
    copied_entry: ModelEntry, lost: str, said: str
) -> None:
    path = Path(copied_entry.source, lost)
    shutil.move(path, path.parent.parent)
    with pytest.raises(ModelUnavailable, match=said) as caught:
        load_model(copied_entry, "cpu")
    assert copied_entry.source not in str(caught.value)


@pytest.mark.parametrize("index", ["[]", "{", '{"unet": 3}'])
def test_load_model_refuses_an_index_that_is_none(copied_entry: ModelEntry, index: str) -> None:
    Path(copied_entry.source, "model_index.json").write_text(index)
    with pytest.raises(ModelUnavailable):
        load_model(copied_entry, "cpu")


# diffusers still gives the Hub's library an argument that it has done away with.
@pytest.mark.filterwarnings("ignore:The `local_dir_use_symlinks` argument:UserWarning")
@pytest.mark.parametrize("field", ["source", "controlnet"])
def test_load_model_asks_no_hub_when_it_is_offline(
    entry_of: Callable[[str], ModelEntry], monkeypatch: pytest.MonkeyPatch, field: str
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    changes = {field: "paintjob/absent", "revision": "main", "controlnet_revision": "main"}
    away = entry_of("qwen-image-controlnet").model_copy(update=changes)
    with pytest.raises(ModelUnavailable, match="paintjob models pull tiny"):
        load_model(away, "cpu")


def test_load_model_refuses_the_hub_without_a_revision(tiny_entry: ModelEntry) -> None:
    with pytest.raises(ModelUnavailable, match="revision"):
        load_model(tiny_entry.model_copy(update={"source": "paintjob/absent"}), "cpu")


def test_load_model_loads_by_the_family_not_by_what_the_weights_say(
    copied_entry: ModelEntry,
) -> None:
    index = Path(copied_entry.source, "model_index.json")
    told = json.loads(index.read_text()) | {"_class_name": "StableDiffusionPipeline"}
    index.write_text(json.dumps(told))
    assert type(load_model(copied_entry, "cpu").pipeline).__name__ == copied_entry.traits.pipeline


@pytest.mark.parametrize("family", ["z-image-controlnet", "qwen-image-controlnet"])
def test_load_model_refuses_a_family_without_its_controlnet(
    family: str, entry_of: Callable[[str], ModelEntry], tmp_path: Path
) -> None:
    for controlnet, said in ((None, "needs a controlnet"), (str(tmp_path), "no config.json")):
        with pytest.raises(ModelUnavailable, match=said):
            load_model(entry_of(family).model_copy(update={"controlnet": controlnet}), "cpu")


def test_load_model_takes_a_controlnet_that_is_one_file(
    entry_of: Callable[[str], ModelEntry],
) -> None:
    entry = entry_of("z-image-controlnet")
    file = str(Path(str(entry.controlnet), "diffusion_pytorch_model.safetensors"))
    model = load_model(entry.model_copy(update={"controlnet": file}), "cpu")
    assert type(model.pipeline.controlnet).__name__ == "ZImageControlNetModel"


def test_load_model_takes_a_controlnet_that_is_one_of_several_files(
    entry_of: Callable[[str], ModelEntry], tmp_path: Path
) -> None:
    entry = entry_of("z-image-controlnet")
    whole = Path(str(entry.controlnet))
    (tmp_path / "other.safetensors").write_bytes(b"of another size")
    name = "union-8steps.safetensors"
    (tmp_path / name).write_bytes((whole / "diffusion_pytorch_model.safetensors").read_bytes())
    settings = json.loads((whole / "config.json").read_text())
    changes: dict[str, Any] = {"controlnet": str(tmp_path), "controlnet_file": name}
    with pytest.raises(ModelUnavailable, match=r"no config\.json"):
        load_model(entry.model_copy(update=changes), "cpu")
    changes["controlnet_config"] = {k: v for k, v in settings.items() if not k.startswith("_")}
    found = load_model(entry.model_copy(update=changes), "cpu").pipeline.controlnet
    wanted = load_model(entry, "cpu").pipeline.controlnet.state_dict()
    assert wanted.keys() == found.state_dict().keys()
    assert all(torch.equal(one, wanted[name]) for name, one in found.state_dict().items())
    # A directory of one's own in diffusers' layout may take a known model's place.
    changes["controlnet"] = str(whole)
    load_model(entry.model_copy(update=changes), "cpu")


def test_known_models_settings_of_a_controlnet_are_those_of_its_class() -> None:
    settings = read_known_models()["z-image-turbo-control"]["controlnet_config"]
    with torch.device("meta"):
        controlnet = library.ZImageControlNetModel(**settings)
    # As the published weights have it: 2 x 2 of 33 channels, 15 layers, 2 refining ones.
    [embedder] = controlnet.control_all_x_embedder.values()
    assert embedder.weight.shape == (3840, 132)
    assert len(controlnet.control_layers) == 15
    assert len(controlnet.control_noise_refiner) == 2


def test_load_model_refuses_a_controlnet_that_is_pickled(
    entry_of: Callable[[str], ModelEntry], tmp_path: Path
) -> None:
    file = tmp_path / "union.ckpt"
    file.write_bytes(b"")
    entry = entry_of("z-image-controlnet").model_copy(update={"controlnet": str(file)})
    with pytest.raises(ModelUnavailable, match="not a safetensors file"):
        load_model(entry, "cpu")


@pytest.mark.parametrize("family", ["flux-fill", "z-image", "stable-diffusion-3", "chroma"])
def test_load_model_takes_a_single_file_with_a_config_beside(
    family: str, entry_of: Callable[[str], ModelEntry], tmp_path: Path
) -> None:
    entry = copy_of(entry_of(family), tmp_path)
    config, file = Path(entry.source), tmp_path / "one.safetensors"
    weights = config / ADAPTERS[family].denoiser / "diffusion_pytorch_model.safetensors"
    save_file(load_file(weights), file)
    weights.unlink()
    single = entry.model_copy(update={"source": str(file), "config": str(config)})
    [painted] = DiffusionEngine(single, threads=1).paint([canvas_of(0)], ignore)
    [wanted] = DiffusionEngine(entry_of(family), threads=1).paint([canvas_of(0)], ignore)
    assert (painted.image == wanted.image).all()


@pytest.mark.parametrize(
    ("family", "clip"),
    [("stable-diffusion", CLIP_OF_SD), ("stable-diffusion-xl", CLIP_OF_SDXL)],
)
def test_load_model_takes_a_checkpoint_in_the_names_it_was_published_with(
    family: str, clip: str, entry_of: Callable[[str], ModelEntry], tmp_path: Path
) -> None:
    # The second encoder of XL stays beside: diffusers tells the two apart by their widths, which
    # in the tiny pipeline are the same.
    entry, file = copy_of(entry_of(family), tmp_path), tmp_path / "one.safetensors"
    config = Path(entry.source)
    write_single_file(config, file, clip)
    assert not (config / WEIGHTS).exists()
    single = entry.model_copy(update={"source": str(file), "config": str(config)})
    model, wanted = load_model(single, "cpu"), load_model(entry_of(family), "cpu")
    for name in ("unet", "vae", "text_encoder"):
        found = getattr(model.pipeline, name).state_dict()
        for key, value in getattr(wanted.pipeline, name).state_dict().items():
            assert torch.equal(found[key], value), f"{name}.{key}"
    [painted] = DiffusionEngine(single, threads=1).paint([canvas_of(0)], ignore)
    [same] = DiffusionEngine(entry_of(family), threads=1).paint([canvas_of(0)], ignore)
    assert (painted.image == same.image).all()


def test_load_model_refuses_a_single_file_that_it_cannot_read(
    entry_of: Callable[[str], ModelEntry], tiny_entry: ModelEntry, tmp_path: Path
) -> None:
    file = tmp_path / "one.safetensors"
    file.write_bytes(b"")
    pickled = tmp_path / "one.ckpt"
    pickled.write_bytes(b"")
    refused = [
        (tiny_entry, {"source": str(file)}, "local config"),
        (tiny_entry, {"source": str(pickled)}, "not a safetensors file"),
        (entry_of("flux2-klein"), {"source": str(file)}, "cannot be a single file"),
        (tiny_entry, {"source": str(file), "config": tiny_entry.source}, "could not be loaded"),
    ]
    for entry, changes, said in refused:
        with pytest.raises(ModelUnavailable, match=said):
            load_model(entry.model_copy(update=changes), "cpu")


@pytest.mark.parametrize(
    ("error", "device", "told"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), "cuda", GpuOutOfMemory),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "cpu", OutOfMemory),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "cuda", DeviceLost),
    ],
)
def test_load_model_tells_what_is_wrong_with_the_device(
    tiny_entry: ModelEntry,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    device: str,
    told: type[BaseException],
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr("diffusers.DiffusionPipeline.to", refuse)
    with pytest.raises(told):
        load_model(tiny_entry, device)


@pytest.mark.parametrize(
    "quantization",
    [
        {"quant_backend": "bitsandbytes_8bit", "quant_kwargs": {"load_in_8bit": True}},
        {
            "quant_mapping": {
                "unet": {"class": "BitsAndBytesConfig", "load_in_8bit": True},
                "text_encoder": {"class": "BitsAndBytesConfig", "load_in_4bit": True},
            }
        },
    ],
)
def test_load_model_passes_quantization_on(
    tiny_entry: ModelEntry, monkeypatch: pytest.MonkeyPatch, quantization: dict[str, Any]
) -> None:
    passed: dict[str, Any] = {}

    def record(_class: Any, _source: str, /, **options: Any) -> None:
        passed.update(options)
        raise OSError

    pipeline = "diffusers.StableDiffusionInpaintPipeline.from_pretrained"
    monkeypatch.setattr(pipeline, classmethod(record))
    with pytest.raises(ModelUnavailable):
        load_model(tiny_entry.model_copy(update={"quantization": quantization}), "cpu")
    config = passed["quantization_config"]
    assert config.quant_backend == quantization.get("quant_backend")
    assert set(config.quant_mapping or {}) == set(quantization.get("quant_mapping", {}))
    assert passed["trust_remote_code"] is False and passed["use_safetensors"] is True


def test_load_model_refuses_a_quantization_that_there_is_not(tiny_entry: ModelEntry) -> None:
    quantization = {"quant_mapping": {"unet": {"class": "Magic"}}}
    with pytest.raises(ModelUnavailable):
        load_model(tiny_entry.model_copy(update={"quantization": quantization}), "cpu")


def test_a_changed_file_is_refused_by_name(copied_entry: ModelEntry) -> None:
    hashes = {copied_entry.source: {WEIGHTS: "0" * 64}}
    with pytest.raises(ModelUnavailable, match=f"the file {WEIGHTS} of the model .* has changed"):
        load_model(copied_entry.model_copy(update={"sha256": hashes}), "cpu")
