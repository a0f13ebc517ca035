"""Checks of what a model cannot paint, and of parameters that have no effect with it."""

from __future__ import annotations

from service.contract.catalogue import ModelEntry
from service.contract.errors import Fault, InvalidField
from service.contract.params import InpaintParams, OutpaintParams

_Params = InpaintParams | OutpaintParams

MIN_SIDE_PIXELS = 64
"""Shortest side of a picture that a model sees enough of."""

MAX_ASPECT = 16
"""Limit for the longer side divided by the shorter one."""


def check_shape(size: tuple[int, int], name: str) -> None:
    """Check that a model can paint a picture or canvas of this size.

    Args:
        size: width and height.
        name: how the error message calls it.

    Raises:
        InvalidField: a side is too short, or one is too long for the other.
    """
    short, long = sorted(size)
    others = "the weight-free methods take any size"
    if short < MIN_SIDE_PIXELS:
        limit = f"at least {MIN_SIDE_PIXELS} pixels with generate"
        raise InvalidField(f"each side of the {name} must have {limit}; {others}")
    if long > MAX_ASPECT * short:
        limit = f"at most {MAX_ASPECT} times the shorter one with generate"
        raise InvalidField(f"the longer side of the {name} must be {limit}; {others}")


def find_model_faults(params: _Params, model: ModelEntry) -> list[Fault]:
    """Return a fault for each parameter that has no effect beside the others or the defaults.

    Args:
        params: as sent.
        model: the model that would paint.
    """
    refused = model.unsupported_fields
    faults = []
    if "strength" not in refused:
        faults += _find_no_step(params, model)
    if "negative_prompt" not in refused:
        faults += _find_unguided(params, model)
    faults += _find_loras_not_offered(params, model)
    faults += _find_preset_not_offered(params, model)
    if "region" not in refused and params.region == "full" and params.padding is not None:
        message = (
            "has no effect with region full, where the model sees the whole picture; leave it out"
        )
        faults.append(Fault("/padding", "conflicting_fields", message))
    if isinstance(params, OutpaintParams) and params.infill == "original":
        message = "original needs pixels in the hole, and outside the picture there are none"
        faults.append(Fault("/infill", "invalid_field", message))
    return faults


def _find_no_step(params: _Params, model: ModelEntry) -> list[Fault]:
    """Check that `strength` leaves at least one step to run, and return the faults."""
    steps = params.num_inference_steps or model.defaults.num_inference_steps
    strength = params.strength or _default_strength(params, model)
    # As diffusers rounds it, in the same floats.
    if model.traits.runs_part_steps or int(steps * strength) >= 1:
        return []
    message = f"strength {strength:g} of {steps} steps is less than one step; raise one of them"
    field = "strength" if params.strength is not None else "num_inference_steps"
    return [Fault(f"/{field}", "conflicting_fields", message)]


def _default_strength(params: _Params, model: ModelEntry) -> float:
    """Return the strength where none is sent: of the preset, else the intent, else the model's."""
    intent = model.honored_intents.get(params.intent) if params.intent else None
    name = params.preset or (intent.preset if intent else None)
    preset = model.offered_presets.get(name) if name else None
    found = (one.strength for one in (preset, intent) if one is not None)
    return next((one for one in found if one is not None), model.defaults.strength)


def _find_loras_not_offered(params: _Params, model: ModelEntry) -> list[Fault]:
    offered, faults = tuple(model.offered_loras), []
    for place, asked in enumerate(params.loras or ()):
        if asked.name in offered or not model.optional_loras:
            continue
        known = model.optional_loras.get(asked.name)
        reason = f"{asked.name}: {known.withheld}" if known else f"{model.name} has no such LoRA"
        faults.append(Fault(f"/loras/{place}/name", "invalid_field", reason, offered))
    return faults


def _find_preset_not_offered(params: _Params, model: ModelEntry) -> list[Fault]:
    name, offered = params.preset, tuple(model.offered_presets)
    if name is None or name in offered or not model.presets:
        return []
    reason = f"model {model.name} has no preset {name}"
    if name in model.presets:
        used = [one.name for one in model.presets[name].loras or ()]
        loras = [model.optional_loras[lora] for lora in used]
        held = [f"{lora}: {one.withheld}" for lora, one in zip(used, loras, strict=True)]
        reason = f"it uses what is not offered here; {'; '.join(held)}"
    return [Fault("/preset", "invalid_field", reason, offered)]


def _find_unguided(params: _Params, model: ModelEntry) -> list[Fault]:
    """Check that a negative prompt would be used, and return the faults."""
    least, asked = model.traits.guided_above, params.guidance_scale
    scale = model.defaults.guidance_scale if asked is None else asked
    if not params.negative_prompt or least is None or scale > least:
        return []
    message = f"model {model.name} uses it only with guidance_scale above {least:g}, not {scale:g}"
    return [Fault("/negative_prompt", "conflicting_fields", message)]
