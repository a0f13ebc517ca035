"""Every method that is compared, each as one function from picture and mask to a picture."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from benchmarks.weightfree import ours
from benchmarks.weightfree.painting import Painting
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

Kind = Literal["inpaint", "outpaint"]
Paint = Callable[[ImageArray, MaskArray, int], Painting]

TELEA_RADIUS = 5


@dataclass(frozen=True)
class Method:
    """A method.

    Attributes:
        name: as the tables call it.
        paint: takes RGB uint8 (H, W, 3), mask uint8 (H, W) of 0 and 255, and a seed.
        kinds: what it is compared in.
        is_there: whether what it needs is installed.
        max_hole: holes of more pixels are left out: minutes for one picture.
    """

    name: str
    paint: Paint
    kinds: tuple[Kind, ...]
    is_there: Callable[[], bool]
    max_hole: int = 10**9


def _installed(package: str) -> Callable[[], bool]:
    return lambda: importlib.util.find_spec(package) is not None


def paint_telea(image: ImageArray, mask: MaskArray, _seed: int) -> Painting:
    """Fast marching. Source: Telea 2004, by OpenCV."""
    return Painting(to_uint8(cv2.inpaint(image, mask, TELEA_RADIUS, cv2.INPAINT_TELEA)))


def paint_biharmonic(image: ImageArray, mask: MaskArray, _seed: int) -> Painting:
    """Smooth continuation. Source: Damelin and Hoang 2018, by scikit-image."""
    # By name, as all peers: the type checker then does not need them installed.
    restoration: Any = importlib.import_module("skimage.restoration")
    filled = restoration.inpaint_biharmonic(image, mask > 0, channel_axis=-1)
    return Painting(to_uint8((filled * 255).clip(0, 255).round().astype(np.uint8)))


def paint_pypatchmatch(radius: int) -> Paint:
    """Return PatchMatch completion by pypatchmatch with patches of this radius."""

    def paint(image: ImageArray, mask: MaskArray, seed: int) -> Painting:
        library: Any = importlib.import_module("patchmatch.patch_match")
        library.set_random_seed(seed)
        return Painting(to_uint8(library.inpaint(image, mask, patch_size=radius)))

    return paint


def paint_patchmatch_cython(image: ImageArray, mask: MaskArray, seed: int) -> Painting:
    """PatchMatch completion by patchmatch-cython, as it comes."""
    library: Any = importlib.import_module("patchmatch_cython")
    return Painting(to_uint8(library.inpaint_pyramid(image, mask > 0, seed=seed)))


INPAINT: tuple[Kind, ...] = ("inpaint",)
OUTPAINT: tuple[Kind, ...] = ("outpaint",)
BOTH: tuple[Kind, ...] = ("inpaint", "outpaint")

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("patch", ours.paint_patch("balanced"), BOTH, ours.has_patch),
        Method("patch-fast", ours.paint_patch("fast"), INPAINT, ours.has_patch),
        Method("patch-best", ours.paint_patch("best"), INPAINT, ours.has_patch),
        Method("pattern", ours.paint_pattern, OUTPAINT, ours.has_pattern),
        Method("mirror-guided", ours.paint_mirror_guided, OUTPAINT, ours.has_patch),
        Method("mirror", ours.paint_mirror, OUTPAINT, lambda: True),
        Method("telea", paint_telea, BOTH, lambda: True, 3_000_000),
        Method("biharmonic", paint_biharmonic, INPAINT, _installed("skimage"), 120_000),
        Method("pypatchmatch-r3", paint_pypatchmatch(3), BOTH, _installed("patchmatch")),
        Method(
            "pypatchmatch-r5", paint_pypatchmatch(5), INPAINT, _installed("patchmatch"), 100_000
        ),
        Method(
            "patchmatch-cython",
            paint_patchmatch_cython,
            INPAINT,
            _installed("patchmatch_cython"),
            100_000,
        ),
    )
}
