"""Stable Diffusion 1 and 2, with nine channels or four."""

from __future__ import annotations

from typing import Any

from worker.engines.diffusion.families.base import Embedding, NoiseAdapter


class StableDiffusion(NoiseAdapter):
    """Calls `StableDiffusionInpaintPipeline`."""

    # Its safety checker blackens pictures without a message.
    components = {  # noqa: RUF012 - typed and read-only in the base class
        "safety_checker": None,
        "feature_extractor": None,
        "requires_safety_checker": False,
    }

    def encode(self, pipeline: Any, text: str, max_sequence_length: int | None) -> Embedding:
        """Run CLIP."""
        # Without guidance only the text itself; a negative prompt is encoded like any other.
        embeds, _ = pipeline.encode_prompt([text], pipeline._execution_device, 1, False)
        return {"prompt_embeds": embeds}
