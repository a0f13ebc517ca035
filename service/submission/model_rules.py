"""What is asked of a model and cannot mean anything: refused, never ignored. No Flask."""

from __future__ import annotations

from service.contract.catalogue import ModelEntry
from service.contract.errors import Fault
from service.contract.params import InpaintParams, OutpaintParams

_Params = InpaintParams | OutpaintParams


def find_model_faults(params: _Params, model: ModelEntry) -> list[Fault]:
    """Find parameters that each could be honored, but not beside the others or the defaults.

    Args:
        params: as asked.
        model: that would paint.
    """
    refused = model.traits.unsupported_fields
    faults = []
    if "strength" not in refused:
        faults += _find_no_step(params, model)
    if "negative_prompt" not in refused:
        faults += _find_unguided(params, model)
    if "region" not in refused and params.region == "full" and params.padding is not None:
        message = "region full shows the model the whole picture: there is nothing to pad"
        faults.append(Fault("/padding", "conflicting_fields", message))
    if isinstance(params, OutpaintParams) and params.infill == "original":
        message = "original is for a hole with something in it: beyond the picture there is nothing"
        faults.append(Fault("/infill", "invalid_field", message))
    return faults


def _find_no_step(params: _Params, model: ModelEntry) -> list[Fault]:
    """Find whether `strength` leaves no step to run."""
    steps = params.num_inference_steps or model.defaults.num_inference_steps
    strength = params.strength or model.defaults.strength
    # As diffusers rounds it, in the same floats.
    if model.traits.runs_part_steps or int(steps * strength) >= 1:
        return []
    message = f"strength {strength:g} of {steps} steps leaves no whole step to run; raise one"
    field = "strength" if params.strength is not None else "num_inference_steps"
    return [Fault(f"/{field}", "conflicting_fields", message)]


def _find_unguided(params: _Params, model: ModelEntry) -> list[Fault]:
    """Find a negative prompt that nothing would read."""
    least, asked = model.traits.guided_above, params.guidance_scale
    scale = model.defaults.guidance_scale if asked is None else asked
    if not params.negative_prompt or least is None or scale > least:
        return []
    message = f"model {model.name} reads it only at a guidance_scale above {least:g}: not {scale:g}"
    return [Fault("/negative_prompt", "conflicting_fields", message)]
