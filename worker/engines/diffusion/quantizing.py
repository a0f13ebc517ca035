"""Weights of fewer bits: what the models file says, made diffusers' settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diffusers
import transformers
from diffusers.quantizers.pipe_quant_config import PipelineQuantizationConfig


def make_quantization(settings: Mapping[str, Any]) -> Any:
    """Give diffusers' `PipelineQuantizationConfig`.

    Args:
        settings: its arguments; in `quant_mapping`, a table a component: `class` and what that
            takes. Text encoders are of transformers, and so are their classes.

    Raises:
        ValueError: there is no such class, or it does not take these arguments.
    """
    given = dict(settings)
    if "quant_mapping" in given:
        mapping = given["quant_mapping"]
        given["quant_mapping"] = {name: _make(name, mapping[name]) for name in mapping}
    return PipelineQuantizationConfig(**given)


def _make(component: str, settings: Mapping[str, Any]) -> Any:
    library: Any = transformers if component.startswith("text_encoder") else diffusers
    given = dict(settings)
    found = getattr(library, str(given.pop("class", "")), None)
    if not isinstance(found, type):
        raise ValueError(f"quantization of {component}: there is no such class")
    return found(**given)
