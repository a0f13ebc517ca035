"""How cost grows with the picture and with the hole."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import cv2
import numpy as np
from PIL import Image

from benchmarks.everyday.painting import paint_job
from benchmarks.everyday.sample import Sample, encode
from benchmarks.job_cost import PHOTO
from benchmarks.report.section import Section
from benchmarks.support.fitting import Point, fit_power
from benchmarks.support.plots import Line, draw_lines
from service.contract.params import InpaintParams
from worker.engines.base import Canvas
from worker.engines.patch.engine import PatchEngine
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

SIDES: Final = (256, 362, 512, 724, 1024, 1448, 2000)
HOLES: Final = (16, 32, 64, 128, 256, 512, 800)
FIXED_HOLE, FIXED_SIDE = 80, 1448


def measure_sizes(*, quick: bool) -> Section:
    """Paint by `patch` on one thread: one hole in larger pictures, larger holes in one picture."""
    cv2.setNumThreads(1)
    repeats = 2 if quick else 5
    sides, holes = (SIDES[::2], HOLES[1:-1:2]) if quick else (SIDES, HOLES)
    engine = PatchEngine()
    engine.load()
    _measure_paint(engine, 256, 32, 1)
    job, paint = list[Point](), list[Point]()
    for side in sides:
        job.append((side**2, _measure_job(side, FIXED_HOLE, repeats)))
        paint.append((side**2, _measure_paint(engine, side, FIXED_HOLE, repeats)))
    hole = [(side**2, _measure_paint(engine, FIXED_SIDE, side, repeats)) for side in holes]
    return render_sizes(job, paint, hole)


def render_sizes(job: Sequence[Point], paint: Sequence[Point], hole: Sequence[Point]) -> Section:
    """Return the section.

    Args:
        job: pixels of the picture, and milliseconds of a whole job.
        paint: the same of the painting alone.
        hole: pixels of the hole, and milliseconds of the painting.
    """
    beside = [
        (pixels, max(whole - alone, 0.1))
        for (pixels, whole), (_, alone) in zip(job, paint, strict=True)
    ]
    slopes = [fit_power(points)[0] for points in (beside, paint, hole)]
    pictures = [Line("paint", paint, True), Line("beside the paint", beside, True)]
    return Section(
        "Cost against size",
        "python -m benchmarks.painting_work",
        [
            f"A job's cost beside the paint grows with the picture's pixels to the power of "
            f"{slopes[0]:.2f}, its paint to that of {slopes[1]:.2f} where the hole stays.",
            f"The paint's cost grows with the hole's pixels to the power of {slopes[2]:.2f}.",
        ],
        [
            "CPU milliseconds in a worker's process, one thread, `patch`, `balanced`: decoding, "
            "painting, encoding and proof of a PNG.",
            "",
            f"| picture | paint, hole of {FIXED_HOLE} x {FIXED_HOLE} | beside the paint |",
            "|---|--:|--:|",
            *(
                f"| {_side(pixels)} | {alone:.0f} | {rest:.0f} |"
                for (pixels, alone), (_, rest) in zip(paint, beside, strict=True)
            ),
            "",
            f"| hole in {FIXED_SIDE} x {FIXED_SIDE} | paint |",
            "|---|--:|",
            *(f"| {_side(pixels)} | {value:.0f} |" for pixels, value in hole),
        ],
        {
            "report-picture.svg": draw_lines(
                f"Cost against the picture, hole of {FIXED_HOLE} x {FIXED_HOLE}",
                "pixels of the picture",
                "CPU ms",
                pictures,
            ),
            "report-hole.svg": draw_lines(
                "Cost against the hole",
                "pixels of the hole",
                "CPU ms",
                [Line("paint", hole, True)],
            ),
        },
    )


def make_picture(side: int, hole: int) -> tuple[ImageArray, MaskArray]:
    """Return a photo and a mask with a square hole right of its middle."""
    with Image.open(PHOTO) as photo:
        picture = photo.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    mask = np.zeros((side, side), np.uint8)
    top, left = (side - hole) // 2, (side - hole) * 3 // 5
    mask[top : top + hole, left : left + hole] = 255
    return to_uint8(np.asarray(picture).copy()), mask


def _measure_paint(engine: PatchEngine, side: int, hole: int, repeats: int) -> float:
    image, mask = make_picture(side, hole)
    params = InpaintParams(method="patch")
    canvas = Canvas(image, mask, params, 1)
    return _measure(lambda: engine.paint([canvas], lambda step, steps: None), repeats)


def _measure_job(side: int, hole: int, repeats: int) -> float:
    image, mask = make_picture(side, hole)
    sample = Sample(encode(image), image, mask, ())
    return _measure(lambda: paint_job(sample, 1, "patch"), repeats)


def _measure(work: Callable[[], object], repeats: int) -> float:
    """Return the least of CPU milliseconds: what neighbors on the machine disturb least."""
    found = []
    for _ in range(repeats):
        begun = time.process_time()
        work()
        found.append(1000 * (time.process_time() - begun))
    return min(found)


def _side(pixels: float) -> str:
    return f"{round(pixels**0.5)} x {round(pixels**0.5)}"
