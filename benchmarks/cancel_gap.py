"""How long a cancel waits at most: the longest time between two calls of `on_step` at 2048 x 2048.

Run from the repository's root: `python -m benchmarks.cancel_gap`. The goal is 0.3 s on a quiet
machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from service.contract.geometry import Margins, plan_margins
from service.contract.params import InpaintParams, OutpaintParams
from worker.engines.base import Canvas, Engine
from worker.engines.mirror import MirrorEngine
from worker.engines.patch import PatchEngine
from worker.engines.pattern import PatternEngine
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

SIDE = 2048
MARGIN = 256
PHOTO = Path(__file__).parents[1] / "demo" / "pictures" / "coffee.jpg"


def main() -> None:
    """Measure and print."""
    for name, engine, canvas in list_cases():
        engine.load()
        seconds, gap = measure(engine, canvas)
        print(f"{name}: {seconds:.1f} s in all, longest time between two chances {gap:.2f} s")


def list_cases() -> Iterator[tuple[str, Engine, Canvas]]:
    """Yield what is painted, and by whom."""
    with Image.open(PHOTO) as file:
        image = np.asarray(file.convert("RGB"))
    photo = to_uint8(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))
    tile = np.random.default_rng(0).integers(0, 255, (12, 12, 3), np.uint8)
    tile = to_uint8(cv2.resize(tile, (64, 64), interpolation=cv2.INTER_CUBIC))
    hole = np.zeros((SIDE, SIDE), np.uint8)
    hole[600:1400, 600:1400] = 255
    yield "patch", PatchEngine(), Canvas(photo, hole, InpaintParams(quality="balanced"), 1)
    yield "mirror, guided", MirrorEngine(), widen(photo)
    yield "pattern without a period", PatternEngine(), widen(photo)
    yield (
        "pattern with a period",
        PatternEngine(),
        widen(np.tile(tile, (SIDE // 64, SIDE // 64, 1))),
    )


def widen(picture: ImageArray) -> Canvas:
    """Return a canvas whose middle is the picture's, to be painted left and right."""
    geometry = plan_margins(
        SIDE - 2 * MARGIN, SIDE, Margins(left=MARGIN, top=0, right=MARGIN, bottom=0)
    )
    image, mask = picture.copy(), np.full((SIDE, SIDE), 255, np.uint8)
    mask[:, MARGIN : SIDE - MARGIN] = 0
    image[mask != 0] = 0
    params = OutpaintParams(quality="balanced", mirror_style="guided", left=MARGIN, right=MARGIN)
    return Canvas(image, mask, params, 1, geometry)


def measure(engine: Engine, canvas: Canvas) -> tuple[float, float]:
    """Return seconds of wall time: in all, and the longest without a call."""
    times = [time.perf_counter()]
    engine.paint([canvas], lambda step, steps: times.append(time.perf_counter()))
    times.append(time.perf_counter())
    return times[-1] - times[0], float(np.diff(times).max())


if __name__ == "__main__":
    main()
