"""Features of a result that are visible without its truth: numbers that are 0 where all is well."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.engines.channels import largest_channel
from worker.engines.estimate.ground import Ground, find_ground
from worker.engines.estimate.view import Floats, View

COLOR_STEP: Final = 16
"""Levels that share a cell of the color counts."""

EDGE_LEVELS: Final = 12.0
"""Change of color along the rim, per pixel, from which it is an edge."""

MIN_FIGURE: Final = 12
"""Pixels of a view below which a figure is a speck of grain."""

STROKE: Final = 7
"""Pixels of a view that a stroke of writing is thinner than."""

STROKE_LEVELS: Final = 40


MIN_FIT: Final = 0.02
MAX_FIT: Final = 0.995
"""Bounds of the fit, past which it says no more."""


def measure_features(view: View) -> dict[str, float]:
    """Return every feature of a view by name."""
    ground = find_ground(view)
    return {
        "depth": math.log1p(view.depth),
        "share": view.share,
        "rough": math.log1p(view.roughness),
        "dull": _log_ratio(view.roughness_around, view.roughness),
        "wild": _log_ratio(view.roughness, view.roughness_around),
        "unsure": 1 - ground.share,
        "texture": math.log1p(ground.scale),
        "invented": measure_invented(view, ground),
        "floating": measure_floating(view, ground),
        "strange": measure_strange(view),
        "crossed": measure_crossed(view),
        "strokes": measure_strokes(view),
    }


def measure_misfit(fit: float) -> float:
    """Return how badly copied pieces fit each other: the logit of the fit, turned round."""
    bounded = min(max(fit, MIN_FIT), MAX_FIT)
    return math.log((1 - bounded) / bounded)


def measure_foretold(fit: float) -> float:
    """Return how badly a foretold part met its truth: 0 where they are alike."""
    return measure_misfit(fit) - measure_misfit(MAX_FIT)


def _log_ratio(more: float, less: float) -> float:
    """Return how much rougher one thing is than another, 0 if it is not."""
    return max(0.0, math.log((more + 1) / (less + 1)))


def measure_invented(view: View, ground: Ground) -> float:
    """Return the share of the painted area that is no ground, where all around it is."""
    return float(ground.figures[view.hole].mean()) * ground.share


def measure_floating(view: View, ground: Ground) -> float:
    """Return the share of the painted area that lies in figures which meet nothing that was kept.

    A figure that goes on from outside touches the rim; one that does not was copied here whole.
    """
    figures = np.asarray(ground.figures & ~view.known, np.uint8)
    count, labels = cv2.connectedComponents(figures, connectivity=8)
    pieces = np.asarray(labels)
    beside = np.asarray(cv2.dilate(view.rim.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
    sizes = np.bincount(pieces[view.hole], minlength=count)
    sizes[np.unique(pieces[beside])] = 0
    sizes[0] = 0
    return float(sizes[sizes >= MIN_FIGURE].sum()) / max(float(view.hole.sum()), 1) * ground.share


def measure_strange(view: View) -> float:
    """Return the share of painted pixels whose color nothing beside the hole has."""
    cells = np.asarray(view.picture, np.int64) // COLOR_STEP
    painted, beside = _count(cells[view.hole]), _spread(_count(cells[view.ring]))
    return float(painted[beside == 0].sum()) / max(float(painted.sum()), 1)


def _count(cells: NDArray[np.int64]) -> Floats:
    side = 256 // COLOR_STEP
    index = (cells[:, 0] * side + cells[:, 1]) * side + cells[:, 2]
    count = np.bincount(index, minlength=side**3).reshape(side, side, side)
    return np.asarray(count, np.float32)


def _spread(count: Floats) -> Floats:
    """Return counts that neighbors share: levels on both sides of a cell's border are alike."""
    side = count.shape[0]
    padded = np.pad(count, 1)
    shifts = [(x, y, z) for x in range(3) for y in range(3) for z in range(3)]
    cubes = [padded[x : x + side, y : y + side, z : z + side] for x, y, z in shifts]
    return np.asarray(np.maximum.reduce(cubes), np.float32)


def measure_crossed(view: View) -> float:
    """Return how much of the rim is crossed by edges: each of them has to go on, and rightly."""
    picture = cv2.GaussianBlur(view.picture, (0, 0), 0.8).astype(np.float32)
    return float((_steps(np.asarray(picture)) > EDGE_LEVELS)[view.rim].mean())


def _steps(picture: Floats) -> Floats:
    across = largest_channel(np.abs(cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=0.125)))
    down = largest_channel(np.abs(cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=0.125)))
    return np.asarray(np.hypot(across, down), np.float32)


def measure_strokes(view: View) -> float:
    """Return the share of the ring that thin strokes cover, as writing does."""
    gray = cv2.cvtColor(view.picture, cv2.COLOR_RGB2GRAY)
    kernel = np.ones((STROKE, STROKE), np.uint8)
    dark = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, kernel)
    light = cv2.morphologyEx(gray, cv2.MORPH_TOPHAT, kernel)
    return float((np.maximum(dark, light) > STROKE_LEVELS)[view.ring].mean())
