"""The form that OpenAI's clients send to `POST /v1/images/edits`, and its meaning here.

Fields without a meaning here are refused, never ignored. Other parameters of `POST /inpaint` may be
added, as `extra_body` of their client does.

Source: OpenAI's API reference, Images, Create image edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from service.api.requests.fields import Fields, parse_fields
from service.contract.catalogue import Catalogue
from service.contract.errors import Fault, PaintjobError
from service.contract.params import InpaintParams, OutputFormat
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

_RENAMED: Final[Mapping[str, str]] = {"n": "num_images", "output_compression": "output_quality"}
"""OpenAI's names of our parameters."""

_OURS_ALONE: Final = frozenset(
    {
        "method",
        "mask_source",
        "regions",
        "mask_polarity",
        "mask_threshold",
        *_RENAMED.values(),
    }
)
"""Parameters of ours that fields of OpenAI's form set."""

_THEIRS_FOR: Final = {ours: theirs for theirs, ours in _RENAMED.items()} | {"mask_source": "mask"}


_NOT_OURS: Final = "is not accepted here; other fields of this call set it"


def _check_false(value: bool) -> bool:
    if value:
        raise ValueError("must be false: streaming is not supported")
    return value


class EditsForm(BaseModel):
    """The fields that OpenAI's clients may send besides the pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(
        max_length=4000,
        description="What to paint. If nothing here uses a prompt, the response has the warning "
        "`prompt_unused`.",
    )
    model: str = Field(
        AUTO,
        min_length=1,
        max_length=128,
        description="`auto`, the name of a model from `GET /v1/models`, or `patch`.",
    )
    n: int | None = Field(None, ge=1, le=8, description="Variants to paint; 1 by default.")
    size: str | None = Field(
        None,
        pattern=r"^(auto|[1-9][0-9]{0,5}x[1-9][0-9]{0,5})$",
        description="`auto`, or the size of the image: results are never scaled.",
    )
    response_format: Literal["b64_json", "url"] = Field(
        "b64_json", description="Whether the response contains the pictures or their URLs."
    )
    output_format: OutputFormat | None = Field(None, description="`png` by default.")
    output_compression: int | None = Field(
        None, ge=1, le=100, description="Quality of lossy formats."
    )
    quality: Literal["auto", "standard", "low", "medium", "high"] = Field(
        AUTO, description="Time that a weight-free method spends; `auto` with a model."
    )
    background: Literal["auto"] = Field(
        AUTO,
        description="Kept pixels stay unchanged. Without `mask`, transparent pixels become opaque; "
        "with one, weight-free methods paint transparency as part of the picture.",
    )
    input_fidelity: Literal["high"] = Field("high", description="Kept pixels are kept exactly.")
    moderation: Literal["auto", "low"] = Field(AUTO, description="Nothing is moderated here.")
    stream: Annotated[bool, AfterValidator(_check_false)] = Field(
        False, description="Streaming is not supported.", json_schema_extra={"enum": [False]}
    )
    partial_images: int = Field(0, ge=0, le=0, description="Not available without streaming.")
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


def read_edits(fields: Fields, catalogue: Catalogue, *, has_mask: bool) -> Edits:
    """Read the fields besides the pictures.

    Args:
        fields: the fields of the form, as text.
        catalogue: the models of the deployment.
        has_mask: whether a mask was sent; otherwise the image's transparency is the mask.
    """
    theirs = {k: v for k, v in fields.document.items() if k in EditsForm.model_fields}
    rest = {k: v for k, v in fields.document.items() if k not in EditsForm.model_fields}
    form, faults = parse_fields(EditsForm, Fields(theirs, True))
    unknown = sorted(_OURS_ALONE & set(rest))
    faults += [Fault(f"/{name}", "unknown_field", f"{name} {_NOT_OURS}") for name in unknown]
    further = {name: value for name, value in rest.items() if name not in unknown}
    ours = {"finish_within_seconds": str(MAX_SECONDS), **further, **_translate(form, has_mask)}
    params, further_faults = parse_fields(InpaintParams, Fields(ours, True))
    faults = [*fields.faults, *faults, *further_faults, *_find_late(params)]
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


def _translate(form: EditsForm | None, has_mask: bool) -> dict[str, str]:
    """Return our parameters for OpenAI's fields, as form text."""
    if form is None:
        return {}
    values: dict[str, Any] = {"prompt": form.prompt, "output_format": form.output_format}
    values |= {ours: getattr(form, theirs) for theirs, ours in _RENAMED.items()}
    values["quality"] = _QUALITIES.get(form.quality)
    values |= {"method": WEIGHT_FREE} if form.model == WEIGHT_FREE else {}
    if form.model not in (AUTO, WEIGHT_FREE):
        values |= {"method": "generate", "model": form.model}
    values["mask_threshold"] = CLEAR_THRESHOLD
    values |= {} if has_mask else {"mask_source": "alpha"}
    return {name: str(value) for name, value in values.items() if value is not None}


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
    try:
        choice = choose("inpaint", without, catalogue)
    except PaintjobError:
        return params, ()  # the check of the request reports it
    if "prompt" in choice.unsupported_fields:
        return without, (PROMPT_UNUSED,)
    return params, ()
