"""What `generate` costs beside its model: crop, infill, blend, compare; and its share of a job.

Run it from the root of the repository:

    python -m benchmarks.generate_overhead [--side 1024]

A tiny pipeline with random weights stands for the model: what is ours does not depend on it. CPU
time of this process, on one thread, the least of several runs where nothing else is said:

- *own*: the parts one by one, on a picture of the side given, at the size that the model would see.
- *ratio*: painting by the engine over a bare call of the pipeline on the very same inputs, where
  that takes a second or more; medians of pairs taken in turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

# Before torch is imported: spinning barriers make a busy machine four times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import numpy as np
import torch

from service.contract.catalogue import ModelDefaults, ModelEntry
from service.contract.params import InpaintParams
from tests.support.pictures import make_rgb
from tests.support.tiny_pipelines import build_tiny_sd_inpaint
from worker.engines.base import Canvas
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.families.base import CallInputs
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.planning import plan_rounds
from worker.engines.diffusion.prompts import PromptCache
from worker.engines.diffusion.running import PaintedPicture
from worker.engines.diffusion.sheets import Sheet, frame_call
from worker.imaging import ImageArray, MaskArray
from worker.imaging.encoding import encode_picture
from worker.imaging.picture import Picture
from worker.imaging.proving import prove

GOAL_MILLISECONDS: Final = 60
GOAL_RATIO: Final = 1.05
RUNS: Final = 5

CASES: Final = {
    "hole of 8 %, full": (0.28, {"region": "full"}),
    "hole of 25 %, full": (0.5, {"region": "full"}),
    "hole of 25 %, full, blur": (0.5, {"region": "full", "infill": "blur"}),
    "hole of 25 %, full, edge": (0.5, {"region": "full", "infill": "edge"}),
    "hole of 1 %, box": (0.1, {"region": "box"}),
}
"""Side of the hole as a share of the picture's, and what is asked."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what generate costs beside its model.")
    parser.add_argument("--side", type=int, default=1024, help="side of the picture in pixels")
    side = parser.parse_args().side
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        entry = ModelEntry(
            name="tiny",
            family="stable-diffusion",
            source=str(build_tiny_sd_inpaint(Path(directory))),
            native_pixels=side * side,
            defaults=ModelDefaults(num_inference_steps=1, guidance_scale=1.0),
        )
        model = _model_of(DiffusionEngine(entry, threads=1))
        for name, (share, asked) in CASES.items():
            milliseconds = measure_own(make_canvas(side, share, asked), model)
            told = ", ".join(f"{part} {value:.1f}" for part, value in milliseconds.items())
            total = sum(milliseconds.values())
            print(f"{name}: {total:.1f} ms of {GOAL_MILLISECONDS}; {told}", flush=True)
        print_ratio(entry, side)


def make_canvas(side: int, share: float, asked: dict[str, Any]) -> Canvas:
    """Return a textured picture with a box in its middle to be painted."""
    mask = np.zeros((side, side), np.uint8)
    first, last = round(side * (0.5 - share / 2)), round(side * (0.5 + share / 2))
    mask[first:last, first:last] = 255
    params = InpaintParams.model_validate(asked)
    return Canvas(make_rgb("texture", side, side), mask, params, 1)


def measure_own(canvas: Canvas, model: LoadedModel) -> dict[str, float]:
    """Return CPU milliseconds of what is not the model's, by part."""
    planning, rounds = least(lambda: plan_rounds([canvas], model))
    planned = rounds[0][0]
    framing, call = least(lambda: frame_call(planned, [Sheet(canvas, model)], lambda: None))
    picture = call.pictures[0]
    run = PaintedPicture(simulate(picture.frame.image, picture.frame.mask), call)
    sheet = Sheet(canvas, model)
    stitching, _ = least(lambda: sheet.put(picture, run))
    return {
        "plan": planning,
        "crop and infill": framing,
        "blend": stitching,
        "compare": measure_comparison(canvas.image, sheet.finish().image, canvas.mask),
    }


def simulate(image: ImageArray, mask: MaskArray) -> ImageArray:
    """Return what a model might make of it: a little blurred and drifted, something else inside."""
    drifted = cv2.GaussianBlur(image, (0, 0), 0.7).astype(np.float32) * 0.96 + 7
    drifted[mask > 0] = drifted[mask > 0][::-1]
    return drifted.round().clip(0, 255).astype(np.uint8)


def measure_comparison(before: ImageArray, after: ImageArray, mask: MaskArray) -> float:
    """Return CPU milliseconds of the proof, less the decoding that is part of it."""
    encoded = encode_picture(Picture(after), "png")
    proving, _ = least(partial(prove, Picture(before), mask, encoded, "png", lossless=True))
    decoding, _ = least(lambda: cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR))
    return max(proving - decoding, 0.0)


def least(run: Callable[[], Any], runs: int = RUNS) -> tuple[float, Any]:
    """Return the least CPU milliseconds of several runs, and what the last one gave."""
    times = []
    for _ in range(runs):
        started = time.process_time()
        result = run()
        times.append((time.process_time() - started) * 1000)
    return min(times), result


def print_ratio(entry: ModelEntry, side: int) -> None:
    """Compare the engine with the bare pipeline, in turns, on the same inputs."""
    defaults = ModelDefaults(num_inference_steps=24, guidance_scale=3.0)
    entry = entry.model_copy(update={"defaults": defaults, "native_pixels": min(side, 512) ** 2})
    engine = DiffusionEngine(entry, threads=1)
    model, canvas = _model_of(engine), make_canvas(side, 0.3, {})
    [[planned]] = plan_rounds([canvas], model)
    inputs = frame_call(planned, [Sheet(canvas, model)], lambda: None).to_inputs(entry)
    engine.paint([canvas], lambda step, steps: None)
    pairs = []
    for _ in range(RUNS):
        with_us, _ = least(lambda: engine.paint([canvas], lambda step, steps: None), 1)
        bare, _ = least(partial(call_bare, model, inputs), 1)
        pairs.append((with_us, bare))
    bare = statistics.median(bare for _, bare in pairs)
    more = statistics.median(with_us - bare for with_us, bare in pairs)
    print(
        f"bare pipeline {bare:.0f} ms, engine {more:.0f} ms more: "
        f"ratio {1 + more / bare:.3f} (goal {GOAL_RATIO})"
    )


def call_bare(model: LoadedModel, inputs: CallInputs) -> Any:
    """Call the pipeline and nothing else."""
    length = model.entry.max_sequence_length
    embed = partial(PromptCache().embed, model.adapter, model.pipeline, max_sequence_length=length)
    return model.pipeline(**model.adapter.arguments(model.pipeline, inputs, embed))


def _model_of(engine: DiffusionEngine) -> LoadedModel:
    return engine._loaded()


if __name__ == "__main__":
    main()
