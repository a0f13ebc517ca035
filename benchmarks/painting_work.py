"""How long a painted megapixel takes, by method and quality: `python -m benchmarks.painting_work`.

Prints seconds of CPU time on one thread. `service/submission/work.py` keeps the ratios, by which
tenants take turns.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from service.contract.geometry import Margins, plan_margins
from service.contract.params import InpaintParams, OutpaintParams
from worker.engines.base import Canvas, Engine
from worker.engines.mirror import MirrorEngine
from worker.engines.patch.engine import PatchEngine
from worker.engines.pattern.engine import PatternEngine

PICTURES = Path(__file__).parents[1] / "demo" / "pictures"
QUALITIES: Sequence[Literal["fast", "balanced", "best"]] = ("fast", "balanced", "best")


def main() -> None:
    """Measure and print."""
    cv2.setNumThreads(1)
    picture = np.asarray(Image.open(PICTURES / "coffee.jpg").convert("RGB").resize((1000, 1000)))
    print(f"{'method':<10}{'quality':<10}{'megapixels':>12}{'s / megapixel':>16}")
    for quality in QUALITIES:
        for name, engine, canvas in _cases(picture, quality):
            engine.load()
            began = time.process_time()
            engine.paint([canvas], lambda step, steps: None)
            seconds = time.process_time() - began
            megapixels = np.count_nonzero(canvas.mask) / 1e6
            print(f"{name:<10}{quality:<10}{megapixels:>12.2f}{seconds / megapixels:>16.2f}")


def _cases(
    picture: npt.NDArray[np.uint8], quality: Literal["fast", "balanced", "best"]
) -> list[tuple[str, Engine, Canvas]]:
    height, width = picture.shape[:2]
    hole = np.zeros((height, width), np.uint8)
    hole[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = 255
    inpaint = InpaintParams(method="patch", quality=quality)
    margin = width // 4
    canvas = np.pad(picture, ((0, 0), (margin, margin), (0, 0)))
    outside = np.full(canvas.shape[:2], 255, np.uint8)
    outside[:, margin : margin + width] = 0
    geometry = plan_margins(width, height, Margins(left=margin, top=0, right=margin, bottom=0))
    cases: list[tuple[str, Engine, Canvas]] = [
        ("patch", PatchEngine(), Canvas(picture, hole, inpaint, 1))
    ]
    engines: list[tuple[Literal["pattern", "mirror"], Engine]] = [
        ("pattern", PatternEngine()),
        ("mirror", MirrorEngine()),
    ]
    for method, engine in engines:
        params = OutpaintParams(method=method, quality=quality)
        cases.append((method, engine, Canvas(canvas, outside, params, 1, geometry)))
    return cases


if __name__ == "__main__":
    main()
