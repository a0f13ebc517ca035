"""What the tests of this package paint, and how they compare it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from service.contract.geometry import Margins, plan_margins
from service.contract.params import InpaintParams, OutpaintParams
from tests.support.pictures import make_box_mask, make_rgb
from tests.support.tiny_pipelines import BUILDERS
from worker.engines.base import Canvas, StepCallback
from worker.engines.diffusion.engine import DiffusionEngine
from worker.engines.diffusion.loading import LoadedModel
from worker.engines.diffusion.planning import Call, plan_rounds
from worker.engines.diffusion.sheets import Sheet, frame_call
from worker.imaging import ImageArray

LIBRARY_WARNINGS = [
    # diffusers' schedulers still hand tensors to numpy by the old protocol.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # Chroma's transformer uses what diffusers itself deprecates.
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning"),
]

ALL_FAMILIES = [
    pytest.param(name, marks=() if name == "stable-diffusion" else pytest.mark.slow)
    for name in BUILDERS
]
"""The most common one always; the others, which take their time to load, when there is some."""


def canvas_of(seed: int, width: int = 90, height: int = 60, **params: object) -> Canvas:
    """A canvas with picture, mask and prompts of its own."""
    asked = InpaintParams.model_validate({"prompt": f"picture {seed}" * (seed + 1), **params})
    mask = make_box_mask(width, height, (10 + seed, 10, 50, 40))
    return Canvas(make_rgb("texture", width, height, seed), mask, asked, seed)


def outpaint_canvas() -> Canvas:
    """A picture of 70 x 50 laid on a canvas of 97 x 61; what lies beyond it is black."""
    geometry = plan_margins(70, 50, Margins(left=20, top=0, right=7, bottom=11))
    image = np.zeros((61, 97, 3), np.uint8)
    image[:50, 20:90] = make_rgb("texture", 70, 50)
    mask = np.full((61, 97), 255, np.uint8)
    mask[:50, 20:90] = 0
    return Canvas(image, mask, OutpaintParams(prompt="more of it"), 5, geometry)


def ignore(_step: int, _steps: int) -> None:
    """Hear of a step."""


def paint(
    engine: DiffusionEngine, canvases: list[Canvas], on_step: StepCallback = ignore
) -> list[ImageArray]:
    """The pictures alone."""
    return [painted.image for painted in engine.paint(canvases, on_step)]


def largest_difference(first: ImageArray, second: ImageArray) -> int:
    """In levels of 255."""
    return int(np.abs(first.astype(int) - second).max())


def model_of(engine: DiffusionEngine) -> LoadedModel:
    """What an engine holds."""
    return engine._loaded()


def calls_of(canvases: list[Canvas], model: LoadedModel) -> list[Call]:
    """The calls of the first round, as the pipeline is given them."""
    sheets = [Sheet(canvas, model) for canvas in canvases]
    return [
        frame_call(planned, sheets, lambda: None) for planned in plan_rounds(canvases, model)[0]
    ]


def count_encoder_runs(model: LoadedModel) -> tuple[list[str], list[Any]]:
    """Watch a pipeline's text encoders; gives the names of those that ran, and what to remove."""
    ran: list[str] = []

    def watch(name: str) -> Any:
        def hook(_module: Any, _inputs: Any) -> None:
            ran.append(name)

        return hook

    encoders = {
        name: one for name, one in model.pipeline.components.items() if "text_encoder" in name
    }
    handles = [one.register_forward_pre_hook(watch(name)) for name, one in encoders.items() if one]
    return ran, handles
