"""What lies in a directory of weights, and what is missing there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from pathlib import Path

from service.contract.errors import ModelUnavailable

INDEX = "model_index.json"


def check_layout(name: str, directory: Path, variant: str | None, replaced: Set[str]) -> None:
    """Check that a directory in diffusers' layout is whole, as far as names tell.

    Args:
        name: the model's, for the message; the place is the operator's business alone.
        directory: with `model_index.json`.
        variant: of the weights' files.
        replaced: components that come from elsewhere.

    Raises:
        ModelUnavailable: something is missing; says what.
    """
    if not (directory / INDEX).is_file():
        raise ModelUnavailable(f"the model {name} is incomplete: {INDEX} is missing or no file")
    needed = [one for one in _components(name, directory) if one not in replaced]
    for component in needed:
        if not (directory / component).is_dir():
            raise ModelUnavailable(f"the model {name} is incomplete: {component} is missing")
        if not has_weights(directory / component):
            raise ModelUnavailable(
                f"the model {name} is incomplete: {component} has no safetensors"
            )
    # Not all components need come in the variant; the others are read as they are.
    if variant and not any(_has_variant(directory / one, variant) for one in needed):
        raise ModelUnavailable(f"the model {name} has no weights of variant {variant}")


def components_with_weights(name: str, directory: Path) -> list[str]:
    """Give the components whose files are there, those without weights by nature included.

    Raises:
        ModelUnavailable: there is no readable index.
    """
    found = _components(name, directory)
    return [one for one in found if (directory / one).is_dir() and has_weights(directory / one)]


def has_weights(directory: Path) -> bool:
    """Whether a component's weights are there, or it has none by nature, as a tokenizer has."""
    # Weights come with `config.json`; schedulers, tokenizers and image processors do not.
    has_config = (directory / "config.json").is_file()
    return not has_config or any(directory.glob("*.safetensors"))


def _has_variant(directory: Path, variant: str) -> bool:
    return any(f".{variant}" in path.name for path in directory.glob("*.safetensors"))


def _components(name: str, directory: Path) -> Iterator[str]:
    """Give the components that the index names a class for."""
    try:
        index = json.loads((directory / INDEX).read_text())
        entries = list(index.items())
    except (OSError, ValueError, AttributeError):
        raise ModelUnavailable(f"the model {name} has no readable {INDEX}") from None
    for component, value in entries:
        if isinstance(value, list) and len(value) == 2 and value[1] is not None:
            yield component
