"""How visible an edge is, and tables of it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.weightfree.metrics import find_rim
from worker.imaging import ImageArray, MaskArray


@dataclass(frozen=True)
class Score:
    """Scores of one blend.

    Attributes:
        step: root mean square, in levels, of the edge that runs along the rim.
        seam: Laplacian energy on the rim over the true picture's; 1 is right.
        psnr: in the hole, dB.
        changed: kept pixels changed, share.
        milliseconds: of the processor.
    """

    step: float
    seam: float
    psnr: float
    changed: float
    milliseconds: float


def measure_seam(truth: ImageArray, result: ImageArray, mask: MaskArray) -> float:
    """Return the Laplacian energy on the rim over the true picture's."""
    rim = find_rim(mask)
    energies = []
    for image in (truth, result):
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        energies.append(float(np.mean(cv2.Laplacian(gray, cv2.CV_32F)[rim] ** 2)))
    return (energies[1] + 1) / (energies[0] + 1)


def measure_step(truth: ImageArray, result: ImageArray, mask: MaskArray) -> float:
    """Return the edge along the rim in levels: what eyes see, because it is long.

    The error's mean just inside less its mean just outside, each over a window of 9 x 9 pixels
    along the rim and 2 pixels deep: what has no direction along the rim cancels out.
    """
    error = result.astype(np.float32) - truth
    cross = np.ones((5, 5), np.uint8)
    inside = ((mask > 0) & (cv2.erode(mask, cross) == 0)).astype(np.float32)
    outside = ((mask == 0) & (cv2.dilate(mask, cross) > 0)).astype(np.float32)
    gap = _mean_nearby(error, inside) - _mean_nearby(error, outside)
    return float(np.sqrt(np.mean(gap[find_rim(mask)] ** 2)))


def _mean_nearby(error: NDArray[np.float32], where: NDArray[np.float32]) -> NDArray[np.float32]:
    total = cv2.blur(error * where[..., None], (9, 9))
    count = cv2.blur(where, (9, 9))
    return np.asarray(total / np.maximum(count, 1e-3)[..., None], np.float32)


def average(scores: Sequence[Score]) -> Score:
    """Return the mean of every score; the median of the times."""
    return Score(
        step=statistics.fmean(one.step for one in scores),
        seam=statistics.fmean(one.seam for one in scores),
        psnr=statistics.fmean(one.psnr for one in scores),
        changed=statistics.fmean(one.changed for one in scores),
        milliseconds=statistics.median(one.milliseconds for one in scores),
    )


def format_table(title: str, scores: Mapping[str, Score]) -> str:
    """Return a table in Markdown."""
    lines = [
        f"### {title}",
        "",
        "| blend | step | seam | PSNR in the hole | kept pixels changed | CPU ms |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {name} | {one.step:.2f} | {one.seam:.2f} | {one.psnr:.1f} dB | {one.changed:.1%} "
        f"| {one.milliseconds:.0f} |"
        for name, one in scores.items()
    ]
    return "\n".join(lines) + "\n"
