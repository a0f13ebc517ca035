"""Adapters: one a family of models, with the differences of its pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from worker.engines.diffusion.families.base import Adapter
from worker.engines.diffusion.families.chroma import Chroma
from worker.engines.diffusion.families.flux2_klein import Flux2Klein
from worker.engines.diffusion.families.flux_fill import FluxFill
from worker.engines.diffusion.families.kandinsky import Kandinsky22
from worker.engines.diffusion.families.longcat import LongCatImageEdit
from worker.engines.diffusion.families.qwen_image import QwenImage, QwenImageControlNet
from worker.engines.diffusion.families.qwen_image_edit import QwenImageEdit
from worker.engines.diffusion.families.stable_diffusion import StableDiffusion
from worker.engines.diffusion.families.stable_diffusion_3 import StableDiffusion3
from worker.engines.diffusion.families.stable_diffusion_xl import StableDiffusionXL
from worker.engines.diffusion.families.z_image import ZImage, ZImageControlNet

ADAPTERS: Mapping[str, Adapter] = MappingProxyType(
    {
        "stable-diffusion": StableDiffusion(),
        "stable-diffusion-xl": StableDiffusionXL(),
        "stable-diffusion-3": StableDiffusion3(),
        "flux-fill": FluxFill(),
        "flux2-klein": Flux2Klein(),
        "z-image": ZImage(),
        "z-image-controlnet": ZImageControlNet(),
        "qwen-image": QwenImage(),
        "qwen-image-controlnet": QwenImageControlNet(),
        "qwen-image-edit": QwenImageEdit(),
        "longcat-image-edit": LongCatImageEdit(),
        "chroma": Chroma(),
        "kandinsky-2.2": Kandinsky22(),
    }
)
"""The adapter of every family whose weights are loaded, by the family's name."""
