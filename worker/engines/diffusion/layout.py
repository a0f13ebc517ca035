"""The files of a directory of weights, and which are missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from pathlib import Path

from service.contract.errors import ModelUnavailable

INDEX = "model_index.json"


def check_layout(name: str, directory: Path, variant: str | None, replaced: Set[str]) -> None:
    """Check by file names that a directory in diffusers' layout is complete.

    Args:
        name: the model's, for the message, which must not show the directory.
        directory: with `model_index.json`.
        variant: of the weights' files.
        replaced: components that come from elsewhere.

    Raises:
        ModelUnavailable: something is missing; names it.
    """
    if not (directory / INDEX).is_file():
        raise ModelUnavailable(f"the model {name} is incomplete: {INDEX} is missing or not a file")
    needed = [one for one in _components(name, directory) if one not in replaced]
    for component in needed:
        if not (directory / component).is_dir():
            raise ModelUnavailable(f"the model {name} is incomplete: {component} is missing")
        if not has_weights(directory / component):
            raise ModelUnavailable(
                f"the model {name} is incomplete: {component} has no safetensors"
            )
    # Not all components need have the variant; the others are read without it.
    if variant and not any(_has_variant(directory / one, variant) for one in needed):
        raise ModelUnavailable(f"the model {name} has no weights of variant {variant}")


def components_with_weights(name: str, directory: Path) -> list[str]:
    """Return the components whose files exist, including those that never have weights.

    Raises:
        ModelUnavailable: the index is missing or unreadable.
    """
    found = _components(name, directory)
    return [one for one in found if (directory / one).is_dir() and has_weights(directory / one)]


def has_weights(directory: Path) -> bool:
    """Return whether a component's weights exist, or it never has any, like a tokenizer."""
    # Weights come with `config.json`; schedulers, tokenizers and image processors do not.
    has_config = (directory / "config.json").is_file()
    return not has_config or any(directory.glob("*.safetensors"))


def _has_variant(directory: Path, variant: str) -> bool:
    return any(f".{variant}" in path.name for path in directory.glob("*.safetensors"))


def _components(name: str, directory: Path) -> Iterator[str]:
    """Return the components for which the index names a class."""
    try:
        index = json.loads((directory / INDEX).read_text())
        entries = list(index.items())
    except (OSError, ValueError, AttributeError):
        raise ModelUnavailable(f"the model {name} has no readable {INDEX}") from None
    for component, value in entries:
        if isinstance(value, list) and len(value) == 2 and value[1] is not None:
            yield component
