"""How far the texture of a fill is from the original's: a distance of patch statistics."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray, MaskArray

LEVELS = 3
PATCH = 7
MAX_PATCHES = 4096
PROJECTIONS = 256

Floats = NDArray[np.float32]


def measure_swd(truth: ImageArray, painted: ImageArray, mask: MaskArray) -> float:
    """Return the sliced Wasserstein distance of Laplacian-pyramid patches in the hole.

    In levels of 0 .. 255, mean over three octaves; 0 for equal pictures. Unlike the usual form the
    patches are not normalized: a fill without contrast must be far away.

    Source: Karras et al. 2018, Progressive Growing of GANs, section 5.

    Args:
        truth: RGB uint8 (H, W, 3).
        painted: the same shape.
        mask: uint8 (H, W), 255 in the hole.
    """
    rng = np.random.default_rng(0)
    distances = []
    weight = (mask > 0).astype(np.float32)
    pyramids = zip(_laplacians(truth), _laplacians(painted), strict=True)
    for before, after in pyramids:
        centers = _choose_centers(weight, rng)
        first, second = _patches(before, centers), _patches(after, centers)
        distances.append(_sliced_distance(first, second, rng))
        weight = np.asarray(cv2.resize(weight, _half_size(weight), interpolation=cv2.INTER_AREA))
    return float(np.mean(distances))


def _laplacians(image: ImageArray) -> list[Floats]:
    level = image.astype(np.float32)
    bands = []
    for _ in range(LEVELS):
        smaller = cv2.pyrDown(level, dstsize=_half_size(level))
        larger = cv2.pyrUp(smaller, dstsize=(level.shape[1], level.shape[0]))
        bands.append(np.asarray(level - larger, np.float32))
        level = np.asarray(smaller, np.float32)
    return bands


def _half_size(plane: Floats) -> tuple[int, int]:
    return (plane.shape[1] + 1) // 2, (plane.shape[0] + 1) // 2


def _choose_centers(weight: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return rows and columns of patch centers, mostly hole, at most `MAX_PATCHES` of them."""
    centers = np.argwhere(weight > min(0.5, float(weight.max()) / 2))
    if len(centers) > MAX_PATCHES:
        centers = centers[rng.choice(len(centers), MAX_PATCHES, replace=False)]
    return centers


def _patches(band: Floats, centers: NDArray[np.intp]) -> Floats:
    reach = PATCH // 2
    padded = np.pad(band, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    steps = np.arange(PATCH)
    rows = centers[:, 0, None, None] + steps[None, :, None]
    columns = centers[:, 1, None, None] + steps[None, None, :]
    return np.asarray(padded[rows, columns].reshape(len(centers), -1))


def _sliced_distance(first: Floats, second: Floats, rng: np.random.Generator) -> float:
    directions = rng.standard_normal((first.shape[1], PROJECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    one, other = (np.sort(patches @ directions, axis=0) for patches in (first, second))
    return float(np.mean(np.abs(one - other)))
