"""Complete pipelines of diffusers' own classes with about 100 thousand random weights each.

Their pictures are noise: they show how a family is called, not how it looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.support.tiny_pipelines import (
    chroma,
    flux2_klein,
    flux_fill,
    kandinsky,
    longcat,
    qwen_image,
    qwen_image_edit,
    stable_diffusion,
    stable_diffusion_3,
    stable_diffusion_xl,
    z_image,
)

BUILDERS: Mapping[str, Callable[[Path], Path]] = MappingProxyType(
    {
        "stable-diffusion": stable_diffusion.build,
        "stable-diffusion-xl": stable_diffusion_xl.build,
        "stable-diffusion-3": stable_diffusion_3.build,
        "flux-fill": flux_fill.build,
        "flux2-klein": flux2_klein.build,
        "z-image": z_image.build,
        "z-image-controlnet": z_image.build_with_controlnet,
        "qwen-image": qwen_image.build,
        "qwen-image-controlnet": qwen_image.build_with_controlnet,
        "qwen-image-edit": qwen_image_edit.build,
        "longcat-image-edit": longcat.build,
        "chroma": chroma.build,
        "kandinsky-2.2": kandinsky.build,
    }
)
"""What builds a pipeline of each family and saves it in a directory, which it gives back."""


def build_tiny_sd_inpaint(directory: Path) -> Path:
    """Build the smallest and most common one, Stable Diffusion."""
    return stable_diffusion.build(directory)
