"""The intents of callers, and the settings that each takes with a method or family of models.

Data only, in `intents.toml`: a method or family without an intent's table refuses that intent.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.contract.params import MAX_GROW_PIXELS, Infill, Intent, LoraUse, Reference

SetBy = Literal["request", "preset", "intent"]
"""Who set a parameter."""


class Preset(BaseModel):
    """Values that belong together, such as a LoRA and the prompt that it was trained on.

    A request's own values take precedence; null leaves the default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    infill: Infill | None = Field(None, description="Filling of the hole beforehand.")
    strength: float | None = Field(None, gt=0, le=1, description="Share of noise added.")
    grow: int | None = Field(
        None, ge=0, le=MAX_GROW_PIXELS, description="Pixels to widen the mask by."
    )
    prompt_template: str | None = Field(
        None, min_length=1, max_length=4000, description="Text around the prompt."
    )
    reference: Reference | None = Field(None, description="Second picture that the model sees.")
    loras: list[LoraUse] | None = Field(None, description="LoRAs of the model, and their scales.")
    description: str = Field("", description="One sentence for people.")

    def to_values(self) -> dict[str, Any]:
        """Return what is set, by the parameter's name."""
        names = set(type(self).model_fields) - {"description"}
        found = {name: getattr(self, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}


class IntentSettings(Preset):
    """Values that an intent sets: those of its preset, if it has one, come before its own."""

    preset: str | None = Field(None, description="Preset of the model.")


Intents = Mapping[Intent, IntentSettings]
"""The intents that something can honor, and what each sets."""


def complete_settings(base: IntentSettings, changes: IntentSettings) -> IntentSettings:
    """Return settings in which some values replace those of others."""
    return base.model_copy(update=changes.to_values())


def intents_of_method(name: str) -> Intents:
    """Return the intents that a method without a model honors."""
    return _read_intents()["methods"].get(name, {})


def intents_of_family(name: str) -> Intents:
    """Return the intents that a family of models honors."""
    return _read_intents()["families"].get(name, {})


@cache
def _read_intents() -> Mapping[str, Mapping[str, Intents]]:
    text = files(__package__).joinpath("intents.toml").read_text(encoding="utf-8")
    return {
        kind: {name: _parse(table) for name, table in tables.items()}
        for kind, tables in tomllib.loads(text).items()
    }


def _parse(table: Mapping[Intent, Any]) -> Intents:
    return {intent: IntentSettings.model_validate(values) for intent, values in table.items()}
