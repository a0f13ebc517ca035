"""Parameters that a caller may send: one frozen model an operation.

The same model carries a request as asked (absent fields are `None`) and, once `submission` has
filled the defaults in, the effective parameters that the job echoes. A worker reads only the
effective ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from service.contract.geometry import Anchor
from service.contract.regions import MAX_REGIONS, Region, check_order

Operation = Literal["inpaint", "outpaint", "mask"]
PaintOperation = Literal["inpaint", "outpaint"]
Priority = Literal["high", "normal", "low"]
OutputFormat = Literal["png", "jpeg", "webp", "avif"]
Quality = Literal["fast", "balanced", "best"]
MirrorStyle = Literal["exact", "guided"]
Ground = Literal["auto", "ignore"]
MaskPolarity = Literal["white_repaints", "black_repaints"]
MaskSource = Literal["alpha"]
IfNothing = Literal["fail", "keep"]
Conversion = Literal["srgb"]
PaintRegion = Literal["auto", "box", "full"]
WebhookEvent = Literal["job.running", "job.succeeded", "job.failed", "job.canceled"]
Infill = Literal["auto", "none", "neutral", "blur", "edge", "patch", "original", "green"]
Reference = Literal["none", "original", "mask"]
Intent = Literal["remove", "replace", "modify", "extend"]

INTENTS: Mapping[Operation, tuple[Intent, ...]] = {
    "inpaint": ("remove", "replace", "modify"),
    "outpaint": ("extend",),
    "mask": (),
}
"""The intents that each operation can have."""

PROMPT_PLACE = "{prompt}"
"""Place of the caller's prompt in a `prompt_template`."""

DEFAULT_WEBHOOK_EVENTS: tuple[WebhookEvent, ...] = (
    "job.succeeded",
    "job.failed",
    "job.canceled",
)

MAX_SEED = 2**32 - 1
MAX_TAGS = 16
MAX_LORAS = 4
MAX_GROW_PIXELS = 256
MAX_FEATHER_PIXELS = 256
MAX_OVERLAP_PIXELS = 256
MAX_PADDING_PIXELS = 2048
MAX_URL_CHARACTERS = 2048
MAX_PROMPT_CHARACTERS = 32_000

_NUMBER = r"[0-9]{1,6}(?:\.[0-9]{1,20})?"
_ASPECT_RATIO = re.compile(rf"(?P<width>{_NUMBER})(?:\s*:\s*(?P<height>{_NUMBER}))?")

Tag = Annotated[str, Field(min_length=1, max_length=64)]
Side = Annotated[int | None, Field(ge=1, le=32_768)]


class LoraUse(BaseModel):
    """A LoRA that a request asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1, max_length=64, description="Name in `loras` of the model.")
    scale: float | None = Field(
        None, ge=-4, le=4, description="How strongly it counts; by default as the model says."
    )


class _Params(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class JobParams(_Params):
    """Parameters that all operations share."""

    convert: Conversion | None = Field(
        None,
        description="`srgb`: a picture in CMYK is converted to sRGB, by its color profile if it "
        "has one, and the warning `converted_to_srgb` says so; kept pixels are those of the "
        "converted picture. Without it such a picture is refused. Others stay as they are.",
    )
    priority: Priority | None = Field(
        None, description="Order among the caller's own jobs; `normal` by default."
    )
    tags: list[Tag] | None = Field(
        None,
        max_length=MAX_TAGS,
        description="Short texts that the job returns; `GET /jobs` filters by them.",
    )
    start_within_seconds: int | None = Field(
        None, ge=1, le=86_400, description="Fail the job if no worker has claimed it by then."
    )
    finish_within_seconds: int | None = Field(
        None,
        ge=1,
        le=86_400,
        description="Fail the job if it has not ended so long after it was accepted. By default it "
        "has 3600 seconds from its first claim by a worker, for which it waits a day at most.",
    )
    ttl_seconds: int | None = Field(
        None,
        ge=1,
        le=604_800,
        description="Seconds that the ended job and its pictures are kept; 86400 by default, 600 "
        "with `no_store`, and then at most 3600.",
    )
    no_store: bool | None = Field(
        None,
        description="`true`: the job and its pictures are wiped as soon as the result has been "
        "delivered to the first `GET` that reads all of it (no `Range`); `false` by default. Not "
        "with `num_images` above 1.",
    )
    cancel_on_disconnect: bool | None = Field(
        None,
        description="`true`: the job is canceled when a client that waits for it (`Prefer: wait`) "
        "or follows its events disconnects before it ends; `false` by default. Behind a proxy a "
        "client has disconnected when the proxy closes its own connection.",
    )
    webhook_url: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_URL_CHARACTERS,
        description="Receives the job's document, signed, at the events of `webhook_events`: an "
        "https URL on a public address, without user and fragment. Tried for 24 hours, but no "
        "longer than the job is kept.",
    )
    webhook_events: list[WebhookEvent] | None = Field(
        None,
        min_length=1,
        max_length=4,
        description="Events sent to `webhook_url`, each once: by default the three ends, "
        "`job.succeeded`, `job.failed` and `job.canceled`.",
        json_schema_extra={"uniqueItems": True},
    )

    @field_validator("webhook_events")
    @classmethod
    def _names_each_once(cls, value: list[WebhookEvent] | None) -> list[WebhookEvent] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError("must name each event once")
        return value


class PaintParams(_Params):
    """Parameters that both operations that paint share."""

    intent: Intent | None = Field(
        None,
        description="What the caller wants: `remove` what the mask covers, `replace` it, or "
        "`modify` it; in outpainting `extend`. Sets what each method and model needs for it "
        "(`intents` of `GET /methods` and `GET /models`); parameters that are sent take "
        "precedence. Without it all defaults are those of the model.",
    )
    model: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        description="Name of a configured model; `generate` only.",
    )
    preset: str | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Name of a preset of the model (`presets` of `GET /models`): values that "
        "belong together, such as a LoRA and its prompt. Takes precedence over the values of "
        "`intent`, and parameters that are sent over both; `generate` only.",
    )
    loras: list[LoraUse] | None = Field(
        None,
        max_length=MAX_LORAS,
        description="LoRAs that the model offers (`loras` of `GET /models`), each once, with "
        "their scales; an empty list for none. `generate` only.",
    )
    reference: Reference | None = Field(
        None,
        description="Second picture that the model sees beside the one it paints: the `original` "
        "with what the hole holds, the `mask`, white on black, or `none` (default). Not with "
        "`reference_image`. `generate` only, with models that take one.",
    )
    prompt: str | None = Field(
        None,
        max_length=MAX_PROMPT_CHARACTERS,
        description="What to paint; `generate` only. A warning says where a model reads only its "
        "beginning.",
        examples=["a red door"],
    )
    negative_prompt: str | None = Field(
        None, max_length=4000, description="What not to paint; `generate` only."
    )
    prompt_template: str | None = Field(
        None,
        min_length=1,
        max_length=4000,
        description="Text around the prompt, which stands in place of `{prompt}`; set by some "
        "intents. `{prompt}` alone sends the prompt as it is. `generate` only.",
        examples=["Continue the background. {prompt}"],
    )
    strength: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Share of noise added; 1 ignores what the hole held; `generate` only.",
    )
    guidance_scale: float | None = Field(
        None, ge=0, le=50, description="How closely the prompt is followed; `generate` only."
    )
    num_inference_steps: int | None = Field(
        None, ge=1, le=200, description="Denoising steps; `generate` only."
    )
    region: PaintRegion | None = Field(
        None,
        description="Part of the picture that the model sees: `box`, a crop around the hole; "
        "`full`, all of it; `auto` (default), the one that shows the model more detail. "
        "`generate` only.",
    )
    padding: int | None = Field(
        None,
        ge=0,
        le=MAX_PADDING_PIXELS,
        description="Pixels of surroundings around the hole that belong to the crop; by default "
        "as many as the model needs to see the context. Fewer than 32 count as 32, which blending "
        "needs. `generate` only.",
    )
    infill: Infill | None = Field(
        None,
        description="Filling of the hole before the model runs: `neutral` gray, `blur`, the "
        "nearest `edge`, a `patch` fill, the `original`, pure `green`, which some LoRAs were "
        "trained on, or `none`; `auto` (default) depends on what the model reads. `generate` only.",
    )
    deterministic: bool | None = Field(
        None,
        description="`true`: the result does not depend on other jobs, because this one shares no "
        "call with them; `false` by default. `generate` only.",
    )
    seed: int | None = Field(
        None,
        ge=0,
        le=MAX_SEED,
        description="Drawn by the service when absent; always returned.",
    )
    num_images: int | None = Field(
        None,
        ge=1,
        le=8,
        description="Variants to paint; more than 1 needs a method whose results depend on the "
        "seed.",
    )
    quality: Quality | None = Field(
        None,
        description="Time that a weight-free method spends; `balanced` by default.",
    )
    ground: Ground | None = Field(
        None,
        description="`auto` (default): a weight-free method finds the ground (flat, graded, or a "
        "fine even texture) that meets the hole or the border, continues it, and does not repeat "
        "what exists once; `patch` draws lines and edges through the hole, and fills graphics "
        "flat; `recipe.details` lists what it found. `ignore`: it copies whatever "
        "looks alike, for a texture that `auto` mistakes for single things.",
    )
    output_format: OutputFormat | None = Field(
        None, description="Format of the result; `png` by default, whatever the input is."
    )
    output_quality: int | None = Field(
        None,
        ge=1,
        le=100,
        description="Quality of `jpeg`, `webp` and `avif`; 95 by default. Refused for lossless "
        "output.",
    )
    output_lossless: bool | None = Field(
        None,
        description="`true`: `webp` keeps every pixel; `false` by default. Other formats have no "
        "choice: `png` always does, `jpeg` and `avif` never do.",
    )
    output_width: Side = Field(
        None,
        description="Width in pixels of a resized copy of each result, at `resized.url` of its "
        "output; alone, the height follows. The result itself is never scaled, and its proof holds "
        "for it alone.",
    )
    output_height: Side = Field(
        None,
        description="Height in pixels of the resized copy; alone, the width follows. With "
        "`output_width`, the copy is the largest that fits into both: it keeps its shape, and "
        "nothing is cropped.",
    )
    keep_metadata: bool | None = Field(
        None,
        description="`true`: the result keeps the EXIF data (without orientation, which is "
        "applied, and without the thumbnail, which would show what was painted over); `false` by "
        "default. Color profile and resolution are always kept.",
    )

    @field_validator("loras")
    @classmethod
    def _names_each_lora_once(cls, value: list[LoraUse] | None) -> list[LoraUse] | None:
        if value is not None and len({one.name for one in value}) < len(value):
            raise ValueError("must name each LoRA once")
        return value

    @property
    def painted_prompt(self) -> str:
        """The prompt as the model is given it: within its template, if there is one."""
        prompt = self.prompt or ""
        if self.prompt_template is None:
            return prompt
        # Without a prompt no separator is left dangling.
        return self.prompt_template.replace(PROMPT_PLACE, prompt).strip(" ,")


class MaskFields(_Params):
    """Parameters of operations that have a mask."""

    mask_source: MaskSource | None = Field(
        None,
        description="`alpha`: the picture's own transparency is the mask; transparent pixels "
        "count as white. Instead of `mask` and `regions`.",
    )
    regions: list[Region] | None = Field(
        None,
        min_length=1,
        max_length=MAX_REGIONS,
        description="What is white in the mask: boxes, polygons and run-lengths, and what is to be "
        "found (text, subject, points, words), in order. Instead of `mask` and `mask_source`. Not "
        "returned: the mask drawn from them is at `links.mask`.",
    )
    mask_polarity: MaskPolarity | None = Field(
        None, description="Color of the mask that is repainted; `white_repaints` by default."
    )
    mask_threshold: int | None = Field(
        None,
        ge=1,
        le=255,
        description="Luminance (with `mask_source`: 255 less the alpha) from which a mask pixel "
        "counts as white; 128 by default. Not with `regions`. If gray pixels are kept, a warning "
        "says how many, and which threshold repaints them.",
    )
    grow: int | None = Field(
        None,
        ge=-MAX_GROW_PIXELS,
        le=MAX_GROW_PIXELS,
        description="Pixels to widen the mask by before painting; negative narrows; 0 by default.",
    )
    if_nothing: IfNothing | None = Field(
        None,
        description="What happens if a finder finds nothing for one of the `regions`: `fail` "
        "(default), the job fails as `nothing_found`; `keep`, the region is left out, with the "
        "warning `nothing_found`, and if no other marks anything, the picture comes back "
        "unchanged.",
    )

    @field_validator("regions")
    @classmethod
    def _are_in_order(cls, regions: list[Region] | None) -> list[Region] | None:
        check_order(regions or [])
        return regions


class InpaintParams(JobParams, MaskFields, PaintParams):
    """Parameters of `POST /inpaint`, without the pictures."""

    method: Literal["auto", "patch", "generate"] | None = Field(
        None, description="`auto` by default: `generate` if a model is the default, else `patch`."
    )
    grow_by_model: bool | None = Field(
        None,
        description="`true`: a model that finds effects of the object past the mask, such as its "
        "shadow, may enlarge the mask over them; `false` by default. `links.mask` then shows the "
        "enlarged mask, the proof is about it, and a warning says by how much. `generate` only, "
        "with models that find such.",
    )
    feather: int | None = Field(
        None,
        ge=0,
        le=MAX_FEATHER_PIXELS,
        description="Pixels, from the edge of the mask inward, over which the painted content "
        "fades into the original; 0 by default. Kept pixels are never touched. Must be 0 with "
        "`mask_source`, where the original is transparent.",
    )


class MaskParams(JobParams, MaskFields):
    """Parameters of `POST /masks`, without the pictures."""

    method: Literal["find"] | None = Field(None, description="`find`, the only one.")


MARGIN_FIELDS = ("left", "top", "right", "bottom")
PERCENT_FIELDS = ("left_percent", "top_percent", "right_percent", "bottom_percent")
CANVAS_FIELDS = ("width", "height")
POSITION_FIELDS = ("x", "y")


def _check_no_crop(value: float) -> float:
    if value < 0:
        raise ValueError(f"must not be negative: {NEVER_CROPS}")
    return value


def _check_enlarges(value: float) -> float:
    if value <= 1:
        raise ValueError(f"must be more than 1: {NEVER_CROPS}")
    return value


NEVER_CROPS = "outpaint never crops: crop the picture before you send it"

# Not by `ge` and `gt`: their messages would not say what to do instead.
_NOT_NEGATIVE = Field(json_schema_extra={"minimum": 0})
_ABOVE_ONE = Field(json_schema_extra={"exclusiveMinimum": 1})
Margin = Annotated[int, Field(le=32_768), AfterValidator(_check_no_crop), _NOT_NEGATIVE] | None
Percent = Annotated[float, Field(le=3_200), AfterValidator(_check_no_crop), _NOT_NEGATIVE] | None
Zoom = Annotated[float, Field(le=16), AfterValidator(_check_enlarges), _ABOVE_ONE] | None


class OutpaintParams(JobParams, PaintParams):
    """Parameters of `POST /outpaint`, without the picture; exactly one set of size parameters.

    The five sets: margins in pixels, margins in percent, aspect ratio, canvas, zoom-out.
    """

    method: Literal["auto", "mirror", "pattern", "generate"] | None = Field(
        None, description="`auto` by default: `generate` if a model is the default, else `pattern`."
    )
    left: Margin = Field(None, description="Pixels to add on the left.")
    top: Margin = Field(None, description="Pixels to add on top.")
    right: Margin = Field(None, description="Pixels to add on the right.")
    bottom: Margin = Field(None, description="Pixels to add at the bottom.")
    left_percent: Percent = Field(
        None, description="Percent of the picture's width to add on the left, rounded half up."
    )
    top_percent: Percent = Field(None, description="Percent of the picture's height to add on top.")
    right_percent: Percent = Field(
        None, description="Percent of the picture's width to add on the right."
    )
    bottom_percent: Percent = Field(
        None, description="Percent of the picture's height to add at the bottom."
    )
    aspect_ratio: str | float | None = Field(
        None,
        description='Width to height of the canvas: "16:9" or a number. Not together with margins.',
        examples=["16:9"],
    )
    width: Side = Field(None, description="Width of the canvas in pixels; requires `height`.")
    height: Side = Field(None, description="Height of the canvas in pixels; requires `width`.")
    x: Margin = Field(
        None, description="Position of the original's left edge on the canvas; requires `width`."
    )
    y: Margin = Field(
        None, description="Position of the original's top edge on the canvas; requires `height`."
    )
    zoom_out: Zoom = Field(
        None,
        description="Factor by which the canvas is wider and higher than the picture; the original "
        "keeps its pixels.",
        examples=[1.5],
    )
    anchor: Anchor | None = Field(
        None,
        description="Position of the original on the canvas; `center` by default; with "
        "`aspect_ratio`, `zoom_out`, or `width` and `height`.",
    )
    overlap: int | None = Field(
        None,
        ge=0,
        le=MAX_OVERLAP_PIXELS,
        description="Pixels inward from the sides that are extended, over which the original may "
        "be blended with the painted content; 0 by default: it stays untouched. `proof` counts "
        "the band separately.",
    )

    mirror_style: MirrorStyle | None = Field(
        None,
        description="`guided` (default): `mirror` starts from the reflection and removes the "
        "visible axis; `exact`: the bare reflection.",
    )

    @field_validator("aspect_ratio")
    @classmethod
    def _is_a_ratio(cls, value: str | float | None) -> str | float | None:
        if value is not None:
            parse_aspect_ratio(value)
        return value


AnyPaintParams = InpaintParams | OutpaintParams
AnyParams = InpaintParams | OutpaintParams | MaskParams


def parse_aspect_ratio(value: str | float) -> Fraction:
    """Read an aspect ratio: `"16:9"`, `"1.5"` or a number.

    Raises:
        ValueError: it is neither, or not between 1:16 and 16:1.
    """
    # Fraction alone would take "1e999999999" too, and spend minutes on it.
    match = _ASPECT_RATIO.fullmatch(str(value).strip())
    try:
        if match is None:
            raise ValueError
        ratio = Fraction(match["width"]) / Fraction(match["height"] or 1)
    except (ValueError, ZeroDivisionError):
        raise ValueError('must be "width:height" or a number') from None
    if not Fraction(1, 16) <= ratio <= 16:
        raise ValueError("must lie between 1:16 and 16:1")
    return ratio
