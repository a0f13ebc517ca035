"""Components that are loaded from their own sources: a ControlNet, a decoder of previews."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import diffusers
import torch
from huggingface_hub import constants as hub_constants
from huggingface_hub import hf_hub_download

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from service.contract.finders import FinderEntry
from worker.engines.diffusion.families.base import Adapter

DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

CONFIG: Final = "config.json"


def find_origin(
    entry: ModelEntry | FinderEntry, source: str, revision: str | None
) -> dict[str, Any]:
    """Return where a library may look for a directory or repository; on the Hub only at a revision.

    Raises:
        ModelUnavailable: it is not a directory, and no revision is given.
    """
    is_local = Path(source).is_dir()
    if not is_local and revision is None:
        raise ModelUnavailable(
            f"the model {entry.name} is not a local directory and has no revision"
        )
    return {
        "revision": revision,
        "local_files_only": is_local or hub_constants.HF_HUB_OFFLINE,
    }


def read_controlnet(entry: ModelEntry, adapter: Adapter) -> dict[str, Any]:
    """Read the ControlNet, if the family has one: a directory, a repository or a single file.

    Returns:
        The component by its name; empty if there is none.

    Raises:
        ModelUnavailable: it is not named, or has no settings file.
    """
    if adapter.controlnet is None:
        return {}
    if not entry.controlnet:
        raise ModelUnavailable(f"the model {entry.name} needs a controlnet")
    controlnet_class = getattr(diffusers, adapter.controlnet)
    dtype = DTYPES[entry.dtype]
    file = _find_file(entry, entry.controlnet)
    if file is not None:
        return {"controlnet": _read_file(entry, controlnet_class, file, dtype)}
    if Path(entry.controlnet).is_dir():
        _check_settings(entry, Path(entry.controlnet))
    origin = find_origin(entry, entry.controlnet, entry.controlnet_revision)
    controlnet = controlnet_class.from_pretrained(
        entry.controlnet, dtype=dtype, use_safetensors=True, **origin
    )
    return {"controlnet": controlnet}


def read_preview_vae(entry: ModelEntry, adapter: Adapter, autoencoder: Any) -> Any:
    """Read the small decoder for previews; `None` if the entry names none.

    Args:
        entry: the model.
        adapter: of its family.
        autoencoder: of its pipeline; the decoder must fit its latents.

    Raises:
        ModelUnavailable: it does not fit the model.
    """
    if entry.preview_vae is None:
        return None
    if not adapter.takes_preview_vae:
        raise ModelUnavailable(f"models of family {entry.family} do not take a preview_vae")
    # The types of diffusers' lazy module are incomplete.
    decoder_class: Any = diffusers.AutoencoderTiny
    decoder = decoder_class.from_pretrained(
        entry.preview_vae,
        dtype=DTYPES[entry.dtype],
        use_safetensors=True,
        **find_origin(entry, entry.preview_vae, entry.preview_vae_revision),
    )
    if decoder.config.latent_channels != autoencoder.config.latent_channels:
        raise ModelUnavailable(f"the preview_vae of {entry.name} does not fit the model's latents")
    return decoder.eval()


def _find_file(entry: ModelEntry, source: str) -> Path | None:
    """Return the single file of a ControlNet, fetched if needed; `None` for a directory."""
    if Path(source).is_file():
        return Path(source)
    if entry.controlnet_file is None:
        return None
    if Path(source).is_dir():
        # A local directory may replace a known model's repository of single files.
        file = Path(source, entry.controlnet_file)
        return file if file.is_file() else None
    origin = find_origin(entry, source, entry.controlnet_revision)
    # `origin` holds the pinned revision.
    return Path(hf_hub_download(source, entry.controlnet_file, **origin))  # nosec B615


def _read_file(entry: ModelEntry, controlnet_class: Any, file: Path, dtype: torch.dtype) -> Any:
    """Read one safetensors file, with the settings of the entry or those beside the file."""
    if file.suffix != ".safetensors":
        raise ModelUnavailable(f"the controlnet of {entry.name} is not a safetensors file")
    # diffusers reads settings from a directory only, and without one asks the Hub.
    with TemporaryDirectory() as directory:
        beside = file.parent
        if entry.controlnet_config is not None:
            beside = Path(directory)
            (beside / CONFIG).write_text(json.dumps(entry.controlnet_config))
        _check_settings(entry, beside)
        return controlnet_class.from_single_file(
            str(file), config=str(beside), local_files_only=True, dtype=dtype
        )


def _check_settings(entry: ModelEntry, directory: Path) -> None:
    if not (directory / CONFIG).is_file():
        raise ModelUnavailable(f"the controlnet of {entry.name} has no {CONFIG}")
