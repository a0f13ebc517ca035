"""Applying an entry to a pipeline: scheduler, adapters, offload, and what makes it faster."""

from __future__ import annotations

from typing import Any

import diffusers
import structlog
import torch
from diffusers.models.attention_dispatch import AttentionBackendName, attention_backend

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from worker.engines.diffusion.families.base import Adapter
from worker.engines.diffusion.loras import load_loras

log = structlog.get_logger()


def fit_pipeline(pipeline: Any, entry: ModelEntry, adapter: Adapter, device: str) -> None:
    """Apply the entry to a freshly read pipeline, and move it to its device.

    Args:
        pipeline: as read, on the processor.
        entry: with scheduler, LoRAs, offload, attention, cache, compile.
        adapter: of its family.
        device: torch's name of the device.

    Raises:
        ModelUnavailable: the entry asks for something that is not available; names it.
    """
    pipeline.set_progress_bar_config(disable=True)
    _set_scheduler(pipeline, entry)
    load_loras(pipeline, entry)
    _place(pipeline, entry, device)
    denoiser = getattr(pipeline, adapter.denoiser)
    _order_memory(denoiser)
    _slice_autoencoder(getattr(pipeline, adapter.autoencoder), entry)
    _set_attention(denoiser, entry)
    _enable_cache(denoiser, entry, adapter)
    _compile(denoiser, entry)


def set_tiling(autoencoder: Any, *, tiles: bool) -> None:
    """Make an autoencoder work in tiles, or whole; one that cannot tile works whole."""
    # All have the methods; those that cannot tile raise.
    if not hasattr(autoencoder, "use_tiling"):
        return
    if tiles:
        autoencoder.enable_tiling()
    else:
        autoencoder.disable_tiling()


def _set_scheduler(pipeline: Any, entry: ModelEntry) -> None:
    if entry.scheduler is None:
        return
    scheduler, settings = _named_class(entry, "scheduler", entry.scheduler)
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **settings)


def _place(pipeline: Any, entry: ModelEntry, device: str) -> None:
    if entry.offload == "none":
        pipeline.to(device)
    elif device == "cpu":
        # The weights are already there; diffusers refuses.
        log.warning("offload_needs_an_accelerator", model=entry.name)
    elif entry.offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)


def _order_memory(denoiser: Any) -> None:
    """Set the memory format of convolutions that tensor cores and bfloat16 units prefer."""
    # On processors with bfloat16 units this saves about a tenth of every step.
    if any(isinstance(module, torch.nn.Conv2d) for module in denoiser.modules()):
        denoiser.to(memory_format=torch.channels_last)


def _slice_autoencoder(autoencoder: Any, entry: ModelEntry) -> None:
    """Make the autoencoder process the pictures of a call one by one: it needs the most memory."""
    if entry.max_batch > 1 and hasattr(autoencoder, "use_slicing"):
        autoencoder.enable_slicing()


def set_attention(denoiser: Any, backend: str) -> None:
    """Make a denoiser compute attention by a backend, and no other model of the process.

    Args:
        denoiser: of diffusers.
        backend: by diffusers' name.

    Raises:
        RuntimeError, ValueError, ImportError, AttributeError: a package is missing, the name is
            unknown, or the hardware does not fit.
    """
    # diffusers also makes it the default of all models that name none: the context takes that back.
    with attention_backend(AttentionBackendName.NATIVE):
        denoiser.set_attention_backend(backend)


def _set_attention(denoiser: Any, entry: ModelEntry) -> None:
    if entry.attention is None:
        return
    try:
        set_attention(denoiser, entry.attention)
    # A package is missing, the name is unknown, or the hardware does not fit.
    except (RuntimeError, ValueError, ImportError, AttributeError):
        log.warning("attention_backend_unavailable", model=entry.name, backend=entry.attention)
        denoiser.reset_attention_backend()


def _enable_cache(denoiser: Any, entry: ModelEntry, adapter: Adapter) -> None:
    if entry.cache is None:
        return
    if not adapter.takes_cache or not hasattr(denoiser, "enable_cache"):
        raise ModelUnavailable(f"models of family {entry.family} do not take a cache")
    config, settings = _named_class(entry, "cache", entry.cache)
    denoiser.enable_cache(config(**settings))


def _compile(denoiser: Any, entry: ModelEntry) -> None:
    if not entry.compile:
        return
    if not getattr(denoiser, "_repeated_blocks", None):
        log.warning("nothing_to_compile", model=entry.name)
        return
    denoiser.compile_repeated_blocks(fullgraph=True)


def _named_class(
    entry: ModelEntry, field: str, settings: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Return the class of diffusers that `class` names, and the other settings."""
    rest = dict(settings)
    found = getattr(diffusers, str(rest.pop("class", "")), None)
    if not isinstance(found, type):
        raise ModelUnavailable(
            f"{field} of the model {entry.name}: the class is not one of diffusers"
        )
    return found, rest
