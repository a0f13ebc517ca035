"""How good a fill is, measured inside the hole alone."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.weightfree.swd import measure_swd
from worker.imaging import ImageArray, MaskArray

Floats = NDArray[np.float32]

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of MS-SSIM, fine to coarse. Source: Wang, Simoncelli and Bovik 2003."""

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class Scores:
    """Scores of one fill.

    Attributes:
        psnr: dB, higher is better; 100 when nothing differs.
        ssim: -1 .. 1, higher is better.
        ms_ssim: 0 .. 1, higher is better.
        swd: >= 0, lower is better; smear costs here, a plausible other fill does not.
        sharp: Laplacian energy over the original's, 1 is right.
        seam: the same on the hole's border, 1 is right, more is a visible edge.
    """

    psnr: float
    ssim: float
    ms_ssim: float
    swd: float
    sharp: float
    seam: float


def measure(truth: ImageArray, painted: ImageArray, mask: MaskArray) -> Scores:
    """Measure a fill against what was there.

    Args:
        truth: RGB uint8 (H, W, 3).
        painted: the same shape.
        mask: uint8 (H, W), 255 where it was painted; somewhere it is.
    """
    hole = mask > 0
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (truth, painted)]
    before, after = (plane.astype(np.float32) for plane in gray)
    return Scores(
        psnr=measure_psnr(truth, painted, hole),
        ssim=_weighted_mean(_ssim_maps(before, after)[0], hole.astype(np.float32)),
        ms_ssim=measure_ms_ssim(before, after, hole),
        swd=measure_swd(truth, painted, mask),
        sharp=_energy_ratio(before, after, hole),
        seam=_energy_ratio(before, after, find_rim(mask)),
    )


def measure_psnr(truth: ImageArray, painted: ImageArray, hole: NDArray[np.bool_]) -> float:
    """Return the peak signal-to-noise ratio over the hole's pixels in dB, at most 100."""
    difference = truth[hole].astype(np.float64) - painted[hole]
    return float(min(100.0, 10 * np.log10(255**2 / max(float(np.mean(difference**2)), 1e-12))))


def measure_ms_ssim(before: Floats, after: Floats, hole: NDArray[np.bool_]) -> float:
    """Return multi-scale SSIM; each scale weighs its pixels by how much hole they stand for.

    Args:
        before: gray float32 (H, W), 0 .. 255.
        after: the same shape.
        hole: (H, W).
    """
    weight, product = hole.astype(np.float32), 1.0
    for scale, exponent in enumerate(SCALE_WEIGHTS):
        full, contrast = _ssim_maps(before, after)
        chosen = full if scale == len(SCALE_WEIGHTS) - 1 else contrast
        product *= max(_weighted_mean(chosen, weight), 0.0) ** exponent
        before, after, weight = (_halve(plane) for plane in (before, after, weight))
    return float(product)


def find_rim(mask: MaskArray) -> NDArray[np.bool_]:
    """Return the pixels on both sides of the hole's border."""
    cross = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(mask, cross) != cv2.erode(mask, cross), np.bool_)


def _ssim_maps(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Return the SSIM of every pixel, and its contrast and structure part alone."""
    mean_a, mean_b = _blur(before), _blur(after)
    var_a = _blur(before * before) - mean_a**2
    var_b = _blur(after * after) - mean_b**2
    shared = _blur(before * after) - mean_a * mean_b
    contrast = (2 * shared + C2) / (var_a + var_b + C2)
    light = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return np.asarray(light * contrast, np.float32), np.asarray(contrast, np.float32)


def _blur(plane: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(plane, (11, 11), 1.5), np.float32)


def _halve(plane: Floats) -> Floats:
    height, width = plane.shape
    size = (max(1, width // 2), max(1, height // 2))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)


def _weighted_mean(plane: Floats, weight: Floats) -> float:
    return float((plane * weight).sum(dtype=np.float64) / weight.sum(dtype=np.float64))


def _energy_ratio(before: Floats, after: Floats, where: NDArray[np.bool_]) -> float:
    energies = [
        float(np.mean(cv2.Laplacian(plane, cv2.CV_32F)[where] ** 2)) for plane in (before, after)
    ]
    # One level squared keeps a flat original from dividing by nothing.
    return (energies[1] + 1) / (energies[0] + 1)
