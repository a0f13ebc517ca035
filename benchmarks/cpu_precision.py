"""How much faster a model of Stable Diffusion's size is on a processor in bfloat16 than in float32.

Run it from the root of the repository; it needs 8 GB of memory:

    python -m benchmarks.cpu_precision [--side 256] [--steps 2] [--runs 2]

Random weights in the shapes of Stable Diffusion 1.5 for inpainting: 860 million in the UNet, 84
million in the autoencoder. Each variant calls the whole pipeline (encode, steps, decode) on the
same inputs, prompts embedded beforehand, without guidance; all in turns in one process. CPU time on
one thread, the least of the runs: it does not count what neighbors take, and no spinning.

- *float32*: as diffusers loads it.
- *bfloat16*: as an entry with that dtype is loaded.
- *bfloat16, channels last*: as Paintjob loads it.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

# Before torch is imported: spinning barriers make a busy machine four times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import diffusers
import torch
from diffusers.utils import logging
from PIL import Image

from service.contract.catalogue import ModelEntry
from worker.engines.diffusion.families.stable_diffusion import StableDiffusion
from worker.engines.diffusion.fitting import fit_pipeline

GOAL: Final = 2.5
ENTRY: Final = ModelEntry(name="bench", family="stable-diffusion", dtype="bfloat16")
INSTRUCTIONS: Final = ("avx512f", "avx512_bf16", "amx_bf16")

library: Any = diffusers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compare bfloat16 with float32 on the processor.")
    parser.add_argument("--side", type=int, default=256, help="side of the picture in pixels")
    parser.add_argument("--steps", type=int, default=2, help="steps of each call")
    parser.add_argument("--runs", type=int, default=2, help="calls of each variant")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    # It warns of casting, which is what this is about.
    logging.set_verbosity_error()
    print(f"processor: {', '.join(find_instructions()) or 'none of ' + ', '.join(INSTRUCTIONS)}")
    pipelines = build_variants()
    parts: dict[str, dict[str, float]] = {}
    for _ in range(asked.runs):
        for name, pipeline in pipelines.items():
            seconds = measure(pipeline, asked.side, asked.steps)
            least = parts.setdefault(name, seconds)
            parts[name] = {part: min(least[part], value) for part, value in seconds.items()}
    base = parts["float32"]
    for name, seconds in parts.items():
        told = ", ".join(
            f"{part} {value:.2f} s ({base[part] / value:.2f} x)" for part, value in seconds.items()
        )
        print(f"{name}: {told}")
    ratio = base["call"] / parts["bfloat16, channels last"]["call"]
    print(f"bfloat16 with channels last over float32: {ratio:.2f} x (goal {GOAL})")


def find_instructions() -> list[str]:
    """Return which of the units that matter the processor has."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    except (OSError, IndexError):
        return []
    return [name for name in INSTRUCTIONS if name in flags]


def build_variants() -> dict[str, Any]:
    """Return the pipelines to compare; the weights of one are copied for the others."""
    plain = build_pipeline()
    half = _copied(plain).to(torch.bfloat16)
    ordered = _copied(half)
    fit_pipeline(ordered, ENTRY, StableDiffusion(), "cpu")
    for pipeline in (plain, half):
        pipeline.set_progress_bar_config(disable=True)
    return {"float32": plain, "bfloat16": half, "bfloat16, channels last": ordered}


def build_pipeline() -> Any:
    """Build Stable Diffusion 1.5 for inpainting in float32, without its text encoder."""
    torch.manual_seed(0)
    unet = library.UNet2DConditionModel(
        sample_size=64, in_channels=9, out_channels=4, cross_attention_dim=768, attention_head_dim=8
    )
    blocks = {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
    }
    autoencoder = library.AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512, **blocks
    )
    return library.StableDiffusionInpaintPipeline(
        vae=autoencoder.eval(),
        text_encoder=None,
        tokenizer=None,
        unet=unet.eval(),
        scheduler=library.DPMSolverMultistepScheduler(
            beta_schedule="scaled_linear", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def measure(pipeline: Any, side: int, steps: int) -> dict[str, float]:
    """Return CPU seconds of a whole call, of one run of its UNet, and of the autoencoder's."""
    weights = pipeline.unet
    latents = torch.randn((1, 9, side // 8, side // 8)).to(weights.dtype)
    text = torch.randn((1, 77, 768)).to(weights.dtype)
    pictures = torch.rand((1, 3, side, side)).to(weights.dtype)
    call = partial(
        pipeline,
        prompt_embeds=text,
        image=Image.new("RGB", (side, side), (90, 120, 150)),
        mask_image=Image.new("L", (side, side), 255),
        width=side,
        height=side,
        num_inference_steps=steps,
        guidance_scale=1.0,
        generator=torch.Generator().manual_seed(0),
        output_type="np",
    )
    with torch.no_grad():
        return {
            "call": _seconds(call),
            "unet": _seconds(lambda: weights(latents, 500, text)),
            "encode": _seconds(lambda: pipeline.vae.encode(pictures)),
            "decode": _seconds(lambda: pipeline.vae.decode(latents[:, :4])),
        }


def _seconds(run: Any) -> float:
    started = time.process_time()
    run()
    return time.process_time() - started


def _copied(pipeline: Any) -> Any:
    components = dict(pipeline.components)
    for name in ("unet", "vae"):
        components[name] = copy.deepcopy(components[name])
    return type(pipeline)(**components, requires_safety_checker=False)


if __name__ == "__main__":
    main()
