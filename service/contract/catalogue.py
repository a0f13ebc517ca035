"""The methods there are, and the models an operator has configured: what each can honor.

Data only: the API refuses from it, workers load from it, `GET /methods` and `GET /models` show it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.contract.names import CPU_QUEUE, gpu_queue
from service.contract.params import Operation

GENERATE_FIELDS = frozenset(
    {"model", "prompt", "negative_prompt", "strength", "guidance_scale", "num_inference_steps"}
)
"""Parameters that only `generate` can honor."""

METHOD_FIELDS = GENERATE_FIELDS | {"quality", "mirror_style", "source_mask", "overlap"}
"""Parameters and pictures that some methods can honor and others cannot."""


class MethodInfo(BaseModel):
    """One way to paint.

    Attributes:
        name: as in the `method` field.
        operation: which call it belongs to.
        summary: one sentence for people.
        needs_model: whether a model must be configured.
        variants: whether another seed gives another picture, so that `num_images` > 1 makes sense.
        engine: what paints, as the recipe names it.
        honors: which of `METHOD_FIELDS` it can honor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    operation: Operation
    summary: str
    needs_model: bool = False
    variants: bool = False
    engine: str
    honors: frozenset[str]

    @property
    def unsupported_fields(self) -> frozenset[str]:
        """Parameters and pictures that are refused with this method."""
        return METHOD_FIELDS - self.honors


METHODS: tuple[MethodInfo, ...] = (
    MethodInfo(
        name="patch",
        operation="inpaint",
        summary="Fills the hole with similar parts of the picture, without weights.",
        variants=True,
        engine="patch",
        honors=frozenset({"quality", "source_mask"}),
    ),
    MethodInfo(
        name="generate",
        operation="inpaint",
        summary="Paints new content with a diffusion model.",
        needs_model=True,
        variants=True,
        engine="diffusers",
        honors=GENERATE_FIELDS,
    ),
    MethodInfo(
        name="mirror",
        operation="outpaint",
        summary="Reflects the picture past its border.",
        variants=True,
        engine="mirror",
        honors=frozenset({"quality", "mirror_style"}),
    ),
    MethodInfo(
        name="pattern",
        operation="outpaint",
        summary="Carries the pattern at the border on past it, without weights.",
        variants=True,
        engine="pattern",
        honors=frozenset({"quality", "overlap"}),
    ),
    MethodInfo(
        name="generate",
        operation="outpaint",
        summary="Paints what lies beyond the border with a diffusion model.",
        needs_model=True,
        variants=True,
        engine="diffusers",
        honors=GENERATE_FIELDS | {"overlap"},
    ),
)

BEST_WEIGHT_FREE: Mapping[Operation, str] = {"inpaint": "patch", "outpaint": "pattern"}
"""What `auto` chooses when no model is the default."""


def find_method(operation: Operation, name: str) -> MethodInfo | None:
    """Find a method by operation and name."""
    for method in METHODS:
        if method.operation == operation and method.name == name:
            return method
    return None


class ModelDefaults(BaseModel):
    """Values that `generate` takes when the caller gives none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strength: float = Field(1.0, gt=0, le=1)
    guidance_scale: float = Field(7.5, ge=0, le=50)
    num_inference_steps: int = Field(25, ge=1, le=200)


class ModelEntry(BaseModel):
    """One configured model.

    Attributes:
        name: what callers write in `model`.
        family: which adapter calls it.
        source: a local directory in diffusers' layout, or a repository id on the Hub.
        revision: commit of the repository; required for the Hub, so that results can be made again.
        variant: file variant, such as `fp16`.
        dtype: `float32`, `bfloat16` or `float16`.
        licence: SPDX id or name, shown to callers.
        group: models of one group are served by one worker and one queue.
        default: whether `auto` and an absent `model` mean this one; at most one entry.
        size_multiple: sides are brought to a multiple of this.
        native_pixels: area in pixels that the model paints best.
        max_batch: rows that one call may hold.
        defaults: values taken when the caller gives none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")
    family: Literal["stable-diffusion-inpaint"]
    source: str = Field(min_length=1)
    revision: str | None = None
    variant: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    licence: str = "unknown"
    group: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    default: bool = False
    size_multiple: int = Field(8, ge=1)
    native_pixels: int = Field(512 * 512, ge=64 * 64)
    max_batch: int = Field(1, ge=1, le=64)
    defaults: ModelDefaults = ModelDefaults()


class Catalogue(BaseModel):
    """The models of a deployment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelEntry, ...] = ()

    @property
    def default_model(self) -> ModelEntry | None:
        """The entry that `auto` and an absent `model` mean."""
        return next((entry for entry in self.models if entry.default), None)

    def find_model(self, name: str) -> ModelEntry | None:
        """Find a model by name."""
        return next((entry for entry in self.models if entry.name == name), None)

    def queues(self) -> list[str]:
        """Give every queue that a complete deployment serves, the weight-free one first."""
        return [CPU_QUEUE, *sorted({gpu_queue(entry.group) for entry in self.models})]


def load_catalogue(path: Path | None) -> Catalogue:
    """Read the operator's models file; no file means no models.

    The file is TOML: a `[[models]]` table an entry, with the fields of `ModelEntry`.

    Raises:
        ValueError: the file breaks a rule, says which.
        OSError: the file cannot be read.
    """
    if path is None:
        return Catalogue()
    with path.open("rb") as file:
        catalogue = Catalogue.model_validate(tomllib.load(file))
    names = [entry.name for entry in catalogue.models]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: two models have the same name")
    if sum(entry.default for entry in catalogue.models) > 1:
        raise ValueError(f"{path}: more than one model is the default")
    return catalogue
