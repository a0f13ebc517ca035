"""Periodic pictures whose period is known."""

from __future__ import annotations

import cv2
import numpy as np

from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8


def make_tiles(
    width: int,
    height: int,
    period: tuple[int, int],
    *,
    angle: float = 0.0,
    slope: float = 0.0,
    noise: float = 2.0,
    seed: int = 0,
) -> ImageArray:
    """Return a picture full of one tile, RGB uint8 (height, width, 3).

    Args:
        width: of the picture in pixels.
        height: of the picture in pixels.
        period: width and height of the tile in pixels.
        angle: of the lattice, in degrees.
        slope: how much brighter the light is at the right border than in the middle, 0 .. 1.
        noise: standard deviation, in levels.
        seed: of tile and noise.
    """
    rng = np.random.default_rng(seed)
    tile = _draw(period, rng)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    turn = np.deg2rad(angle)
    along = (columns * np.cos(turn) + rows * np.sin(turn)) % period[0]
    across = (rows * np.cos(turn) - columns * np.sin(turn)) % period[1]
    # Two tiles a side: interpolation never meets the border.
    sheet = np.tile(tile, (2, 2, 1))
    plain = cv2.remap(
        sheet, along.astype(np.float32), across.astype(np.float32), cv2.INTER_LINEAR
    ).astype(np.float32)
    light = 1 + slope * (columns / (width - 1) * 2 - 1)
    grain = rng.standard_normal(plain.shape) * noise
    return to_uint8((plain * light[..., None] + grain).clip(0, 255).round().astype(np.uint8))


def _draw(period: tuple[int, int], rng: np.random.Generator) -> ImageArray:
    """Return a tile of blurred noise that wraps round its border."""
    width, height = period
    values = rng.standard_normal((height, width, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(np.tile(values, (3, 3, 1)), (0, 0), 2)[height:-height, width:-width]
    scaled = 110 + soft * (35 / float(soft.std()))
    return to_uint8(scaled.clip(20, 200).round().astype(np.uint8))
