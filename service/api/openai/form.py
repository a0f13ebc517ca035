"""The fields that OpenAI's clients send to `POST /v1/images/edits`, and their meaning here.

Fields without a meaning here are refused, never ignored. Other parameters of `POST /inpaint` may be
added, as `extra_body` of their client does.

Source: OpenAI's API reference, Images, Create image edit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from service.api.requests.fields import Fields, parse_fields
from service.api.requests.json_text import JsonRefused, parse_json
from service.contract.catalogue import Catalogue
from service.contract.errors import Fault, PaintjobError
from service.contract.params import MAX_PROMPT_CHARACTERS, InpaintParams, OutputFormat
from service.submission.choice import Choice
from service.submission.planning import choose

AUTO: Final = "auto"
WEIGHT_FREE: Final = "patch"
"""Values of `model` besides the names of models: the default, and the weight-free method."""

CLEAR_THRESHOLD: Final = 255
"""Only fully transparent pixels are repainted."""

MAX_SECONDS: Final = 590
"""The longest time of a job in seconds; OpenAI's clients give up after 600."""

PROMPT_UNUSED: Final = "prompt_unused"
"""Warning: the method or model does not use a prompt."""

_QUALITIES: Final[Mapping[str, str]] = {"low": "fast", "medium": "balanced", "high": "best"}

_RENAMED: Final[Mapping[str, str]] = {"n": "num_images"}
"""OpenAI's names of our parameters."""

_OURS_ALONE: Final = frozenset(
    {
        "method",
        "mask_source",
        "mask_polarity",
        "mask_threshold",
        "output_quality",
        "output_width",
        "output_height",
        *_RENAMED.values(),
    }
)
"""Parameters of ours that fields of OpenAI's form set."""

_THEIRS_FOR: Final = {
    **{ours: theirs for theirs, ours in _RENAMED.items()},
    "mask_source": "mask",
    "output_quality": "output_compression",
    "output_width": "size",
    "output_height": "size",
    "loras": "lora",
}

_NOT_OURS: Final = "is not accepted here; other fields of this call set it"

LORA: Final = "lora"
"""Another name of `loras`."""

MAX_COMPRESSION: Final = 100
"""The value that OpenAI's clients send by default; it changes nothing in a lossless result."""

MaskKind = Literal["clear", "white"] | None
"""Where a mask that was sent is repainted: where it is fully transparent, or white. `None` if none
was sent, and the image's own transparency counts."""


_SIZE = r"^(auto|[1-9][0-9]{0,5}x[1-9][0-9]{0,5})$"


def _check_size(text: str) -> str:
    """Check the form of a size, and raise `ValueError` in words instead of a pattern."""
    if re.fullmatch(_SIZE, text) is None:
        raise ValueError("must be auto, or width and height, such as 1024x1024")
    return text


BoxSize = Annotated[
    str, AfterValidator(_check_size), WithJsonSchema({"type": "string", "pattern": _SIZE})
]
"""`auto`, or the width and height of a box."""


class EditsForm(BaseModel):
    """The fields that OpenAI's clients may send besides the pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(
        max_length=MAX_PROMPT_CHARACTERS,
        description="What to paint. If nothing here uses a prompt, the response has the warning "
        "`prompt_unused`.",
    )
    model: str = Field(
        AUTO,
        min_length=1,
        max_length=128,
        description="A name from `GET /v1/models`: `auto`, a model, `patch`, or a name of one of "
        "OpenAI's models, which the operator maps to one of these.",
    )
    n: int | None = Field(None, ge=1, le=8, description="Variants to paint; 1 by default.")
    size: BoxSize | None = Field(
        None,
        description="`auto`, or the size of a box, such as `1024x1024`: a result of another size "
        "is answered by a resized copy, the largest of its shape that fits; the job keeps the "
        "exact result. Warning `resized`.",
    )
    response_format: Literal["b64_json", "url"] = Field(
        "b64_json", description="Whether the response contains the pictures or their URLs."
    )
    output_format: OutputFormat | None = Field(None, description="`png` by default.")
    output_compression: int | None = Field(
        None,
        ge=0,
        le=MAX_COMPRESSION,
        description="Quality of lossy formats; 0 counts as 1. For `png` only 100.",
    )
    quality: Literal["auto", "standard", "low", "medium", "high"] = Field(
        AUTO, description="Time that a weight-free method spends; `auto` with a model."
    )
    background: Literal["auto", "opaque"] = Field(
        AUTO,
        description="Kept pixels stay unchanged. Without `mask`, transparent pixels become opaque; "
        "with one, weight-free methods paint transparency as part of the picture. `opaque` only "
        "if the result is: of an image without transparency, or as `jpeg`.",
    )
    input_fidelity: Literal["high"] = Field("high", description="Kept pixels are kept exactly.")
    moderation: Literal["auto", "low"] = Field(AUTO, description="Nothing is moderated here.")
    stream: bool = Field(
        False,
        description="`true`: Server-Sent Events, `image_edit.completed` for each picture at the "
        "end.",
    )
    partial_images: int = Field(
        0,
        ge=0,
        le=3,
        description="With `stream`: previews to send as `image_edit.partial_image`; fewer where "
        "the painting makes fewer.",
    )
    user: str | None = Field(None, max_length=512, description="Accepted, and not stored.")
    safety_identifier: str | None = Field(None, max_length=512, description="Accepted, not stored.")


EXTRA_FIELDS: Final = (
    frozenset(InpaintParams.model_fields) - set(EditsForm.model_fields) - (_OURS_ALONE)
)
"""Parameters of `POST /inpaint` that may be added."""


@dataclass(frozen=True)
class Edits:
    """A request that was read.

    Attributes:
        form: OpenAI's fields; `None` if one is invalid.
        params: our parameters for them; `None` if one is invalid.
        faults: everything that is wrong so far.
        warnings: codes of warnings for the caller.
    """

    form: EditsForm | None
    params: InpaintParams | None
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...] = ()


def read_edits(
    fields: Fields, catalogue: Catalogue, aliases: Mapping[str, str], mask: MaskKind
) -> Edits:
    """Read the fields besides the pictures.

    Args:
        fields: the fields of the form, as text, or of the JSON.
        catalogue: the models of the deployment.
        aliases: further names of values of `model`.
        mask: the mask that was sent.
    """
    fields = _rename_lora(fields)
    theirs = {k: v for k, v in fields.document.items() if k in EditsForm.model_fields}
    rest = {k: v for k, v in fields.document.items() if k not in EditsForm.model_fields}
    form, faults = parse_fields(EditsForm, Fields(theirs, fields.is_text))
    if "regions" in rest and mask is not None:
        message = "and a mask exclude each other; send one of them"
        faults.append(Fault("/regions", "conflicting_fields", message))
    unknown = sorted(_OURS_ALONE & set(rest))
    faults += [Fault(f"/{name}", "unknown_field", f"{name} {_NOT_OURS}") for name in unknown]
    further = {name: value for name, value in rest.items() if name not in unknown}
    set_here = (
        {"finish_within_seconds": MAX_SECONDS},
        _translate(form, aliases, "regions" if "regions" in rest else mask),
    )
    by_default, by_form = (_as_sent(values, fields.is_text) for values in set_here)
    ours = {**by_default, **further, **by_form}
    params, further_faults = parse_fields(
        InpaintParams, Fields(ours, fields.is_text), EditsForm.model_fields
    )
    faults = [*fields.faults, *faults, *further_faults, *_find_late(params)]
    faults += _find_conflicts(form)
    if form is None or params is None:
        return Edits(form, None, tuple(faults))
    params, warnings = _fit_prompt(params, catalogue)
    return Edits(form, params, tuple(faults), warnings)


def their_name(pointer: str) -> str | None:
    """Return OpenAI's name of a field; `None` if the pointer names no field.

    Args:
        pointer: the pointer of a fault.
    """
    name = pointer.removeprefix("/").partition("/")[0]
    return _THEIRS_FOR.get(name, name) or None


def _rename_lora(fields: Fields) -> Fields:
    """Rename `lora`, one or a list of names or objects, as self-hosted servers have it."""
    if LORA not in fields.document:
        return fields
    document = dict(fields.document)
    asked = document.pop(LORA)
    if "loras" in document:
        message = "excludes loras; send one of them"
        fault = Fault(f"/{LORA}", "conflicting_fields", message)
        return replace(fields, document=document, faults=(*fields.faults, fault))
    if isinstance(asked, str) and asked[:1] in ("{", "["):
        try:
            asked = parse_json(asked)
        except JsonRefused as refusal:
            fault = Fault(f"/{LORA}", "invalid_field", f"must be a name or JSON; it {refusal}")
            return replace(fields, document=document, faults=(*fields.faults, fault))
    listed = asked if isinstance(asked, list) else [asked]
    loras = [{"name": one} if isinstance(one, str) else one for one in listed]
    document["loras"] = json.dumps(loras) if fields.is_text else loras
    return replace(fields, document=document)


def _as_sent(values: Mapping[str, Any], is_text: bool) -> dict[str, Any]:
    """Return values without those that are absent, as text if the others are."""
    return {
        name: str(value) if is_text else value
        for name, value in values.items()
        if value is not None
    }


def _translate(
    form: EditsForm | None, aliases: Mapping[str, str], mask: MaskKind | Literal["regions"]
) -> dict[str, Any]:
    """Return our parameters for OpenAI's fields; `None` for those that are absent."""
    if form is None:
        return {}
    values: dict[str, Any] = {"prompt": form.prompt, "output_format": form.output_format}
    values |= {ours: getattr(form, theirs) for theirs, ours in _RENAMED.items()}
    values["quality"] = _QUALITIES.get(form.quality)
    model = aliases.get(form.model, form.model)
    values |= {"method": WEIGHT_FREE} if model == WEIGHT_FREE else {}
    if model not in (AUTO, WEIGHT_FREE):
        values |= {"method": "generate", "model": model}
    if mask in ("clear", None):
        values["mask_threshold"] = CLEAR_THRESHOLD
    values["mask_source"] = None if mask else "alpha"
    values["output_quality"] = _translate_compression(form)
    if form.size not in (None, AUTO):
        values["output_width"], values["output_height"] = map(int, form.size.split("x"))
    return values


def _translate_compression(form: EditsForm) -> int | None:
    if form.output_compression is None or _is_png(form):
        return None
    return max(1, form.output_compression)


def _is_png(form: EditsForm) -> bool:
    return form.output_format in (None, "png")


def _find_conflicts(form: EditsForm | None) -> list[Fault]:
    """Return a fault for each field that another one rules out."""
    if form is None:
        return []
    found = {}
    if _is_png(form) and form.output_compression not in (None, MAX_COMPRESSION):
        found["output_compression"] = (
            f"must be {MAX_COMPRESSION} with png, which is lossless; or send output_format"
        )
    if form.partial_images and not form.stream:
        found["partial_images"] = "must be 0 without stream=true"
    if form.stream and form.response_format == "url":
        found["response_format"] = "must be b64_json with stream=true"
    return [Fault(f"/{name}", "conflicting_fields", text) for name, text in found.items()]


def _find_late(params: InpaintParams | None) -> list[Fault]:
    """Return a fault if the job may take longer than its client waits."""
    if params is None or (params.finish_within_seconds or 0) <= MAX_SECONDS:
        return []
    message = f"must be at most {MAX_SECONDS} here, because this call waits for the job to end"
    return [Fault("/finish_within_seconds", "invalid_field", message)]


def _fit_prompt(
    params: InpaintParams, catalogue: Catalogue
) -> tuple[InpaintParams, tuple[str, ...]]:
    """Drop the prompt, which OpenAI's clients must send, if nothing here uses it."""
    without = params.model_copy(update={"prompt": None})
    # `auto` may mean something else where there is no prompt.
    choices = [_try_choosing(asked, catalogue) for asked in (params, without)]
    if choices[1] is None:
        return params, ()  # the check of the request reports it
    if any(choice and "prompt" not in choice.unsupported_fields for choice in choices):
        return params, ()
    return without, (PROMPT_UNUSED,)


def _try_choosing(params: InpaintParams, catalogue: Catalogue) -> Choice | None:
    try:
        return choose("inpaint", params, catalogue)
    except PaintjobError:
        return None
