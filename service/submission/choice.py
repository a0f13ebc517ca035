"""The method and model of a job, and the values that its intent and its preset set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from service.contract.catalogue import ModelEntry
from service.contract.errors import Fault, ParameterNotSupported
from service.contract.intents import Intents, Preset, SetBy, intents_of_method
from service.contract.methods import MethodInfo
from service.contract.params import INTENTS, AnyParams, InpaintParams, MaskParams, OutpaintParams
from service.submission.finding import Finders, choose_queue

_Params = InpaintParams | OutpaintParams


@dataclass(frozen=True)
class Choice:
    """The method that paints, its model if it needs one, and the finders of its mask."""

    method: MethodInfo
    model: ModelEntry | None
    finders: Finders = field(default_factory=dict)

    @property
    def queue(self) -> str:
        """Queue of the workers that serve it.

        Raises:
            ConflictingFields: no worker has all of it.
        """
        return choose_queue(self.model, self.finders)

    @property
    def intents(self) -> Intents:
        """The intents that it honors in its operation, each with what it sets."""
        honored = (
            intents_of_method(self.method.name)
            if self.model is None
            else (self.model.honored_intents)
        )
        return {one: honored[one] for one in INTENTS[self.method.operation] if one in honored}

    @property
    def unsupported_fields(self) -> frozenset[str]:
        """Parameters and pictures that are refused with it."""
        of_model = self.model.unsupported_fields if self.model else frozenset()
        return self.method.unsupported_fields | of_model

    def find_invariant(self) -> str | None:
        """Name what paints the same picture for every seed; `None` if seeds make a difference."""
        if not self.method.variants:
            return f"method {self.method.name}"
        if self.model is not None and not self.model.traits.variants:
            return f"model {self.model.name}"
        return None

    def painter_of(self, field: str) -> str:
        """Name what does not support a parameter: the method, or only this model."""
        if self.model is None or field in self.method.unsupported_fields:
            return f"method {self.method.name}"
        return f"model {self.model.name}"


def find_intent_faults(params: _Params, choice: Choice) -> list[Fault]:
    """Return a fault if the intent is not one of the operation, the method or the model."""
    intent, operation = params.intent, choice.method.operation
    if intent is None or intent in choice.intents:
        return []
    if intent not in INTENTS[operation]:
        other = next(name for name, intents in INTENTS.items() if intent in intents)
        message = f"{intent} is for POST /{other}; POST /{operation} takes "
        message += ", ".join(INTENTS[operation])
    else:
        honored = ", ".join(choice.intents) or "none"
        message = f"{choice.painter_of('intent')} cannot honor {intent}, but {honored}; "
        message += "GET /methods and GET /models list what can"
    return [Fault("/intent", ParameterNotSupported.code, message, tuple(choice.intents))]


def find_settings(params: _Params, choice: Choice) -> dict[str, tuple[Any, SetBy]]:
    """Return the values that intent and preset set, and which of them did, by parameter.

    The request's own values, which take precedence, are not among them.
    """
    intent = choice.intents.get(params.intent) if params.intent else None
    found: dict[str, tuple[Any, SetBy]] = {}
    if intent is not None:
        found |= {name: (value, "intent") for name, value in intent.to_values().items()}
    preset = _find_preset(params, choice)
    if preset is not None:
        found |= {name: (value, "preset") for name, value in preset.to_values().items()}
    return found


def find_origins(params: AnyParams, choice: Choice) -> dict[str, SetBy]:
    """Return who set each parameter that the intent or the preset sets; empty without them."""
    if isinstance(params, MaskParams):
        return {}
    return {
        name: by if getattr(params, name) is None else "request"
        for name, (_, by) in sorted(find_settings(params, choice).items())
    }


def _find_preset(params: _Params, choice: Choice) -> Preset | None:
    """Return the preset that the request names, else that of its intent."""
    if choice.model is None:
        return None
    intent = choice.intents.get(params.intent) if params.intent else None
    name = params.preset or (intent.preset if intent else None)
    return None if name is None else choice.model.offered_presets.get(name)
