"""LaMa's weights: the published state dict as safetensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from service.contract.catalogue import ModelEntry
from service.contract.errors import ModelUnavailable
from worker.engines.diffusion.lama.net import FourierUnit, LamaNet, LamaShape
from worker.engines.pinning import find_folder

FIRST: Final = "1.ffc.convl2l.weight"
"""Name of the first parameter; what stands before it differs from file to file."""

COUNTER: Final = ".num_batches_tracked"
"""End of the names of what only training uses."""

SAFE: Final = ".safetensors"

MOST_NAMED: Final = 5
"""Keys that an error names."""


def read_net(entry: ModelEntry, dtype: torch.dtype) -> LamaNet:
    """Read the net of a model, on the processor.

    Raises:
        ModelUnavailable: the file is missing, no safetensors file, or of another net.
    """
    file = _find_file(entry)
    try:
        weights = load_file(file)
    except (SafetensorError, OSError) as error:
        detail = f"the file {file.name} of the model {entry.name} is not a safetensors file"
        raise ModelUnavailable(detail) from error
    return build_net(entry.name, weights, dtype)


def build_net(name: str, weights: Mapping[str, Tensor], dtype: torch.dtype) -> LamaNet:
    """Build the net that a state dict is of.

    Args:
        name: of the model, for errors.
        weights: the published state dict, or one with other prefixes.
        dtype: precision of all but the Fourier units.

    Raises:
        ModelUnavailable: it lacks keys, or has others; names them.
    """
    own = _strip(name, weights)
    with torch.device("meta"):
        net = LamaNet(_read_shape(own))
    state = net.state_dict()
    expected = {key: tensor.shape for key, tensor in state.items() if not key.endswith(COUNTER)}
    wrong = {
        "lacks": [key for key in expected if key not in own],
        "does not know": [key for key in own if key not in expected],
        "has other shapes of": [
            key for key, shape in expected.items() if key in own and own[key].shape != shape
        ],
    }
    faults = [f"{what} {_name(keys)}" for what, keys in wrong.items() if keys]
    if faults:
        raise ModelUnavailable(f"the model {name} is no LaMa: its state dict {'; '.join(faults)}")
    counters = {key: torch.tensor(0) for key in state if key.endswith(COUNTER)}
    net.load_state_dict({**own, **counters}, assign=True)
    net.to(dtype)
    for unit in net.modules():
        # Sums over a whole picture pass what half a precision can hold.
        if isinstance(unit, FourierUnit):
            unit.float()
    return net.eval().requires_grad_(requires_grad=False)


def _find_file(entry: ModelEntry) -> Path:
    source, [name] = Path(entry.source), entry.files
    if source.is_file():
        return source
    if name.endswith(SAFE):
        file = find_folder(entry.name, entry.source, entry.revision, [name]) / name
        if file.is_file():
            return file
    raise ModelUnavailable(
        f"the model {entry.name} has no safetensors file in {entry.source}; "
        f"paintjob models pull {entry.name} makes it"
    )


def _strip(name: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the generator's weights by our names, without counters of training."""
    first = next((key for key in weights if key == FIRST or key.endswith(f".{FIRST}")), None)
    if first is None:
        raise ModelUnavailable(f"the model {name} is no LaMa: no key ends in {FIRST}")
    prefix = first.removesuffix(FIRST)
    return {
        f"model.{key.removeprefix(prefix)}": tensor
        for key, tensor in weights.items()
        if key.startswith(prefix) and not key.endswith(COUNTER)
    }


def _read_shape(weights: Mapping[str, Tensor]) -> LamaShape:
    """Return the sizes of the net that has these weights."""
    reducing = sum(bool(re.fullmatch(r"model\.\d+\.ffc\.convl2l\.weight", key)) for key in weights)
    blocks = {
        found[1]
        for key in weights
        if (found := re.match(r"model\.(\d+)\.conv1\.ffc\.", key)) is not None
    }
    width = weights[f"model.{FIRST}"].shape[0]
    return LamaShape(width=int(width), halvings=max(reducing - 1, 1), blocks=len(blocks))


def _name(keys: list[str]) -> str:
    more = f" and {len(keys) - MOST_NAMED} more" if len(keys) > MOST_NAMED else ""
    return ", ".join(keys[:MOST_NAMED]) + more
