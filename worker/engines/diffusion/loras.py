"""The LoRAs of a pipeline: each is loaded once, whole or not at all, and switched by call."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from diffusers.loaders import lora_base
from huggingface_hub import constants as hub_constants

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from service.contract.loras import LoraEntry
from worker.engines.diffusion.faults import is_device_lost, is_out_of_memory

LoraSet = tuple[tuple[str, float], ...]
"""The optional LoRAs of a call, by name, and their scales."""

MOST_NAMED: Final = 8
"""Keys that an error lists."""

_HALF = re.compile(
    r"(?P<module>.+?)(?:\.lora_(?P<peft>[AB])|(?:\.|_)lora(?:_linear_layer)?[._](?P<old>down|up))"
    r"(?:\.[\w-]+)?(?:\.weight|\.bias)?"
)
"""A key of one of the two factors, in the layouts that diffusers' readers return."""


def load_loras(pipeline: Any, entry: ModelEntry) -> None:
    """Load the LoRAs of an entry: those that are always on, and those that requests may name.

    Raises:
        ModelUnavailable: one is missing, or does not fit the model as a whole.
    """
    fixed = {_fixed_name(place): lora for place, lora in enumerate(entry.loras)}
    optional = {_optional_name(name): lora for name, lora in entry.offered_loras.items()}
    if not fixed and not optional:
        return
    if not hasattr(pipeline, "load_lora_weights"):
        raise ModelUnavailable(f"models of family {entry.family} do not take LoRAs")
    for name, lora in {**fixed, **optional}.items():
        _load(pipeline, entry, lora, name)
    use_loras(pipeline, entry, ())


def use_loras(pipeline: Any, entry: ModelEntry, chosen: LoraSet) -> None:
    """Switch to the LoRAs of a call, beside those that are always on.

    Raises:
        ModelUnavailable: this worker's model does not offer one of them.
    """
    scales = {_fixed_name(place): lora.scale for place, lora in enumerate(entry.loras)}
    offered = entry.offered_loras
    for name, scale in chosen:
        if name not in offered:
            raise ModelUnavailable(f"the model {entry.name} of this worker has no LoRA {name}")
        scales[_optional_name(name)] = scale
    if scales:
        pipeline.enable_lora()
        pipeline.set_adapters(list(scales), list(scales.values()))
    elif offered:
        pipeline.disable_lora()


def _fixed_name(place: int) -> str:
    return f"fixed_{place}"


def _optional_name(name: str) -> str:
    # A dot would be read as a path between modules.
    return f"optional_{name}"


def _load(pipeline: Any, entry: ModelEntry, lora: LoraEntry, name: str) -> None:
    said = lora.weight_name or Path(lora.source).name
    source = {
        "weight_name": lora.weight_name,
        "use_safetensors": True,
        **_origin(entry, lora),
    }
    state = _read(lora, source)
    spoiled = [key for key in state if "dora_scale" in key]
    try:
        found = pipeline.lora_state_dict(dict(state))
        with warnings.catch_warnings():
            # The second of several, which is what is wanted.
            warnings.filterwarnings("ignore", "Already found a `peft_config` attribute")
            pipeline.load_lora_weights(lora.source, adapter_name=name, **source)
    except (RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        if is_out_of_memory(error) or is_device_lost(error):
            raise
        raise ModelUnavailable(f"the LoRA {said} does not fit the model {entry.name}") from error
    converted = found[0] if isinstance(found, tuple) else found
    lost = spoiled + find_lost(converted, _find_placed(pipeline, name))
    if lost:
        more = f" and {len(lost) - MOST_NAMED} more" if len(lost) > MOST_NAMED else ""
        raise ModelUnavailable(
            f"the LoRA {said} fits the model {entry.name} only in part: no place for "
            f"{', '.join(lost[:MOST_NAMED])}{more}"
        )


def _read(lora: LoraEntry, source: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return the tensors as they are in the file."""
    library: Any = lora_base
    state, _ = library._fetch_state_dict(
        lora.source,
        subfolder=None,
        cache_dir=None,
        force_download=False,
        proxies=None,
        token=None,
        user_agent={},
        allow_pickle=False,
        **source,
    )
    return dict(state)


def find_lost(keys: Iterable[str], placed: frozenset[str]) -> list[str]:
    """Return the keys of a LoRA that found no place, and those whose other factor is missing.

    Args:
        keys: as diffusers' reader returned them, with the component first.
        placed: modules that the LoRA changes, with the component first.
    """
    halves: dict[str, dict[str, str]] = {}
    lost = []
    for key in keys:
        match = _HALF.fullmatch(key)
        if match is None:
            lost += [] if key.endswith((".alpha", ".lora_magnitude_vector")) else [key]
            continue
        module = match["module"].replace(".processor", "")
        half = {"down": "A", "up": "B"}.get(match["old"] or "", match["peft"] or "")
        halves.setdefault(module, {})[half] = key
        # Old files name the list of layers that its first one is in.
        if not placed & {module, f"{module}.0"}:
            lost.append(key)
    lone = [key for pair in halves.values() if len(pair) == 1 for key in pair.values()]
    return sorted({*lost, *lone})


def _find_placed(pipeline: Any, name: str) -> frozenset[str]:
    """Return the modules that an adapter changes, with the component first."""
    return frozenset(
        f"{component}.{path}"
        for component, model in pipeline.components.items()
        if isinstance(model, torch.nn.Module)
        for path, module in model.named_modules()
        if name in getattr(module, "lora_A", ()) or name in getattr(module, "lora_embedding_A", ())
    )


def _origin(entry: ModelEntry, lora: LoraEntry) -> dict[str, Any]:
    is_local = Path(lora.source).exists()
    if not is_local and lora.revision is None:
        raise ModelUnavailable(f"a LoRA of {entry.name} is not a local file and has no revision")
    offline = is_local or hub_constants.HF_HUB_OFFLINE
    return {"revision": lora.revision, "local_files_only": offline}
