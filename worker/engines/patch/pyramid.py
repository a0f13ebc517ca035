"""The picture at every scale, made from known pixels alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.ground.membrane import pull_push
from worker.engines.patch.features import Planes
from worker.imaging import ImageArray, MaskArray


@dataclass(frozen=True, eq=False)
class Scale:
    """One scale.

    Attributes:
        planes: uint8 (H, W, 5); under the hole a smooth guess from coarser scales.
        hole: uint8 (H, W), 255 = hole.
        sources: uint8 (H, W), 255 at centers of patches that may be copied from.
        forbidden: uint8 (H, W), 255 at known pixels of which none may be copied, wherever in a
            patch they lie; `None` where there are none.
    """

    planes: Planes
    hole: MaskArray
    sources: MaskArray
    forbidden: MaskArray | None = None

    @property
    def readable(self) -> MaskArray:
        """uint8 (H, W), 255 at pixels that may be copied as part of a patch."""
        closed = self.hole if self.forbidden is None else self.hole | self.forbidden
        return np.where(closed, 0, 255).astype(np.uint8)


def build_pyramid(scale: Scale, levels: int, check: Callable[[], None]) -> list[Scale]:
    """Return the scales, finest first, each half the size of the one before.

    A coarse pixel is known when at least half of what it averages is.
    """
    scales = [scale]
    for _ in range(levels):
        scales.append(halve(scales[-1], check))
    return scales


def halve(scale: Scale, check: Callable[[], None]) -> Scale:
    """Return the next coarser scale; `check` is called between planes and may raise to stop.

    A coarse pixel that may be copied is made of fine ones that may be copied alone.
    """
    known = (scale.hole == 0).astype(np.float32)
    weight = np.asarray(cv2.pyrDown(known))
    planes = np.empty((*weight.shape, scale.planes.shape[2]), np.uint8)
    hole = np.where(weight < 0.5, 255, 0).astype(np.uint8)
    usable = (scale.sources != 0).astype(np.float32)
    free = np.asarray(cv2.pyrDown(usable))
    sources = np.where((free >= 0.5) & (hole == 0), 255, 0).astype(np.uint8)
    for channel in range(planes.shape[2]):
        # Plane by plane: floats of all of them at once are what the memory peak was made of.
        plane = scale.planes[..., channel]
        planes[..., channel] = _halve_plane(plane, known, weight)
        if scale.forbidden is not None:
            np.copyto(planes[..., channel], _halve_plane(plane, usable, free), where=sources != 0)
        check()
    if scale.forbidden is None:
        return Scale(planes, hole, sources)
    return Scale(planes, hole, sources, np.asarray(255 - (hole | sources), np.uint8))


def _halve_plane(
    plane: NDArray[np.uint8], known: NDArray[np.float32], weight: NDArray[np.float32]
) -> NDArray[np.uint8]:
    total = np.asarray(cv2.pyrDown(plane * known))
    return np.rint(total / np.maximum(weight, 1e-6)).astype(np.uint8)


def halve_image(image: ImageArray, levels: int) -> ImageArray:
    """Return a picture at a coarser scale of the pyramid."""
    for _ in range(levels):
        image = np.asarray(cv2.pyrDown(image), np.uint8)
    return image


def fill_smoothly(planes: Planes, hole: MaskArray) -> Planes:
    """Return the planes with the hole filled by ever wider means of what is known.

    Source: S. Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4 (pull-push).
    """
    known = (hole == 0).astype(np.float32)
    values = planes.astype(np.float32) * known[..., None]
    filled = pull_push(values, known)
    result = planes.copy()
    np.copyto(result, np.rint(filled).clip(0, 255).astype(np.uint8), where=hole[..., None] != 0)
    return result
