"""What OpenAI's clients send to `POST /v1/images/edits`, and what it means here.

What has no meaning here is refused, never ignored. Further parameters of `POST /inpaint` may come
along, as `extra_body` does.

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
"""What `model` may name beside models: what is taken for granted, and the weight-free method."""

CLEAR_THRESHOLD: Final = 255
"""Only what is fully transparent is edited."""

MAX_SECONDS: Final = 590
"""How long a job may take: the clients give up after 600."""

PROMPT_UNUSED: Final = "prompt_unused"
"""Warning: what paints here takes no prompt."""

_QUALITIES: Final[Mapping[str, str]] = {"low": "fast", "medium": "balanced", "high": "best"}

_RENAMED: Final[Mapping[str, str]] = {"n": "num_images", "output_compression": "output_quality"}
"""Their names of our parameters."""

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
"""Parameters of ours that their own words say."""

_THEIRS_FOR: Final = {ours: theirs for theirs, ours in _RENAMED.items()} | {"mask_source": "mask"}


_IS_SAID: Final = "is not taken here: the words of this call say it"


def _check_false(value: bool) -> bool:
    if value:
        raise ValueError("must be false: the answer comes in one piece")
    return value


class EditsForm(BaseModel):
    """What OpenAI's clients may say beside the pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str = Field(
        max_length=4000,
        description="What to paint. Where no model takes one, the answer warns `prompt_unused`.",
    )
    model: str = Field(
        AUTO,
        min_length=1,
        max_length=128,
        description="`auto`, the name of a model that `GET /v1/models` lists, or `patch`.",
    )
    n: int | None = Field(None, ge=1, le=8, description="Variants to paint; 1 by default.")
    size: str | None = Field(
        None,
        pattern=r"^(auto|[1-9][0-9]{0,5}x[1-9][0-9]{0,5})$",
        description="`auto`, or the picture's own size: a result is never scaled.",
    )
    response_format: Literal["b64_json", "url"] = Field(
        "b64_json", description="Whether pictures come in the answer, or their URLs."
    )
    output_format: OutputFormat | None = Field(None, description="`png` by default.")
    output_compression: int | None = Field(
        None, ge=1, le=100, description="Quality of what is lossy."
    )
    quality: Literal["auto", "standard", "low", "medium", "high"] = Field(
        AUTO, description="How much time a weight-free method takes; `auto` with a model."
    )
    background: Literal["auto"] = Field(
        AUTO, description="What is painted is opaque, and what is kept stays as it is."
    )
    input_fidelity: Literal["high"] = Field("high", description="What is kept is kept exactly.")
    moderation: Literal["auto", "low"] = Field(AUTO, description="Nothing is moderated here.")
    stream: Annotated[bool, AfterValidator(_check_false)] = Field(
        False, description="The answer comes in one piece.", json_schema_extra={"enum": [False]}
    )
    partial_images: int = Field(0, ge=0, le=0, description="There are none without a stream.")
    user: str | None = Field(None, max_length=512, description="Taken, and not kept.")
    safety_identifier: str | None = Field(None, max_length=512, description="Taken, and not kept.")


EXTRA_FIELDS: Final = (
    frozenset(InpaintParams.model_fields) - set(EditsForm.model_fields) - (_OURS_ALONE)
)
"""Parameters of `POST /inpaint` that may come along."""


@dataclass(frozen=True)
class Edits:
    """What a request comes to.

    Attributes:
        form: what was said in their words; `None` if it breaks a rule.
        params: the same in ours; `None` likewise.
        faults: all that is wrong so far.
        warnings: codes of what the caller should know.
    """

    form: EditsForm | None
    params: InpaintParams | None
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...] = ()


def read_edits(fields: Fields, catalogue: Catalogue, *, has_mask: bool) -> Edits:
    """Read what was said beside the pictures.

    Args:
        fields: of the form, as text.
        catalogue: the models that there are.
        has_mask: whether a mask came; without one the picture's own transparency is it.
    """
    theirs = {k: v for k, v in fields.document.items() if k in EditsForm.model_fields}
    rest = {k: v for k, v in fields.document.items() if k not in EditsForm.model_fields}
    form, faults = parse_fields(EditsForm, Fields(theirs, True))
    unknown = sorted(_OURS_ALONE & set(rest))
    faults += [Fault(f"/{name}", "unknown_field", f"{name} {_IS_SAID}") for name in unknown]
    further = {name: value for name, value in rest.items() if name not in unknown}
    ours = {"finish_within_seconds": str(MAX_SECONDS), **further, **_translate(form, has_mask)}
    params, further_faults = parse_fields(InpaintParams, Fields(ours, True))
    faults = [*fields.faults, *faults, *further_faults, *_find_late(params)]
    if form is None or params is None:
        return Edits(form, None, tuple(faults))
    params, warnings = _fit_prompt(params, catalogue)
    return Edits(form, params, tuple(faults), warnings)


def their_name(pointer: str) -> str | None:
    """Give the name by which their clients know a field; `None` for what is no field.

    Args:
        pointer: as a fault has it.
    """
    name = pointer.removeprefix("/").partition("/")[0]
    return _THEIRS_FOR.get(name, name) or None


def _translate(form: EditsForm | None, has_mask: bool) -> dict[str, str]:
    """Give our parameters for their words, as form text."""
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
    """Find whether the job may take longer than its client waits."""
    if params is None or (params.finish_within_seconds or 0) <= MAX_SECONDS:
        return []
    message = f"must be at most {MAX_SECONDS} here: the answer waits for the end"
    return [Fault("/finish_within_seconds", "invalid_field", message)]


def _fit_prompt(
    params: InpaintParams, catalogue: Catalogue
) -> tuple[InpaintParams, tuple[str, ...]]:
    """Drop the prompt, which their clients must send, where nothing would take it."""
    without = params.model_copy(update={"prompt": None})
    try:
        choice = choose("inpaint", without, catalogue)
    except PaintjobError:
        return params, ()  # whoever checks the request says what is wrong
    if "prompt" in choice.unsupported_fields:
        return without, (PROMPT_UNUSED,)
    return params, ()
