"""The methods and the parameters that each can honor. Data only; the API refuses from it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from service.contract.params import Operation

GENERATE_FIELDS = frozenset(
    {
        "model",
        "prompt",
        "prompt_template",
        "preset",
        "loras",
        "reference",
        "negative_prompt",
        "strength",
        "guidance_scale",
        "num_inference_steps",
        "region",
        "padding",
        "infill",
        "deterministic",
    }
)
"""Parameters that only `generate` can honor."""

METHOD_FIELDS = GENERATE_FIELDS | {
    "grow_by_model",
    "quality",
    "ground",
    "mirror_style",
    "source_mask",
    "overlap",
    "reference_image",
}
"""Parameters and pictures that some methods can honor and others cannot."""


class MethodInfo(BaseModel):
    """One way to paint.

    Attributes:
        name: value of the `method` field.
        operation: the call that it belongs to.
        summary: one sentence for callers.
        needs_model: whether a model must be configured.
        variants: whether another seed makes another picture, so that `num_images` > 1 is allowed.
        engine: name of the engine in the recipe.
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
        honors=frozenset({"quality", "ground", "source_mask"}),
    ),
    MethodInfo(
        name="generate",
        operation="inpaint",
        summary="Paints new content with a diffusion model.",
        needs_model=True,
        variants=True,
        engine="diffusers",
        honors=GENERATE_FIELDS | {"grow_by_model", "reference_image"},
    ),
    MethodInfo(
        name="mirror",
        operation="outpaint",
        summary="Reflects the picture past its border.",
        variants=True,
        engine="mirror",
        honors=frozenset({"quality", "ground", "mirror_style"}),
    ),
    MethodInfo(
        name="pattern",
        operation="outpaint",
        summary="Continues the pattern at the border past it, without weights.",
        variants=True,
        engine="pattern",
        honors=frozenset({"quality", "ground", "overlap"}),
    ),
    MethodInfo(
        name="generate",
        operation="outpaint",
        summary="Paints new content beyond the border with a diffusion model.",
        needs_model=True,
        variants=True,
        engine="diffusers",
        honors=GENERATE_FIELDS | {"overlap", "reference_image"},
    ),
    MethodInfo(
        name="find",
        operation="mask",
        summary="Finds what a mask is to mark, and paints nothing.",
        engine="finders",
        honors=frozenset(),
    ),
)

BEST_WEIGHT_FREE: Mapping[Operation, str] = {
    "inpaint": "patch",
    "outpaint": "pattern",
    "mask": "find",
}
"""The method of `auto` when no model is the default."""


def find_method(operation: Operation, name: str) -> MethodInfo | None:
    """Find a method by operation and name."""
    for method in METHODS:
        if method.operation == operation and method.name == name:
            return method
    return None
