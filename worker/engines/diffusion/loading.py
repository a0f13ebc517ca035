"""Pipelines from a directory, a single file or the Hub: safetensors only, without remote code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import diffusers
import torch
import transformers
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from worker.engines.diffusion.companions import (
    DTYPES,
    find_origin,
    read_controlnet,
    read_preview_vae,
)
from worker.engines.diffusion.families import ADAPTERS
from worker.engines.diffusion.families.base import Adapter
from worker.engines.diffusion.faults import (
    DeviceLost,
    is_device_lost,
    is_out_of_memory,
    memory_failure,
)
from worker.engines.diffusion.fitting import fit_pipeline
from worker.engines.diffusion.layout import check_layout, components_with_weights
from worker.engines.diffusion.quantizing import make_quantization
from worker.engines.pinning import check_files

_LIBRARY_LOGGING: Final[tuple[Any, ...]] = (diffusers_logging, transformers_logging)

_Loaded = TypeVar("_Loaded")


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to paint.

    Attributes:
        entry: as configured.
        adapter: calls its pipeline.
        pipeline: of diffusers, of the class that the family names.
        preview_vae: a small decoder for previews; `None` if there is none.
    """

    entry: ModelEntry
    adapter: Adapter
    pipeline: Any
    preview_vae: Any = None

    @property
    def device(self) -> str:
        """Torch's name of the kind of its device, such as `cpu` or `cuda`."""
        return str(self.pipeline._execution_device.type)

    @property
    def denoiser(self) -> Any:
        """The component that runs at every step."""
        return getattr(self.pipeline, self.adapter.denoiser)

    @property
    def autoencoder(self) -> Any:
        """The component between pixels and latents."""
        return getattr(self.pipeline, self.adapter.autoencoder)


def load_model(entry: ModelEntry, device: str) -> LoadedModel:
    """Load a model's pipeline onto a device, ready to be called.

    Nothing is downloaded for local weights, or while `HF_HUB_OFFLINE` is set.

    Args:
        entry: names weights, revision, variant and dtype, and how to use them.
        device: torch's name of the device.

    Raises:
        ModelUnavailable: the weights are missing, incomplete, changed, not safetensors or of
            another family, come from the Hub without a revision, or cannot be used as the entry
            asks.
        OutOfMemory: the worker's memory does not hold them.
        GpuOutOfMemory: the accelerator's memory does not hold them.
        DeviceLost: the device is broken.
    """
    # They log the part cut off a long prompt, and prompts belong in no log.
    for library_logging in _LIBRARY_LOGGING:
        library_logging.set_verbosity_error()
        library_logging.disable_progress_bar()
    adapter = ADAPTERS[entry.family]
    check_files(entry)
    # Weights are read into the worker's memory, unless they are quantized while read.
    reading_on = "cpu" if entry.quantization is None else device
    pipeline = _attempt(entry, reading_on, lambda: _read(entry, adapter))
    _attempt(entry, device, lambda: fit_pipeline(pipeline, entry, adapter, device))
    adapter.prepare(pipeline)
    model = LoadedModel(entry, adapter, pipeline)
    decoder = _attempt(
        entry, device, lambda: _read_decoder(entry, adapter, model.autoencoder, device)
    )
    return replace(model, preview_vae=decoder)


def _read_decoder(entry: ModelEntry, adapter: Adapter, autoencoder: Any, device: str) -> Any:
    decoder = read_preview_vae(entry, adapter, autoencoder)
    return None if decoder is None else decoder.to(device)


def _attempt(entry: ModelEntry, device: str, load: Callable[[], _Loaded]) -> _Loaded:
    """Call a library for a device, and translate its errors into ours."""
    try:
        return load()
    except (ModelUnavailable, MemoryError):
        raise
    # Broken weights raise nearly anything: OSError, ValueError, KeyError, SafetensorError, …
    except Exception as error:
        if _is_absent(entry, error):
            detail = f"the model {entry.name} is not downloaded: paintjob models pull {entry.name}"
            raise ModelUnavailable(detail) from None
        if is_device_lost(error):
            raise DeviceLost("the accelerator cannot be used") from None
        if not is_out_of_memory(error):
            raise ModelUnavailable(f"the model {entry.name} could not be loaded") from error
    raise memory_failure(device, entry.name)


def _is_absent(entry: ModelEntry, error: Exception) -> bool:
    """Return whether weights of the Hub are missing and must not, or cannot, be downloaded."""
    sources = (entry.source, *filter(None, (entry.controlnet, entry.preview_vae)))
    return isinstance(error, OSError) and not all(Path(source).exists() for source in sources)


def _read(entry: ModelEntry, adapter: Adapter) -> Any:
    pipeline_class = getattr(diffusers, entry.traits.pipeline)
    options: dict[str, Any] = {
        "dtype": DTYPES[entry.dtype],
        "use_safetensors": True,
        **adapter.components,
        **_read_parts(entry, adapter),
        **read_controlnet(entry, adapter),
    }
    if entry.quantization is not None:
        options["quantization_config"] = make_quantization(entry.quantization)
    source = Path(entry.source)
    if source.is_file():
        return _read_single_file(entry, adapter, pipeline_class, options)
    if source.is_dir():
        check_layout(entry.name, source, entry.variant, options.keys())
    return pipeline_class.from_pretrained(
        entry.source,
        variant=entry.variant,
        trust_remote_code=False,
        **find_origin(entry, entry.source, entry.revision),
        **options,
    )


def _read_parts(entry: ModelEntry, adapter: Adapter) -> Mapping[str, Any]:
    """Read what the adapter reads itself; of a single file, from the directory of its settings."""
    source = entry.config if Path(entry.source).is_file() else entry.source
    if source is None:
        return {}
    origin = find_origin(entry, source, entry.revision)
    return adapter.read_components(entry.model_copy(update={"source": source}), origin)


def _read_single_file(
    entry: ModelEntry, adapter: Adapter, pipeline_class: Any, options: dict[str, Any]
) -> Any:
    """Read one safetensors file; components with weights in its `config` come from there."""
    if not entry.source.endswith(".safetensors"):
        raise ModelUnavailable(f"the model {entry.name} is not a safetensors file")
    if not hasattr(pipeline_class, "from_single_file"):
        raise ModelUnavailable(f"models of family {entry.family} cannot be a single file")
    # Without one, diffusers asks the Hub for settings, offline or not.
    if entry.config is None or not Path(entry.config).is_dir():
        raise ModelUnavailable(
            f"the model {entry.name} is a single file, which needs a local config"
        )
    config = Path(entry.config)
    beside = set(components_with_weights(entry.name, config)) - {adapter.denoiser}
    absent = dict.fromkeys(_names(pipeline_class) - beside - options.keys())
    others = pipeline_class.from_pretrained(
        config, local_files_only=True, trust_remote_code=False, **absent, **options
    )
    found = {name: one for name, one in others.components.items() if one is not None}
    return pipeline_class.from_single_file(
        entry.source, config=str(config), local_files_only=True, **(options | found)
    )


def _names(pipeline_class: Any) -> set[str]:
    """Return the components that a pipeline requires."""
    required, _ = pipeline_class._get_signature_keys(pipeline_class)
    return set(required)


def choose_device() -> str:
    """Return the name of the accelerator if there is one, else of the processor."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def versions() -> dict[str, str]:
    """Return the library versions that decide the picture of a seed."""
    return {
        "torch": str(torch.__version__),
        "diffusers": str(diffusers.__version__),
        "transformers": str(transformers.__version__),
    }
