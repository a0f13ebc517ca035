"""Quantization: from the models file to diffusers' settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import diffusers
import transformers
from diffusers.quantizers.pipe_quant_config import PipelineQuantizationConfig


def make_quantization(settings: Mapping[str, Any]) -> Any:
    """Return diffusers' `PipelineQuantizationConfig`.

    Args:
        settings: its arguments; in `quant_mapping`, one table a component: `class` and arguments.
            Text encoders take the classes of transformers.

    Raises:
        ValueError: the class does not exist, or does not take these arguments.
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
        raise ValueError(f"quantization of {component}: the class does not exist")
    return found(**given)
