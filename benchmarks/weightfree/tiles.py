"""Periodic pictures whose period is known: rotated, unevenly lit, noisy."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

SHAPES = 7


@dataclass(frozen=True)
class Tile:
    """How a periodic picture is made.

    Attributes:
        period: width and height of one tile in pixels.
        angle: rotation of the lattice in degrees.
        light: how much the light differs from the middle to the border, 0 .. 1.
        noise: standard deviation of the noise, in levels of 0 .. 255.
        seed: of motif and noise.
    """

    period: tuple[int, int]
    angle: float
    light: float
    noise: float
    seed: int


def render_tile(tile: Tile, side: int) -> ImageArray:
    """Return a square picture full of the tile, RGB uint8 (side, side, 3)."""
    rng = np.random.default_rng(tile.seed)
    motif = _draw_motif(tile.period, rng)
    # Whole periods are laid out beforehand: interpolation then never meets the motif's border.
    width, height = tile.period
    sheet = np.tile(motif, (2, 2, 1))
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    turn = np.deg2rad(tile.angle)
    along = (columns * np.cos(turn) + rows * np.sin(turn)) % width
    across = (rows * np.cos(turn) - columns * np.sin(turn)) % height
    plain = cv2.remap(
        sheet, along.astype(np.float32), across.astype(np.float32), cv2.INTER_LINEAR
    ).astype(np.float32)
    lit = plain * _light(rows, columns, tile.light)[..., None]
    noisy = lit + rng.standard_normal(lit.shape) * tile.noise
    return to_uint8(noisy.clip(0, 255).round().astype(np.uint8))


def _draw_motif(period: tuple[int, int], rng: np.random.Generator) -> ImageArray:
    """Return one tile, RGB uint8, of shapes that wrap round its border."""
    width, height = period
    motif = np.full((height, width, 3), rng.integers(60, 200, 3), np.uint8)
    for shape in range(SHAPES):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        color = [int(level) for level in rng.integers(20, 235, 3)]
        extent = int(rng.integers(max(3, min(period) // 8), max(4, min(period) // 3)))
        for left in (-width, 0, width):
            for top in (-height, 0, height):
                at = (center[0] + left, center[1] + top)
                if shape % 2:
                    cv2.circle(motif, at, extent // 2, color, -1)
                else:
                    cv2.rectangle(motif, at, (at[0] + extent, at[1] + extent // 2), color, -1)
    soft = cv2.GaussianBlur(np.tile(motif, (3, 3, 1)), (0, 0), 0.8)
    return to_uint8(soft[height : 2 * height, width : 2 * width])


def _light(
    rows: NDArray[np.float32], columns: NDArray[np.float32], strength: float
) -> NDArray[np.float32]:
    side = rows.shape[0]
    slope = (columns + 0.5 * rows) / (1.5 * side) * 2 - 1
    bend = ((columns / side - 0.4) ** 2 + (rows / side - 0.6) ** 2) * 0.5
    light: NDArray[np.float32] = (1 + strength * (slope - bend)).astype(np.float32)
    return light
