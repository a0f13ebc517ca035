"""Plans a job: method, model, effective parameters, cost. Knows neither pictures nor the store."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast

from service.contract.catalogue import SELF_MODEL, Catalogue, ModelEntry
from service.contract.errors import (
    Fault,
    ImageTooLarge,
    LicenceRefused,
    MethodUnavailable,
    ModelRequired,
    ModelUnavailable,
    PaintjobError,
)
from service.contract.intents import intents_of_method
from service.contract.methods import BEST_WEIGHT_FREE, GENERATE_FIELDS, find_method
from service.contract.params import (
    DEFAULT_WEBHOOK_EVENTS,
    MARGIN_FIELDS,
    MAX_SEED,
    PERCENT_FIELDS,
    AnyPaintParams,
    AnyParams,
    InpaintParams,
    Intent,
    LoraUse,
    MaskFields,
    MaskParams,
    Operation,
    OutpaintParams,
)
from service.pictures.masks import DEFAULT_THRESHOLD
from service.submission.choice import Choice, find_intent_faults, find_settings
from service.submission.finding import Finders, has_queue
from service.submission.output import MAX_PAINTED_PIXELS, format_defaults

Params = TypeVar("Params", bound=AnyParams)

MIN_COST = 0.1
DEFAULT_FINISH_SECONDS = 3600
DEFAULT_TTL_SECONDS = 86_400
NO_STORE_TTL_SECONDS = 600
"""Life of a result with no_store, which is deleted when it is fetched."""

MAX_NO_STORE_TTL_SECONDS = 3600
DEFAULTS: Mapping[str, str | int] = {
    "quality": "balanced",
    "ground": "auto",
    "mirror_style": "guided",
    "overlap": 0,
}
"""Defaults of methods that support the parameter."""


IsServed = Callable[[str], bool]
"""Returns whether jobs of a queue have workers, or had them lately."""

_NONE: Finders = MappingProxyType({})


def choose(
    operation: Operation,
    params: AnyParams,
    catalogue: Catalogue,
    pictures: Collection[str] = (),
    is_served: IsServed = lambda _: True,
    finders: Finders = _NONE,
) -> Choice:
    """Choose method and model. `auto` follows configuration, not which workers are online.

    `auto` means an eraser, if one is configured that can honor all of the request, in a queue that
    has the finders too; only in the absence of its workers it does not. With an intent, `auto` and
    an absent `model` mean those that honor it, if there are any.

    Args:
        operation: what is asked.
        params: as sent.
        catalogue: the models.
        pictures: names of the pictures that were sent.
        is_served: whether a queue has workers.
        finders: of the mask.

    Raises:
        MethodUnavailable: the operation has no such method.
        ModelRequired: the request needs a model, and none is configured or named.
        ModelUnavailable: the model named is not configured.
    """
    if isinstance(params, MaskParams):
        method = find_method("mask", "find")
        if method is None:
            raise MethodUnavailable("masks have no method here; GET /methods lists them")
        return Choice(method, None, finders)
    name: str = params.method or "auto"
    if name == "auto":
        eraser = _find_eraser(params, catalogue, pictures, is_served, finders)
        if eraser is not None:
            return eraser
        name = _resolve_auto(operation, params, catalogue)
    method = find_method(operation, name)
    if method is None:
        raise MethodUnavailable(f"{operation} has no such method; GET /methods lists them")
    model = _choose_model(params, catalogue) if method.needs_model else None
    return Choice(method, model, finders)


def _find_eraser(
    params: AnyPaintParams,
    catalogue: Catalogue,
    pictures: Collection[str],
    is_served: IsServed,
    finders: Finders,
) -> Choice | None:
    """Return the first eraser that can honor all of a request; `None` if there is none."""
    method = find_method("inpaint", "generate")
    if method is None or isinstance(params, OutpaintParams) or params.model is not None:
        return None
    choices = (Choice(method, entry, finders) for entry in catalogue.erasers)
    return next(
        (
            choice
            for choice in choices
            if choice.unsupported_fields.isdisjoint(pictures)
            and not find_unsupported(params, choice)
            and not find_intent_faults(params, choice)
            and has_queue(choice.model, finders)
            and is_served(choice.queue)
        ),
        None,
    )


def _resolve_auto(operation: Operation, params: AnyPaintParams, catalogue: Catalogue) -> str:
    if params.model and catalogue.models:
        return "generate"
    if params.intent is not None:
        found = _find_honoring(operation, params, catalogue)
        if found is not None:
            return found
    if catalogue.default_model is not None:
        return "generate"
    asked = [name for name in sorted(GENERATE_FIELDS) if getattr(params, name) is not None]
    if not asked:
        return BEST_WEIGHT_FREE[operation]
    message = f"only models take this. {_how_to_name_one(catalogue)}"
    faults = [Fault(f"/{name}", ModelRequired.code, message) for name in asked]
    raise ModelRequired(f"{', '.join(asked)}: {message}", faults=tuple(faults))


def _find_honoring(
    operation: Operation, params: AnyPaintParams, catalogue: Catalogue
) -> str | None:
    """Return the method of `auto` that honors an intent: the default's, else the first that does.

    The weight-free method comes before models that are not the default.
    """
    intent = params.intent
    default, weight_free = catalogue.default_model, BEST_WEIGHT_FREE[operation]
    if default is not None and intent in default.honored_intents:
        return "generate"
    needs_model = any(getattr(params, name) is not None for name in GENERATE_FIELDS)
    if not needs_model and intent in intents_of_method(weight_free):
        return weight_free
    return "generate" if _find_model_for(intent, catalogue) else None


def _find_model_for(intent: Intent | None, catalogue: Catalogue) -> ModelEntry | None:
    """Return the model that an absent `model` means with an intent, if any honors it.

    That is the default, else the first of the file, else the built-in one where nothing else is.
    """
    served = [one for one in (catalogue.fallback_model, *catalogue.models) if one is not None]
    # Erasers are meant by `auto` alone, and only where they can honor the rest of the request.
    allowed = (one for one in served if catalogue.allows(one) and one.kind != "eraser")
    return next((one for one in allowed if intent in one.honored_intents), None)


def _choose_model(params: AnyPaintParams, catalogue: Catalogue) -> ModelEntry:
    found = None
    if params.model is None and params.intent is not None:
        found = _find_model_for(params.intent, catalogue)
    found = found or _get_model(params.model, catalogue)
    if not catalogue.allows(found):
        detail = (
            f"its licence, {found.licence}, forbids commercial use; the operator may allow such "
            "models by PAINTJOB_ALLOW_NON_COMMERCIAL"
        )
        raise LicenceRefused(detail, faults=(Fault("/model", LicenceRefused.code, detail),))
    return found


_BUILT_IN = (
    " The built-in model needs no weights; `paintjob up` serves it where torch is installed, by "
    "the extra `generate`."
)


def _get_model(name: str | None, catalogue: Catalogue) -> ModelEntry:
    if name is None:
        if catalogue.fallback_model is None:
            built_in = "" if catalogue.models else _BUILT_IN
            detail = f"{_how_to_name_one(catalogue)}{built_in}"
            raise _model_fault(ModelRequired, detail, catalogue)
        return catalogue.fallback_model
    found = catalogue.find_model(name)
    if found is None:
        raise _model_fault(ModelUnavailable, _how_to_add(name, catalogue), catalogue)
    return found


def _how_to_add(name: str, catalogue: Catalogue) -> str:
    if catalogue.find_known(name) is None:
        return "this model is not configured here; GET /models lists those that are"
    return (
        "this model is known but not served here: the operator adds it by "
        f"`paintjob models pull {name}`"
    )


def _model_fault(kind: type[PaintjobError], detail: str, catalogue: Catalogue) -> PaintjobError:
    # Beside faults of other fields only its own message is shown, which must say what to do.
    names = tuple(entry.name for entry in catalogue.models)
    return kind(detail, faults=(Fault("/model", kind.code, detail, names),))


def _how_to_name_one(catalogue: Catalogue) -> str:
    if any(entry.name != SELF_MODEL.name for entry in catalogue.models):
        return "No model is the default here: name one in `model`; GET /models lists them."
    return (
        "No model with weights is configured here: the operator adds one by `paintjob models pull "
        "NAME`, or to the file that PAINTJOB_MODELS_FILE names, with `default = true`."
    )


def find_unsupported(params: AnyPaintParams, choice: Choice) -> list[Fault]:
    """Return a fault for every parameter that method or model does not support."""
    method, code = choice.method, "parameter_not_supported"
    faults = [
        Fault(f"/{name}", code, f"{choice.painter_of(name)} does not support it")
        for name in sorted(choice.unsupported_fields)
        if getattr(params, name, None) is not None
    ]
    is_exact = isinstance(params, OutpaintParams) and params.mirror_style == "exact"
    painter = f"method {method.name}" if is_exact else choice.find_invariant()
    if (params.num_images or 1) > 1 and painter is not None:
        message = f"{painter} paints the same picture every time; it must be 1"
        faults.append(Fault("/num_images", code, message))
    if choice.model is not None and isinstance(params, OutpaintParams):
        faults += _find_no_extension(choice.model)
    return faults


def _find_no_extension(model: ModelEntry) -> list[Fault]:
    if model.traits.extends:
        return []
    message = (
        f"model {model.name} fills holes and does not extend pictures; name another one, or use "
        "method pattern or mirror"
    )
    return [Fault("/model", "parameter_not_supported", message)]


def find_mask_faults(params: InpaintParams | MaskParams) -> list[Fault]:
    """Return a fault for each mask parameter that has no effect with the mask's source."""
    found = []
    if params.if_nothing is not None and not has_finders(params):
        message = "has no effect without regions that are to be found; leave it out"
        found.append(Fault("/if_nothing", "conflicting_fields", message))
    if params.regions is not None and params.mask_threshold is not None:
        message = "has no effect on regions, which have no luminance; leave it out"
        found.append(Fault("/mask_threshold", "conflicting_fields", message))
    if isinstance(params, MaskParams):
        return found
    if params.mask_source == "alpha" and params.feather:
        message = (
            "must be 0 with mask_source alpha: fading into transparent pixels would leave a rim"
        )
        found.append(Fault("/feather", "conflicting_fields", message))
    return found


def has_finders(params: MaskFields) -> bool:
    """Return whether a finder has to look for some of the regions."""
    return any(region.query is not None for region in params.regions or [])


def count_finders(params: AnyParams) -> int:
    """Return how many regions a finder has to look for."""
    regions = None if isinstance(params, OutpaintParams) else params.regions
    return sum(region.query is not None for region in regions or [])


def find_retention_faults(params: AnyParams) -> list[Fault]:
    """Return a fault for each parameter that contradicts `no_store`."""
    found = []
    if params.no_store and count_images(params) > 1:
        message = "must be 1 with no_store, which deletes the job with the first download"
        found.append(Fault("/num_images", "conflicting_fields", message))
    if params.no_store and (params.ttl_seconds or 0) > MAX_NO_STORE_TTL_SECONDS:
        message = f"must be at most {MAX_NO_STORE_TTL_SECONDS} with no_store"
        found.append(Fault("/ttl_seconds", "conflicting_fields", message))
    return found


def count_images(params: AnyParams) -> int:
    """Return how many results a request asks for."""
    return 1 if isinstance(params, MaskParams) else params.num_images or 1


def fill_defaults(params: Params, choice: Choice) -> Params:
    """Return the effective parameters: with defaults and a seed, null where not supported."""
    values: dict[str, Any] = {
        "method": choice.method.name,
        "priority": "normal",
        "tags": [],
        "finish_within_seconds": DEFAULT_FINISH_SECONDS,
        "ttl_seconds": NO_STORE_TTL_SECONDS if params.no_store else DEFAULT_TTL_SECONDS,
        "no_store": False,
        "cancel_on_disconnect": False,
    }
    if params.webhook_url is not None:
        values["webhook_events"] = list(DEFAULT_WEBHOOK_EVENTS)
    values |= _operation_defaults(params)
    values |= _paint_defaults(params, choice)
    asked = {
        name: getattr(params, name)
        for name in params.model_fields_set - {"method", "regions"}
        if getattr(params, name) is not None
    }
    model = {"model": choice.model.name} if choice.model else {}
    filled = params.model_copy(update=values | asked | model)
    return cast("Params", _scale_loras(filled, choice.model))


def _paint_defaults(params: AnyParams, choice: Choice) -> dict[str, Any]:
    if isinstance(params, MaskParams):
        return {}
    values = {"num_images": 1, "output_format": "png", "keep_metadata": False}
    values |= format_defaults(params)
    values |= {name: DEFAULTS[name] for name in DEFAULTS if name in choice.method.honors}
    if choice.model is not None:
        values |= _model_defaults(choice.model)
    values |= {name: value for name, (value, _) in find_settings(params, choice).items()}
    if params.seed is None:
        values["seed"] = secrets.randbelow(MAX_SEED + 1)
    return values


def _scale_loras(params: AnyParams, model: ModelEntry | None) -> AnyParams:
    """Return parameters in which every LoRA has a scale."""
    if isinstance(params, MaskParams) or not params.loras or model is None:
        return params
    loras = [
        one if one.scale is not None else one.model_copy(update={"scale": _scale_of(one, model)})
        for one in params.loras
    ]
    return params.model_copy(update={"loras": loras})


def _scale_of(lora: LoraUse, model: ModelEntry) -> float:
    return model.offered_loras[lora.name].scale


def _model_defaults(model: ModelEntry) -> dict[str, Any]:
    values = {
        "prompt": "",
        "region": "auto",
        "infill": "auto",
        "reference": "none",
        "grow_by_model": False,
        "deterministic": False,
        **model.defaults.model_dump(),
    }
    refused = model.unsupported_fields
    return {name: value for name, value in values.items() if name not in refused}


def _operation_defaults(params: AnyParams) -> dict[str, Any]:
    if not isinstance(params, OutpaintParams):
        return _mask_defaults(params)
    for fields in (MARGIN_FIELDS, PERCENT_FIELDS):
        if any(getattr(params, name) is not None for name in fields):
            return dict.fromkeys(fields, 0)
    return {} if params.x is not None else {"anchor": "center"}


def _mask_defaults(params: InpaintParams | MaskParams) -> dict[str, Any]:
    # Regions may be as large as a picture; the mask drawn from them is kept instead.
    values = {"mask_polarity": "white_repaints", "grow": 0, "regions": None}
    values |= {} if params.regions is not None else {"mask_threshold": DEFAULT_THRESHOLD}
    values |= {"if_nothing": "fail"} if has_finders(params) else {}
    return values | ({"feather": 0} if isinstance(params, InpaintParams) else {})


def check_painted_pixels(canvas: tuple[int, int], num_images: int) -> None:
    """Check that a request does not ask for too many pixels.

    Raises:
        ImageTooLarge: canvas times `num_images` passes the limit.
    """
    if canvas[0] * canvas[1] * num_images > MAX_PAINTED_PIXELS:
        raise ImageTooLarge(
            f"canvas times num_images is above {MAX_PAINTED_PIXELS} pixels; ask for fewer images"
        )


def call_key(
    operation: Operation, params: AnyParams, choice: Choice, canvas: tuple[int, int]
) -> str:
    """Return the key that jobs share if one engine call can paint them; empty for none."""
    if choice.model is None or isinstance(params, MaskParams) or params.deterministic:
        return ""
    parts = (
        choice.model.name,
        params.num_inference_steps,
        params.strength,
        params.guidance_scale,
        f"{canvas[0]}x{canvas[1]}",
        operation,
        *((one.name, one.scale) for one in params.loras or ()),
    )
    return "|".join(str(part) for part in parts)


def cost(
    canvas: tuple[int, int],
    num_images: int,
    resized: tuple[int, int] | None = None,
    finders: int = 0,
) -> float:
    """Return what a claim charges its tenant, at least 0.1.

    That is output megapixels, and those of the picture for each region that a finder looks for.

    Args:
        canvas: width and height of each result.
        num_images: how many there are.
        resized: width and height of the resized copy of each, if there is one.
        finders: regions that a finder looks for; the picture then has the canvas' size.
    """
    sizes = [canvas] if resized is None else [canvas, resized]
    pixels = sum(width * height for width, height in sizes) * num_images
    return max(MIN_COST, (pixels + canvas[0] * canvas[1] * finders) / 1_000_000)
