"""Families of models, and what each can honor. Data only, no diffusers.

The API refuses from it what a model cannot honor; the worker's adapter of the same name calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["diffusion", "eraser", "finder"]
"""The kinds of models. `diffusion`: paints what a prompt asks for, step by step; `eraser`: fills a
hole in one go, without a prompt; `finder`: paints nothing, but finds what is to be masked."""

Conditioning = Literal["channels", "blend", "control", "reference", "patches"]
"""Ways to mark for a model which pixels are kept. `channels`: mask and masked picture are inputs of
the denoiser; `blend`: every step pastes the re-noised picture over what is kept; `control`: a
ControlNet sees them; `reference`: the whole picture, hole included, is a reference; `patches`: the
picture's own patches are the denoiser."""

Guidance = Literal["cfg", "true_cfg", "distilled", "none"]
"""The guidance of a model. `cfg`: classifier-free, with a negative prompt; `true_cfg`: likewise,
on a guidance-distilled model; `distilled`: one number that the model was trained on; `none`:
no guidance."""


_HONORED = frozenset({"prompt", "negative_prompt", "strength", "guidance_scale"})
_OF_CROPS = frozenset({"region", "padding", "infill"})
_OF_REFERENCES = frozenset({"reference", "reference_image"})
_OF_STEPS = frozenset({"num_inference_steps", "infill"})

ERASE_GROUP = "erase"
"""The group of erasers: a worker without torch can serve those that need none."""


class Family(BaseModel):
    """Models that one adapter calls.

    Attributes:
        name: as models name it in `family`.
        kind: what its models are for.
        pipeline: class that calls it; found by this name, never by the weights' own settings.
        conditioning: the way in which the model gets the kept pixels.
        guidance: the meaning of `guidance_scale`.
        honors: which of `negative_prompt`, `strength`, `guidance_scale`, `prompt` it can honor.
        size_multiple: sides are brought to a multiple of this, in pixels.
        cell: side in pixels of the area that one position of its latents covers; the mask is grown
            to whole cells.
        sees_hole: whether it looks into the hole even at `strength` 1, so that the hole must be
            filled beforehand.
        guided_above: `guidance_scale` above which the negative prompt counts; `None` where it
            always does.
        runs_part_steps: whether it runs at least one step however little `strength` leaves; else
            only whole ones, which may be none.
        shares_calls: whether one call may hold different pictures, prompts and seeds.
        crops: whether it sees a crop around the hole, brought to a size of its own, so that
            `region`, `padding` and `infill` have a meaning.
        takes_reference: whether it takes a second picture that it only looks at.
        refuses: further parameters of `generate` that have no meaning for it.
        extends: whether it paints beyond a picture's border; else it fills holes alone.
        variants: whether another seed makes another picture.
        files: the files of its weights, where these are not in diffusers' layout.
        group: group of its models that name none.
        package: the library that a worker needs for it, and
        extra: the extra of ours that brings it.
        finds_effects: whether it returns an alpha of its own, which may reach past the mask.
        follows_instructions: whether its prompt says what to do with what is there, so that it must
            see it: then the hole is not filled beforehand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    pipeline: str
    conditioning: Conditioning
    guidance: Guidance
    honors: frozenset[str]
    kind: Kind = "diffusion"
    size_multiple: int = 16
    cell: int = 16
    sees_hole: bool = False
    guided_above: float | None = 1.0
    runs_part_steps: bool = True
    shares_calls: bool = True
    crops: bool = True
    takes_reference: bool = False
    refuses: frozenset[str] = frozenset()
    extends: bool = True
    variants: bool = True
    files: tuple[str, ...] = ()
    group: str = "default"
    package: str = "torch"
    extra: str = "generate"
    follows_instructions: bool = False
    finds_effects: bool = False

    @property
    def unsupported_fields(self) -> frozenset[str]:
        """Parameters of `generate` that are refused with models of this family."""
        refused = (_HONORED - self.honors) | (frozenset() if self.crops else _OF_CROPS)
        refused |= {"prompt_template"} if "prompt" in refused else frozenset()
        refused |= frozenset() if self.finds_effects else {"grow_by_model"}
        refused |= frozenset() if self.takes_reference else _OF_REFERENCES
        return refused | self.refuses


_FAMILIES = (
    Family(
        name="self",
        pipeline="SelfDiffusionPipeline",
        conditioning="patches",
        guidance="none",
        honors=frozenset(),
        size_multiple=1,
        cell=1,
        crops=False,
    ),
    Family(
        name="stable-diffusion",
        pipeline="StableDiffusionInpaintPipeline",
        conditioning="channels",
        guidance="cfg",
        honors=_HONORED,
        size_multiple=8,
        cell=8,
        runs_part_steps=False,
    ),
    Family(
        name="stable-diffusion-xl",
        pipeline="StableDiffusionXLInpaintPipeline",
        conditioning="channels",
        guidance="cfg",
        honors=_HONORED,
        size_multiple=8,
        cell=8,
        runs_part_steps=False,
    ),
    Family(
        name="stable-diffusion-3",
        pipeline="StableDiffusion3InpaintPipeline",
        conditioning="blend",
        guidance="cfg",
        honors=_HONORED,
    ),
    Family(
        name="flux-fill",
        pipeline="FluxFillPipeline",
        conditioning="channels",
        guidance="distilled",
        honors=_HONORED - {"negative_prompt"},
    ),
    Family(
        name="flux2-klein",
        pipeline="Flux2KleinInpaintPipeline",
        conditioning="reference",
        guidance="none",
        honors=frozenset({"prompt", "strength"}),
        sees_hole=True,
        takes_reference=True,
    ),
    Family(
        name="z-image",
        pipeline="ZImageInpaintPipeline",
        conditioning="blend",
        guidance="cfg",
        honors=_HONORED,
        guided_above=0.0,
    ),
    Family(
        name="z-image-controlnet",
        pipeline="ZImageControlNetInpaintPipeline",
        conditioning="control",
        guidance="cfg",
        honors=_HONORED - {"strength"},
        guided_above=0.0,
    ),
    Family(
        name="qwen-image",
        pipeline="QwenImageInpaintPipeline",
        conditioning="blend",
        guidance="true_cfg",
        honors=_HONORED,
    ),
    Family(
        name="qwen-image-controlnet",
        pipeline="QwenImageControlNetInpaintPipeline",
        conditioning="control",
        guidance="true_cfg",
        honors=_HONORED - {"strength"},
    ),
    Family(
        name="qwen-image-edit",
        pipeline="QwenImageEditInpaintPipeline",
        conditioning="reference",
        guidance="true_cfg",
        honors=_HONORED,
        sees_hole=True,
        follows_instructions=True,
    ),
    Family(
        name="longcat-image-edit",
        pipeline="LongCatImageEditPipeline",
        conditioning="reference",
        guidance="cfg",
        honors=_HONORED - {"strength"},
        sees_hole=True,
        follows_instructions=True,
        shares_calls=False,
    ),
    Family(
        name="chroma",
        pipeline="ChromaInpaintPipeline",
        conditioning="blend",
        guidance="cfg",
        honors=_HONORED,
    ),
    Family(
        name="kandinsky-2.2",
        pipeline="KandinskyV22InpaintCombinedPipeline",
        conditioning="channels",
        guidance="cfg",
        honors=_HONORED - {"strength"},
        size_multiple=64,
        cell=8,
        # Its prior is guided by a scale of its own.
        guided_above=None,
        # Its decoder pastes the first picture into every picture.
        shares_calls=False,
    ),
    Family(
        name="mi-gan",
        kind="eraser",
        pipeline="MiGan",
        conditioning="channels",
        guidance="none",
        honors=frozenset(),
        refuses=_OF_STEPS,
        size_multiple=1,
        cell=1,
        extends=False,
        variants=False,
        files=("migan.onnx",),
        group=ERASE_GROUP,
        package="onnxruntime",
        extra="erase",
    ),
    Family(
        name="lama",
        kind="eraser",
        pipeline="Lama",
        conditioning="channels",
        guidance="none",
        honors=frozenset(),
        refuses=_OF_STEPS,
        size_multiple=8,
        cell=1,
        extends=False,
        variants=False,
        files=("lama.safetensors",),
        group=ERASE_GROUP,
    ),
    Family(
        name="moebius",
        kind="eraser",
        pipeline="Moebius",
        conditioning="channels",
        guidance="cfg",
        honors=frozenset({"guidance_scale"}),
        refuses=frozenset({"infill"}),
        size_multiple=8,
        cell=8,
        guided_above=None,
        shares_calls=False,
        extends=False,
        files=("unet.onnx", "vae_encoder.onnx", "vae_decoder.onnx"),
        group=ERASE_GROUP,
        package="onnxruntime",
        extra="erase",
    ),
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in _FAMILIES}
"""Every family, by name."""
