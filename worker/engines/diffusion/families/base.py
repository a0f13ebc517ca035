"""What adapters share: how a pipeline is called, and what families do differently."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image

Embedding = Mapping[str, Any]
"""What a text encoder makes of one text: tensors by the name of the argument that takes them."""

Embed = Callable[[str], Embedding]
"""Gives the embedding of a text, out of a cache or anew."""

StepEnd = Callable[[torch.Tensor | None], None]
"""Called after every step with its latents, packed as the pipeline has them."""


@dataclass(frozen=True)
class Settings:
    """What all rows of one pipeline call must share.

    Attributes:
        width: in pixels, a multiple of the family's.
        height: likewise.
        steps: `num_inference_steps`.
        strength: share of noise, (0, 1].
        guidance_scale: how closely the prompt is followed.
        max_sequence_length: tokens that prompts are padded and cut to; `None` where that is fixed.
    """

    width: int
    height: int
    steps: int
    strength: float
    guidance_scale: float
    max_sequence_length: int | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one call, in one order throughout.

    Attributes:
        images: RGB, of the settings' size.
        masks: `L`, 255 repaint.
        prompts: empty where there is none.
        negative_prompts: likewise.
        seeds: one a row.
        settings: what they share.
    """

    images: Sequence[Image.Image]
    masks: Sequence[Image.Image]
    prompts: Sequence[str]
    negative_prompts: Sequence[str]
    seeds: Sequence[int]
    settings: Settings


class Adapter:
    """Calls the pipelines of one family; this is the way of most, subclasses say what differs.

    Attributes:
        denoiser: name of the component that is run at every step.
        autoencoder: name of the component between pixels and latents.
        controlnet: diffusers' class of the component that is loaded from a place of its own.
        image: argument that takes the pictures.
        mask: argument that takes the masks.
        guidance: argument that takes `guidance_scale`; `None` where nothing does.
        takes_strength: whether there is a `strength`.
        takes_size: whether there are `width` and `height`; else the picture's size counts.
        sequence_length: default of `max_sequence_length`; `None` where there is no such argument.
        max_pixels: area above which the pipeline would shrink the picture by itself.
        takes_cache: whether caches between steps can be used at all.
        opens_cache: whether the pipeline opens a context for them itself.
        takes_preview_vae: whether a small autoencoder of diffusers' decodes its latents.
        components: what is given to the loader in place of what the weights bring.
    """

    denoiser: ClassVar[str] = "transformer"
    autoencoder: ClassVar[str] = "vae"
    controlnet: ClassVar[str | None] = None
    image: ClassVar[str] = "image"
    mask: ClassVar[str] = "mask_image"
    guidance: ClassVar[str | None] = "guidance_scale"
    takes_strength: ClassVar[bool] = True
    takes_size: ClassVar[bool] = True
    sequence_length: ClassVar[int | None] = 512
    max_pixels: ClassVar[int | None] = None
    takes_cache: ClassVar[bool] = True
    opens_cache: ClassVar[bool] = False
    takes_preview_vae: ClassVar[bool] = True
    components: ClassVar[Mapping[str, Any]] = {}

    def prepare(self, pipeline: Any) -> None:
        """Mend a freshly loaded pipeline where it would not do what is promised."""

    def arguments(self, pipeline: Any, rows: Rows, embed: Embed) -> dict[str, Any]:
        """Give everything that a call takes but its callbacks.

        Never `num_images_per_prompt`: it repeats prompts and pictures in different orders.

        Args:
            pipeline: the family's, loaded.
            rows: what to paint.
            embed: gives a text's embedding.
        """
        return {
            self.image: list(rows.images),
            self.mask: list(rows.masks),
            "generator": [new_generator(seed) for seed in rows.seeds],
            "output_type": "np",
            **self._settings(pipeline, rows.settings),
            **self._prompts(pipeline, rows, embed),
        }

    def callbacks(self, on_step_end: StepEnd) -> dict[str, Any]:
        """Give the arguments by which a call tells its steps; what `on_step_end` raises leaves."""

        def tell(_pipe: Any, _step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            on_step_end(tensors.get("latents"))
            return {}

        return {"callback_on_step_end": tell}

    def steps_run(self, pipeline: Any, settings: Settings) -> int:
        """Give how often a call tells a step: pipelines skip what `strength` leaves out."""
        if not self.takes_strength:
            return settings.steps
        # Flow matching pipelines round what they skip down, so a part of a step is run whole.
        return settings.steps - int(max(settings.steps - settings.steps * settings.strength, 0))

    def is_guided(self, pipeline: Any, settings: Settings) -> bool:
        """Whether a call runs the denoiser for the negative prompt too."""
        return self.guidance is not None and settings.guidance_scale > 1

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run the text encoders on one text.

        Returns:
            Tensors with a batch of one, by the argument for the prompt; that for the negative
            prompt has `negative_` before it.
        """
        raise NotImplementedError

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Give how many tokens a text comes to, and how many of them are read.

        Where several encoders read it, that of the one which reads most.
        """
        raise NotImplementedError

    def encode_negative(self, pipeline: Any, text: str, embed: Embed) -> Embedding:
        """Give the embedding of a negative prompt, which may be empty."""
        return embed(text)

    def join(self, embeddings: Sequence[Embedding]) -> dict[str, Any]:
        """Make one batch of embeddings of single texts."""
        names = embeddings[0]
        return {name: torch.cat([one[name] for one in embeddings]) for name in names}

    def to_pictures(self, pipeline: Any, output: Any, rows: Rows) -> list[np.ndarray]:
        """Give a call's pictures: float32 (H, W, 3) in 0..1, one a row."""
        return list(output.images)

    def to_decodable(self, pipeline: Any, latents: torch.Tensor, settings: Settings) -> Any:
        """Bring a step's latents to what the autoencoder decodes: (N, C, h, w)."""
        config = getattr(pipeline, self.autoencoder).config
        return latents / config.scaling_factor + (config.get("shift_factor") or 0.0)

    def to_small(self, pipeline: Any, decodable: torch.Tensor) -> Any:
        """Bring what the autoencoder decodes to what a small one does: scaled as for denoising."""
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

    def _prompts(self, pipeline: Any, rows: Rows, embed: Embed) -> dict[str, Any]:
        given = self.join([embed(text) for text in rows.prompts])
        if self.is_guided(pipeline, rows.settings):
            negative = self.join(
                [self.encode_negative(pipeline, text, embed) for text in rows.negative_prompts]
            )
            given |= {f"negative_{name}": value for name, value in negative.items()}
        return given


class NoiseAdapter(Adapter):
    """The way of models that predict noise with a UNet, on schedulers with a table of noises."""

    denoiser = "unet"
    sequence_length = None

    def count_tokens(
        self, pipeline: Any, text: str, max_sequence_length: int | None
    ) -> tuple[int, int]:
        """Count as CLIP does, marks of beginning and end included."""
        return count_clip(pipeline.tokenizer, text)

    def steps_run(self, pipeline: Any, settings: Settings) -> int:
        """Ask a copy of the scheduler: some take steps of two halves, or one more than asked."""
        scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config)
        scheduler.set_timesteps(settings.steps)
        strength = settings.strength if self.takes_strength else 1.0
        skipped = settings.steps - min(int(settings.steps * strength), settings.steps)
        return (
            len(scheduler.timesteps) - skipped * scheduler.order if skipped < settings.steps else 0
        )


def count_clip(tokenizer: Any, text: str) -> tuple[int, int]:
    """Count tokens for an encoder that reads as many as its tokenizer says."""
    return len(tokenizer(text).input_ids), tokenizer.model_max_length


def count_chat(
    tokenizer: Any, text: str, max_sequence_length: int | None, *, thinks: bool
) -> tuple[int, int]:
    """Count tokens for a language model, what is written around a message included."""
    message = {"role": "user", "content": text}
    whole = tokenizer.apply_chat_template(
        [message], tokenize=False, add_generation_prompt=True, enable_thinking=thinks
    )
    return len(tokenizer(whole).input_ids), max_sequence_length or 0


def new_generator(seed: int) -> torch.Generator:
    """Give fresh noise of a seed; the processor's is the same for every device."""
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
