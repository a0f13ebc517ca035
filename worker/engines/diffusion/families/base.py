"""The common part of adapters: how a pipeline is called, and where families differ."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image

from service.contract.catalogue import ModelEntry

Embedding = Mapping[str, Any]
"""The embedding of one text: tensors by the argument that takes them."""

Embed = Callable[[str], Embedding]
"""Returns the embedding of a text, from a cache or computed."""

StepEnd = Callable[[torch.Tensor | None], None]
"""Called after every step with its latents, packed as in the pipeline."""


@dataclass(frozen=True)
class Settings:
    """Settings that all pictures of one pipeline call share.

    Attributes:
        width: in pixels, a multiple of the family's.
        height: likewise.
        steps: `num_inference_steps`.
        strength: share of noise, (0, 1].
        guidance_scale: how closely the prompt is followed.
        max_sequence_length: length of prompts in tokens; `None` if it is fixed.
        loras: optional LoRAs that are on, by name, and their scales.
        reference: width and height of the picture that is only looked at; `None` for none.
    """

    width: int
    height: int
    steps: int
    strength: float
    guidance_scale: float
    max_sequence_length: int | None = None
    loras: tuple[tuple[str, float], ...] = ()
    reference: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class CallInputs:
    """The inputs of one call, in one order throughout.

    Attributes:
        images: RGB, of the settings' size.
        masks: `L`, 255 repaint.
        prompts: empty if there is none.
        negative_prompts: likewise.
        seeds: one for each picture.
        settings: that they share.
        references: RGB, of the settings' size of references; empty where they have none.
    """

    images: Sequence[Image.Image]
    masks: Sequence[Image.Image]
    prompts: Sequence[str]
    negative_prompts: Sequence[str]
    seeds: Sequence[int]
    settings: Settings
    references: Sequence[Image.Image] = ()


class Adapter:
    """Calls the pipelines of one family; the base class fits most, subclasses override the rest.

    Attributes:
        denoiser: name of the component that runs at every step.
        autoencoder: name of the component between pixels and latents.
        controlnet: diffusers' class of the component that is loaded from its own source.
        image: argument that takes the pictures.
        mask: argument that takes the masks; `None` if the whole picture is painted.
        guidance: argument that takes `guidance_scale`; `None` if there is none.
        reference: argument that takes pictures that are only looked at; `None` if there is none.
        takes_strength: whether there is a `strength`.
        takes_size: whether there are `width` and `height`; otherwise the picture's size counts.
        sequence_length: default of `max_sequence_length`; `None` if there is no such argument.
        max_pixels: area above which the pipeline would shrink the picture.
        takes_cache: whether caches between steps can be used.
        opens_cache: whether the pipeline opens a context for them itself.
        takes_preview_vae: whether a small autoencoder of diffusers' decodes its latents.
        encodes_alone: whether texts are encoded alone, so that their embeddings can be kept.
        components: given to the loader instead of those of the weights.
    """

    denoiser: ClassVar[str] = "transformer"
    autoencoder: ClassVar[str] = "vae"
    controlnet: ClassVar[str | None] = None
    image: ClassVar[str] = "image"
    mask: ClassVar[str | None] = "mask_image"
    guidance: ClassVar[str | None] = "guidance_scale"
    reference: ClassVar[str | None] = None
    takes_strength: ClassVar[bool] = True
    takes_size: ClassVar[bool] = True
    sequence_length: ClassVar[int | None] = 512
    max_pixels: ClassVar[int | None] = None
    takes_cache: ClassVar[bool] = True
    opens_cache: ClassVar[bool] = False
    takes_preview_vae: ClassVar[bool] = True
    encodes_alone: ClassVar[bool] = True
    components: ClassVar[Mapping[str, Any]] = {}

    def read_components(self, entry: ModelEntry, origin: dict[str, Any]) -> Mapping[str, Any]:
        """Return components that are read here instead of by the library.

        Args:
            entry: the model.
            origin: where a library may look for its files.
        """
        return {}

    def prepare(self, pipeline: Any) -> None:
        """Fix known defects of a freshly loaded pipeline."""

    def arguments(self, pipeline: Any, inputs: CallInputs, embed: Embed) -> dict[str, Any]:
        """Return all arguments of a call except its callbacks.

        Never `num_images_per_prompt`: it repeats prompts and pictures in different orders.

        Args:
            pipeline: the family's, loaded.
            inputs: what to paint.
            embed: returns a text's embedding.
        """
        return {
            self.image: list(inputs.images),
            **({self.mask: list(inputs.masks)} if self.mask else {}),
            "generator": [new_generator(seed) for seed in inputs.seeds],
            "output_type": "np",
            **self._settings(pipeline, inputs.settings),
            **self._prompts(pipeline, inputs, embed),
            **self._references(inputs),
        }

    def callbacks(self, on_step_end: StepEnd) -> dict[str, Any]:
        """Return the callback arguments of a call; what `on_step_end` raises ends the call."""

        def report(_pipe: Any, _step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            on_step_end(tensors.get("latents"))
            return {}

        return {"callback_on_step_end": report}

    @contextmanager
    def calling(self, pipeline: Any, settings: Settings, on_step_end: StepEnd) -> Iterator[None]:
        """Change the pipeline for one call; a pipeline without callbacks reports its steps here."""
        yield

    def steps_run(self, pipeline: Any, settings: Settings) -> int:
        """Return how many steps a call reports: pipelines skip those that `strength` leaves out."""
        if not self.takes_strength:
            return settings.steps
        # Flow matching pipelines round the skipped steps down, so a partial step runs whole.
        return settings.steps - int(max(settings.steps - settings.steps * settings.strength, 0))

    def is_guided(self, pipeline: Any, settings: Settings) -> bool:
        """Return whether a call also runs the denoiser for the negative prompt."""
        return self.guidance is not None and settings.guidance_scale > 1

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run the text encoders on one text.

        Returns:
            Tensors for one text, by the argument of the prompt; the argument of the negative prompt
            has the prefix `negative_`.
        """
        raise NotImplementedError

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Return the number of tokens of a text, and how many of them are read.

        With several encoders, the figures of the one that reads most.
        """
        raise NotImplementedError

    def encode_negative(self, pipeline: Any, text: str, embed: Embed) -> Embedding:
        """Return the embedding of a negative prompt, which may be empty."""
        return embed(text)

    def join(self, embeddings: Sequence[Embedding]) -> dict[str, Any]:
        """Join the embeddings of single texts for one call."""
        names = embeddings[0]
        return {name: torch.cat([one[name] for one in embeddings]) for name in names}

    def to_pictures(self, pipeline: Any, output: Any, inputs: CallInputs) -> list[np.ndarray]:
        """Return the pictures of a call: float32 (H, W, 3) in 0..1."""
        return list(output.images)

    def to_alphas(
        self, pipeline: Any, output: Any, inputs: CallInputs
    ) -> Sequence[np.ndarray] | None:
        """Return the model's own alpha of each picture: float32 (H, W) in 0..1; `None` if none.

        It says where the picture differs from the input, and may reach past the mask: over the
        shadow of what was removed.
        """
        return None

    def to_decodable(self, pipeline: Any, latents: torch.Tensor, settings: Settings) -> Any:
        """Convert a step's latents to the input of the autoencoder's decoder: (N, C, h, w)."""
        config = getattr(pipeline, self.autoencoder).config
        return latents / config.scaling_factor + (config.get("shift_factor") or 0.0)

    def to_small(self, pipeline: Any, decodable: torch.Tensor) -> Any:
        """Convert latents for the autoencoder to those of a small one: scaled as for denoising."""
        config = getattr(pipeline, self.autoencoder).config
        return (decodable - (config.get("shift_factor") or 0.0)) * config.scaling_factor

    def _settings(self, pipeline: Any, settings: Settings) -> dict[str, Any]:
        given: dict[str, Any] = {"num_inference_steps": settings.steps}
        if self.takes_size:
            given |= {"width": settings.width, "height": settings.height}
        if self.takes_strength:
            given["strength"] = settings.strength
        if self.guidance is not None:
            given[self.guidance] = settings.guidance_scale
        if settings.max_sequence_length is not None:
            given["max_sequence_length"] = settings.max_sequence_length
        return given

    def _references(self, inputs: CallInputs) -> dict[str, Any]:
        if self.reference is None or not inputs.references:
            return {}
        return {self.reference: list(inputs.references)}

    def _prompts(self, pipeline: Any, inputs: CallInputs, embed: Embed) -> dict[str, Any]:
        given = self.join([embed(text) for text in inputs.prompts])
        if self.is_guided(pipeline, inputs.settings):
            negative = self.join(
                [self.encode_negative(pipeline, text, embed) for text in inputs.negative_prompts]
            )
            given |= {f"negative_{name}": value for name, value in negative.items()}
        return given


class NoiseAdapter(Adapter):
    """Adapter of models that predict noise with a UNet, on schedulers with a noise table."""

    denoiser = "unet"
    sequence_length = None

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count as CLIP does, including the marks of beginning and end."""
        return count_clip(pipeline.tokenizer, text)

    def steps_run(self, pipeline: Any, settings: Settings) -> int:
        """Count with a copy of the scheduler: some take half steps, or one more step."""
        scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config)
        scheduler.set_timesteps(settings.steps)
        strength = settings.strength if self.takes_strength else 1.0
        skipped = settings.steps - min(int(settings.steps * strength), settings.steps)
        return (
            len(scheduler.timesteps) - skipped * scheduler.order if skipped < settings.steps else 0
        )


def count_clip(tokenizer: Any, text: str) -> tuple[int, int]:
    """Count tokens for an encoder with the limit of its tokenizer."""
    return len(tokenizer(text).input_ids), tokenizer.model_max_length


def count_chat(
    tokenizer: Any, text: str, max_sequence_length: int | None, *, thinks: bool
) -> tuple[int, int]:
    """Count tokens for a language model, including the text around a message."""
    message = {"role": "user", "content": text}
    whole = tokenizer.apply_chat_template(
        [message], tokenize=False, add_generation_prompt=True, enable_thinking=thinks
    )
    return len(tokenizer(whole).input_ids), max_sequence_length or 0


@contextmanager
def own_size(pipeline: Any, size: tuple[Any, ...]) -> Iterator[None]:
    """Make a pipeline paint in this size, which would choose one of its own.

    Args:
        pipeline: whose module has a function `calculate_dimensions`.
        size: that the function returns while the block runs.
    """
    module = sys.modules[type(pipeline).__module__]
    calculate = module.calculate_dimensions
    vars(module)["calculate_dimensions"] = lambda *_: size
    try:
        yield
    finally:
        vars(module)["calculate_dimensions"] = calculate


def new_generator(seed: int) -> torch.Generator:
    """Return a generator with this seed, on the processor: every device gets the same noise."""
    return torch.Generator("cpu").manual_seed(seed)


def unpack_2x2(latents: torch.Tensor, settings: Settings) -> torch.Tensor:
    """Undo FLUX's packing of 2 x 2 latents into one token.

    Args:
        latents: (N, h / 2 * w / 2, 4 * C) for latents of h x w, an eighth of the picture.
        settings: with the picture's size.

    Returns:
        (N, C, h, w).
    """
    rows, columns = settings.height // 16, settings.width // 16
    count, _, channels = latents.shape
    grid = latents.view(count, rows, columns, channels // 4, 2, 2)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(count, channels // 4, rows * 2, columns * 2)
