"""Pipelines from a local directory or the Hub: safetensors only, without remote code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
import transformers
from diffusers import StableDiffusionInpaintPipeline
from diffusers.utils import logging as diffusers_logging
from huggingface_hub import constants as hub_constants
from transformers.utils import logging as transformers_logging

from service.contract.catalogue import ModelEntry
from service.contract.errors import GpuOutOfMemory, ModelUnavailable

PIPELINES: Final[Mapping[str, Any]] = {"stable-diffusion-inpaint": StableDiffusionInpaintPipeline}
"""The class that loads each family; not `DiffusionPipeline`, which follows what the weights say."""

DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

_LIBRARY_LOGGING: Final[tuple[Any, ...]] = (diffusers_logging, transformers_logging)


def load_pipeline(entry: ModelEntry, device: str) -> Any:
    """Load a model's pipeline onto a device, ready to be called.

    Nothing is fetched for a local directory, nor while `HF_HUB_OFFLINE` is set.

    Args:
        entry: which weights, in which revision, variant and dtype.
        device: torch's name of the device.

    Raises:
        ModelUnavailable: the weights are missing, incomplete, not safetensors or of another family,
            or come from the Hub without a revision.
        GpuOutOfMemory: the device's memory does not hold them.
    """
    # They log what they cut off a long prompt, and prompts belong in no log.
    for library_logging in _LIBRARY_LOGGING:
        library_logging.set_verbosity_error()
        library_logging.disable_progress_bar()
    try:
        pipeline = _read_pipeline(entry).to(device)
    except torch.OutOfMemoryError:
        raise GpuOutOfMemory(f"the accelerator's memory does not hold {entry.name}") from None
    pipeline.set_progress_bar_config(disable=True)
    # On processors with bfloat16 units this order of memory saves about a tenth of every step.
    pipeline.unet.to(memory_format=torch.channels_last)
    return pipeline


def _read_pipeline(entry: ModelEntry) -> Any:
    is_local = Path(entry.source).is_dir()
    if not is_local and entry.revision is None:
        raise ModelUnavailable(f"the model {entry.name} is no directory and has no revision")
    try:
        return PIPELINES[entry.family].from_pretrained(
            entry.source,
            revision=entry.revision,
            variant=entry.variant,
            dtype=DTYPES[entry.dtype],
            local_files_only=is_local or hub_constants.HF_HUB_OFFLINE,
            use_safetensors=True,
            trust_remote_code=False,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    except (MemoryError, torch.OutOfMemoryError):
        raise
    # Broken weights raise nearly anything: OSError, ValueError, KeyError, SafetensorError, ...
    except Exception as error:
        raise ModelUnavailable(f"the model {entry.name} could not be loaded") from error


def choose_device() -> str:
    """Give the accelerator if there is one, else the processor."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """Give the versions that decide what a seed paints."""
    return {
        "torch": str(torch.__version__),
        "diffusers": str(diffusers.__version__),
        "transformers": str(transformers.__version__),
    }
