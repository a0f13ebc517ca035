"""The rim of a hole: points beside it, in order, and the way into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.structures.scene import Floats, Scene, sample
from worker.imaging import MaskArray

AWAY: Final = 3
"""Pixels from the hole to the points: the hole's own rim is not in what is measured there."""

SMOOTHING: Final = 2.0
"""Standard deviation in points that takes the steps of pixels out of the rim."""

MIN_POINTS: Final = 16
"""Shorter rims are those of specks."""


@dataclass(frozen=True, eq=False)
class Rim:
    """One closed line around a hole, or around what is known within it.

    Attributes:
        points: float32 (N, 2), column and row, one pixel apart.
        normals: float32 (N, 2), unit vectors into the hole.
        is_known: bool (N,), whether the picture is known there; not so beyond its border.
    """

    points: Floats
    normals: Floats
    is_known: NDArray[np.bool_]


def find_rims(scene: Scene) -> list[Rim]:
    """Return the rims of a scene's hole."""
    side = 2 * AWAY + 1
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    wide = np.asarray(cv2.dilate(scene.hole, reach), np.uint8)
    lines, _ = cv2.findContours(wide, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    inward = _find_inward(scene.hole)
    rims = [
        _make_rim(np.asarray(line, np.int32).reshape(-1, 2), inward, scene.unknown)
        for line in lines
    ]
    return [rim for rim in rims if rim is not None]


def _find_inward(hole: MaskArray) -> Floats:
    """Return the gradient of the hole, blurred: it points into the hole. float32 (H, W, 2)."""
    soft = cv2.GaussianBlur((hole != 0).astype(np.float32), (0, 0), AWAY)
    planes = [cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)]
    return np.dstack([np.asarray(plane) for plane in planes]).astype(np.float32)


def _make_rim(line: NDArray[np.int32], inward: Floats, unknown: MaskArray) -> Rim | None:
    if len(line) < MIN_POINTS:
        return None
    points = _resample(_smooth(line.astype(np.float32)))
    along = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    normals = np.stack((-along[:, 1], along[:, 0]), axis=1)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    into = sample(inward, points[:, :1], points[:, 1:])[:, 0]
    normals *= np.where((normals * into).sum(axis=1, keepdims=True) < 0, -1, 1)
    return Rim(points, normals.astype(np.float32), _is_known(points, unknown))


def _smooth(line: Floats) -> Floats:
    """Return a closed line without the steps of pixels; at the picture's border it stays open."""
    size = int(4 * SMOOTHING)
    closed = np.concatenate((line[-size:], line, line[:size]))
    soft = np.asarray(cv2.GaussianBlur(closed, (1, 2 * size + 1), SMOOTHING, sigmaY=SMOOTHING))
    return np.asarray(soft[size:-size], np.float32)


def _resample(line: Floats) -> Floats:
    """Return a closed line with points one pixel apart."""
    steps = np.linalg.norm(np.roll(line, -1, axis=0) - line, axis=1)
    at = np.concatenate(([0.0], np.cumsum(steps)))
    count = max(round(float(at[-1])), MIN_POINTS)
    wanted = np.linspace(0, at[-1], count, endpoint=False)
    closed = np.concatenate((line, line[:1]))
    return np.stack([np.interp(wanted, at, closed[:, axis]) for axis in (0, 1)], axis=1).astype(
        np.float32
    )


def _is_known(points: Floats, unknown: MaskArray) -> NDArray[np.bool_]:
    height, width = unknown.shape
    x, y = (np.rint(points[:, axis]).astype(np.int64) for axis in (0, 1))
    inside = (x >= 1) & (y >= 1) & (x < width - 1) & (y < height - 1)
    known = unknown[y.clip(0, height - 1), x.clip(0, width - 1)] == 0
    return np.asarray(inside & known, np.bool_)
