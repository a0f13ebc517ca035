"""Figures of a result: how far it is from the right answer, and what it should not show.

Every function returns a measure: from the sample and the result's channels (RGB or RGBA uint8) to a
number.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.everyday.sample import Sample
from benchmarks.weightfree.swd import measure_swd
from worker.imaging import ImageArray

Measure = Callable[[Sample, ImageArray], float]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]
Color = tuple[int, int, int]

HIDDEN_ALPHA = 8
"""Alpha up to which nobody sees a color."""

LAYERS = (0, 255)
"""Backgrounds that a transparent picture is looked at on."""

SEAM_PIXELS = 20


def share_off(levels: int) -> Measure:
    """Measure the percentage of new pixels that are off by more than these levels."""

    def measure(sample: Sample, result: ImageArray) -> float:
        off = _distance(sample, result)[sample.mask > 0] > levels
        return 100 * float(np.mean(off))

    return measure


def share_off_nearby(levels: int) -> Measure:
    """Measure the same, but let a pixel be like anything between the truth's beside it.

    A curve that was drawn half a pixel aside is as good, and its smooth edge differs all along.
    """

    def measure(sample: Sample, result: ImageArray) -> float:
        cross = np.ones((3, 3), np.uint8)
        lowest, highest = (f(sample.truth, cross).astype(int) for f in (cv2.erode, cv2.dilate))
        outside = np.maximum(lowest - result, result - highest).max(axis=2)
        return 100 * float(np.mean(outside[sample.mask > 0] > levels))

    return measure


def largest_error(sample: Sample, result: ImageArray) -> float:
    """Return the largest error of any new pixel, in levels."""
    return float(_distance(sample, result)[sample.mask > 0].max())


def blurred_error(sigma: float) -> Measure:
    """Measure the largest error after a blur, in levels: what is left of it without the grain."""

    def measure(sample: Sample, result: ImageArray) -> float:
        errors = [np.abs(_blur(error, sigma)) for error in _errors(sample, result)]
        return float(max(error[sample.mask > 0].max() for error in errors))

    return measure


def step_behind_seam(sample: Sample, result: ImageArray) -> float:
    """Return how far the strip behind the seam is from the truth in the mean, where it is worst."""
    strip = (sample.mask > 0) & (_distance_inside(sample) <= SEAM_PIXELS)
    weight = _blur(strip.astype(np.float32), SEAM_PIXELS / 2)
    errors = [_blur(error * strip[..., None], SEAM_PIXELS / 2) for error in _errors(sample, result)]
    return float(max(np.abs(e[strip] / weight[strip][:, None]).max() for e in errors))


def grain_ratio(sample: Sample, result: ImageArray) -> float:
    """Return the fine noise of what is new over the truth's, 1 is right."""
    new = sample.mask > 0
    fine = [_fine(pixels)[new].std() for pixels in (result, sample.truth)]
    return float(fine[0] / max(fine[1], 1e-6))


def texture_distance(sample: Sample, result: ImageArray) -> float:
    """Return the sliced Wasserstein distance of textures: what is drawn out or smeared costs."""
    return measure_swd(sample.truth, result, sample.mask)


def highest_alpha(sample: Sample, result: ImageArray) -> float:
    """Return the highest alpha of the new pixels that ought to be transparent."""
    clear = (sample.mask > 0) & (sample.truth[..., 3] == 0)
    alpha = result[..., 3] if result.shape[2] == 4 else np.full(result.shape[:2], 255)
    return float(alpha[clear].max(initial=0))


def alpha_error(sample: Sample, result: ImageArray) -> float:
    """Return the mean error of alpha over the new pixels, in levels."""
    alpha = result[..., 3] if result.shape[2] == 4 else np.full(result.shape[:2], 255)
    error = np.abs(alpha.astype(np.float32) - sample.truth[..., 3])
    return float(error[sample.mask > 0].mean())


def pixels_like(color: Color, reach: int = 70, slack: int = 3) -> Measure:
    """Measure how many new pixels that can be seen have a color which the truth has not near them.

    Args:
        color: RGB.
        reach: distance in RGB that still counts as this color.
        slack: pixels by which the truth's own may be off.
    """

    def measure(sample: Sample, result: ImageArray) -> float:
        seen = _is_like(result, color, reach)
        right = _is_like(sample.truth, color, reach).astype(np.uint8)
        near = cv2.dilate(right, np.ones((2 * slack + 1, 2 * slack + 1), np.uint8))
        return float(np.count_nonzero(seen & (sample.mask > 0) & (np.asarray(near) == 0)))

    return measure


def share_there(mark: str, color: Color, reach: int = 70) -> Measure:
    """Measure the percentage of a structure's pixels under the hole that have its color again."""

    def measure(sample: Sample, result: ImageArray) -> float:
        under = (sample.marks[mark] > 0) & (sample.mask > 0)
        return 100 * float(np.mean(_is_like(result, color, reach)[under]))

    return measure


def breaks(mark: str, color: Color, reach: int = 70) -> Measure:
    """Measure how often a structure that was one piece is broken."""

    def measure(sample: Sample, result: ImageArray) -> float:
        band = cv2.dilate(sample.marks[mark], np.ones((9, 9), np.uint8)) > 0
        piece = (_is_like(result, color, reach) & band).astype(np.uint8)
        _, labels = cv2.connectedComponents(piece, connectivity=8)
        known = np.asarray(labels)[(sample.marks[mark] > 0) & (sample.mask == 0)]
        _, counts = np.unique(known[known > 0], return_counts=True)
        return float(np.count_nonzero(counts >= 10) - 1)

    return measure


def line_contrast(sample: Sample, result: ImageArray) -> float:
    """Return how far any new row or column stands out from the truth in the mean, in levels."""
    new = sample.mask > 0
    worst = 0.0
    for error in _errors(sample, result):
        for axis in (0, 1):
            count = new.sum(axis=axis)
            line = np.abs((error * new[..., None]).sum(axis=axis)) / np.maximum(count, 1)[:, None]
            worst = max(worst, float(line[count > 0].max()))
    return worst


def new_colors(reach: int = 24) -> Measure:
    """Measure the percentage of new pixels whose color occurs nowhere in the right answer."""

    def measure(sample: Sample, result: ImageArray) -> float:
        right = np.unique(sample.truth[..., :3].reshape(-1, 3), axis=0).astype(np.float32)
        index = np.unique(right // 8, axis=0, return_index=True)[1]
        made, counts = np.unique(result[sample.mask > 0][:, :3], axis=0, return_counts=True)
        gaps = np.linalg.norm(made[:, None].astype(np.float32) - right[index][None], axis=2)
        return 100 * float(counts[gaps.min(axis=1) > reach].sum() / counts.sum())

    return measure


def layers_of(pixels: ImageArray) -> list[Floats]:
    """Return a picture as it is seen: itself, or on black and on white if it is transparent."""
    color = pixels[..., :3].astype(np.float32)
    if pixels.shape[2] == 3:
        return [color]
    share = pixels[..., 3:].astype(np.float32) / 255
    return [np.asarray(color * share + layer * (1 - share), np.float32) for layer in LAYERS]


def _errors(sample: Sample, result: ImageArray) -> list[Floats]:
    """Return what is new less the truth, on every background; 0 elsewhere."""
    new = (sample.mask > 0)[..., None]
    if result.shape[2] < sample.truth.shape[2]:
        result = np.dstack((result, np.full(result.shape[:2], 255, np.uint8)))
    pairs = zip(layers_of(result), layers_of(sample.truth), strict=True)
    return [(made - right) * new for made, right in pairs]


def _distance(sample: Sample, result: ImageArray) -> Floats:
    errors = [np.abs(error).max(axis=2) for error in _errors(sample, result)]
    return np.asarray(np.max(errors, axis=0), np.float32)


def _distance_inside(sample: Sample) -> Floats:
    return np.asarray(cv2.distanceTransform(sample.mask, cv2.DIST_L2, 5), np.float32)


def _is_like(pixels: ImageArray, color: Color, reach: int) -> Flags:
    away = np.linalg.norm(
        pixels[..., :3].astype(np.float32) - np.asarray(color, np.float32), axis=2
    )
    like = np.asarray(away <= reach)
    return like & (pixels[..., 3] > HIDDEN_ALPHA) if pixels.shape[2] == 4 else like


def _fine(pixels: ImageArray) -> Floats:
    gray = pixels[..., :3].astype(np.float32).mean(axis=2)
    return np.asarray(gray - _blur(gray, 1.5), np.float32)


def _blur(plane: Floats, sigma: float) -> Floats:
    blurred = cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)
