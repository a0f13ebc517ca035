"""How visible the edge of what was painted is, by how it is blended into the picture.

Run it from the root of the repository:

    python -m benchmarks.seams [--side 512] [--output docs/benchmarks/seams.md]

A generator is simulated, because its true picture is then known: the picture itself with shifted
color and contrast, a slow drift, and the slight blur of an autoencoder. It shows the kept pixels
just as wrongly, as real ones do. Blends may be given what was in the hole before: in `same` that is
what belongs there, the kindest case for every feather; in `object` something else, as where an
object is taken away.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from benchmarks.seams.scores import Score, average, format_table, measure_seam, measure_step
from benchmarks.weightfree.cases import Case
from benchmarks.weightfree.metrics import measure_psnr
from benchmarks.weightfree.pictures import names_of
from service.contract.geometry import Geometry, Margins, plan_margins
from service.contract.params import InpaintParams, MirrorStyle, OutpaintParams
from worker.engines.base import Canvas, Engine
from worker.engines.diffusion.stitching import stitch
from worker.engines.mirror import MirrorEngine
from worker.engines.patch import PatchEngine
from worker.engines.pattern import PatternEngine
from worker.imaging import ImageArray, MaskArray
from worker.imaging.compositing import mask_around, paste_back, place_on_canvas
from worker.imaging.feathering import weigh_inward, weigh_outward
from worker.imaging.geometry import shrink_original
from worker.imaging.picture import Picture, to_uint8

Blend = Callable[[ImageArray, MaskArray, ImageArray], ImageArray]

TABLES: Final = "## Tables\n\n"
"""What the tables begin with in the document."""

MASKS: Final = ("object", "blobs25", "strokes")
OBJECT_DEPTH: Final = 4
"""Pixels that a careful caller leaves between an object and the edge of its mask."""


@dataclass(frozen=True)
class Drift:
    """How a simulated generator sees a picture.

    Attributes:
        shift: levels added to red, half of them taken from blue.
        contrast: factor around the middle.
        slope: levels from one side of the picture to the other.
        blur: sigma in pixels.
        grain: standard deviation of what it makes up, in levels.
    """

    shift: float
    contrast: float
    slope: float
    blur: float
    grain: float


DRIFTS: Final[Mapping[str, Drift]] = {
    "slight": Drift(2, 0.99, 2, 0.5, 1),
    "usual": Drift(5, 0.96, 6, 0.7, 1.5),
    "strong": Drift(14, 0.88, 18, 1.0, 2.5),
}


def simulate(truth: ImageArray, drift: Drift) -> ImageArray:
    """Return the picture as a generator would give it back, wrong everywhere alike."""
    soft = cv2.GaussianBlur(truth.astype(np.float32), (0, 0), drift.blur)
    soft = (soft - 128) * drift.contrast + 128
    ramp = np.linspace(-0.5, 0.5, truth.shape[1], dtype=np.float32) * drift.slope
    soft += ramp[None, :, None] + np.array((1, 0, -0.5), np.float32) * drift.shift
    soft += np.random.default_rng(0).standard_normal(truth.shape, np.float32) * drift.grain
    return to_uint8(np.rint(soft).clip(0, 255).astype(np.uint8))


def put_object(truth: ImageArray, mask: MaskArray) -> ImageArray:
    """Return the picture with something else deeper in the hole: its own other side, darker."""
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    other = (truth[::-1, ::-1] * 0.6).astype(np.uint8)
    return np.where((depth > OBJECT_DEPTH)[..., None], other, truth)


def paste(
    original: ImageArray,
    mask: MaskArray,
    painted: ImageArray,
    *,
    feather: int = 0,
    match: bool = False,
) -> ImageArray:
    """Blend as the service does."""
    weight = weigh_inward(mask, feather) if feather else None
    fitted = painted
    if match:
        fitted = original.copy()
        stitch(fitted, mask, painted, mask, 1)
    return paste_back(Picture(original.copy()), mask, fitted, weight).color


def clone(original: ImageArray, mask: MaskArray, painted: ImageArray) -> ImageArray:
    """Blend by OpenCV's solver of the full Poisson equation; what it does outside is undone."""
    pad = 3
    wide = [
        cv2.copyMakeBorder(plane, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
        for plane in (painted, original)
    ]
    hole = cv2.copyMakeBorder(mask, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(0,))
    left, top, width, height = cv2.boundingRect(hole)
    center = left + width // 2, top + height // 2
    done = cv2.seamlessClone(wide[0], wide[1], hole, center, cv2.NORMAL_CLONE)
    inside = np.asarray(done)[pad:-pad, pad:-pad]
    return np.where((mask > 0)[..., None], inside, original)


def spread(
    original: ImageArray, mask: MaskArray, painted: ImageArray, *, radius: int
) -> ImageArray:
    """Blend as peers do: by a blurred mask, over both sides of the edge."""
    share = cv2.GaussianBlur(mask, (0, 0), radius / 2).astype(np.float32)[..., None] / 255
    mixed = original + share * (painted.astype(np.float32) - original)
    return to_uint8(np.rint(mixed).astype(np.uint8))


BLENDS: Final[Mapping[str, Blend]] = {
    "bare paste": paste,
    "inward feather 8": partial(paste, feather=8),
    "inward feather 16": partial(paste, feather=16),
    "membrane (in use)": partial(paste, match=True),
    "membrane + feather 8": partial(paste, match=True, feather=8),
    "cv2.seamlessClone": clone,
    "peers' feather 4": partial(spread, radius=4),
    "peers' feather 8": partial(spread, radius=8),
    "peers' feather 16": partial(spread, radius=16),
}


def score(
    truth: ImageArray,
    original: ImageArray,
    mask: MaskArray,
    painted: ImageArray,
    blend: Blend,
) -> Score:
    """Blend and measure."""
    started = time.process_time()
    result = blend(original, mask, painted)
    milliseconds = (time.process_time() - started) * 1000
    kept = mask == 0
    return Score(
        step=measure_step(truth, result, mask),
        seam=measure_seam(truth, result, mask),
        psnr=measure_psnr(truth, result, ~kept),
        changed=float(np.any(result != truth, axis=2)[kept].mean()),
        milliseconds=milliseconds,
    )


def load_cases(side: int) -> Iterator[tuple[ImageArray, MaskArray]]:
    """Yield the benchmark pictures with their masks."""
    for name in names_of():
        for kind in MASKS:
            yield Case("inpaint", name, kind, side=side).load()


def measure_generator(side: int, drift: Drift, *, same: bool) -> dict[str, Score]:
    """Return each blend's mean scores for a simulated generator."""
    scores: dict[str, list[Score]] = {name: [] for name in BLENDS}
    for truth, mask in load_cases(side):
        painted = simulate(truth, drift)
        original = truth if same else put_object(truth, mask)
        for name, blend in BLENDS.items():
            scores[name].append(score(truth, original, mask, painted, blend))
    return {name: average(found) for name, found in scores.items()}


def measure_patches(side: int, pictures: int = 6) -> dict[str, Score]:
    """Return each blend's mean scores for `patch`, which gives kept pixels back unchanged."""
    engine = PatchEngine()
    engine.load()
    scores: dict[str, list[Score]] = {name: [] for name in BLENDS}
    for name in names_of()[:pictures]:
        truth, mask = Case("inpaint", name, "object", side=side).load()
        original = put_object(truth, mask)
        canvas = Canvas(original, mask, InpaintParams(seed=0), seed=0)
        painted = engine.paint([canvas], lambda step, steps: None)[0].image
        for blend_name, blend in BLENDS.items():
            scores[blend_name].append(score(truth, original, mask, painted, blend))
    return {name: average(found) for name, found in scores.items()}


def measure_extensions(
    side: int, engine: Engine, style: MirrorStyle | None, pictures: int = 6
) -> dict[str, Score]:
    """Return the mean scores of an engine that outpaints, bare and with bands of overlap."""
    engine.load()
    scores: dict[str, list[Score]] = {}
    for name in names_of()[:pictures]:
        truth, mask = Case("outpaint", name, "lr", side=side).load()
        geometry = _geometry_of(mask)
        for overlap in (0, 8, 16):
            blended = _extend(truth, geometry, engine, style, overlap)
            label = f"overlap {overlap}" if overlap else "bare paste"
            found = score(truth, truth, mask, blended, lambda _original, _mask, done: done)
            scores.setdefault(label, []).append(found)
    return {name: average(found) for name, found in scores.items()}


def _geometry_of(mask: MaskArray) -> Geometry:
    left, top, width, height = cv2.boundingRect(255 - mask)
    margins = Margins(
        left=left,
        top=top,
        right=mask.shape[1] - left - width,
        bottom=mask.shape[0] - top - height,
    )
    return plan_margins(width, height, margins)


def _extend(
    truth: ImageArray, geometry: Geometry, engine: Engine, style: MirrorStyle | None, overlap: int
) -> ImageArray:
    """Outpaint as the service does, from the original alone."""
    box = geometry.original
    original = Picture(truth[box.top : box.bottom, box.left : box.right].copy())
    canvas, mask = place_on_canvas(original, geometry)
    weight = None
    if overlap:
        weight = weigh_outward(geometry, overlap)
        geometry = shrink_original(geometry, overlap)
        mask = mask_around(geometry)
    params = OutpaintParams(seed=0, mirror_style=style)
    asked = Canvas(canvas.color, mask, params, 0, geometry)
    painted = engine.paint([asked], lambda step, steps: None)[0].image
    return paste_back(canvas, mask, painted, weight).color


def main() -> None:
    """Read the arguments, print the tables and write them."""
    parser = argparse.ArgumentParser(description="Measure how visible the edge of a fill is.")
    parser.add_argument("--side", type=int, default=512, help="longest side of the pictures")
    parser.add_argument("--output", type=Path, help="document whose tables are replaced")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    tables = []
    for name, drift in DRIFTS.items():
        for case, same in (("same", True), ("object", False)):
            title = f"Simulated generator, {name} drift, {case} in the hole before"
            tables.append(format_table(title, measure_generator(arguments.side, drift, same=same)))
            print(tables[-1], flush=True)
    tables.append(format_table("patch, object in the hole before", measure_patches(arguments.side)))
    print(tables[-1], flush=True)
    extensions: tuple[tuple[str, Engine, MirrorStyle | None], ...] = (
        ("pattern", PatternEngine(), None),
        ("mirror", MirrorEngine(), "guided"),
    )
    for name, engine, style in extensions:
        scores = measure_extensions(arguments.side, engine, style)
        tables.append(format_table(f"{name}, outpainting", scores))
        print(tables[-1], flush=True)
    if arguments.output:
        head = arguments.output.read_text().split(TABLES)[0]
        arguments.output.write_text(head + TABLES + "\n".join(tables))


if __name__ == "__main__":
    main()
