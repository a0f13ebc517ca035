"""Brushes that the generators share: grounds, grain, figures and masks, all on uint8 pictures."""

from __future__ import annotations

import string
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

Rng = np.random.Generator
Color = tuple[int, int, int]
Floats = NDArray[np.float32]
Point = tuple[float, float]

VIVID: tuple[Color, ...] = (
    (222, 60, 40),
    (245, 150, 30),
    (40, 120, 215),
    (60, 160, 75),
    (150, 60, 170),
    (20, 20, 24),
)


def levels(color: ArrayLike) -> Floats:
    """Return a color to compute with, float32."""
    return np.asarray(color, np.float32)


def pick_color(rng: Rng, colors: Sequence[Color] = VIVID) -> Color:
    """Return one of these colors."""
    return colors[int(rng.integers(len(colors)))]


def pick_ground(rng: Rng) -> Color:
    """Return a color that a ground may have, far from the vivid ones."""
    grounds: Sequence[Color] = (
        (255, 255, 255),
        (246, 244, 240),
        (30, 60, 120),
        (235, 215, 225),
        (205, 228, 220),
        (48, 48, 52),
    )
    return pick_color(rng, grounds)


def flat(height: int, width: int, color: Color) -> ImageArray:
    """Return a picture of one color."""
    return np.full((height, width, 3), color, np.uint8)


def ramp(
    height: int, width: int, first: Sequence[float], last: Sequence[float], degrees: float = 90
) -> Floats:
    """Return a straight gradient as float32 (H, W, 3), from one side to the opposite one.

    Args:
        height: in pixels.
        width: in pixels.
        first: color where it begins.
        last: color where it ends.
        degrees: direction, 0 = to the right, 90 = down.
    """
    turn = np.deg2rad(degrees)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    way = columns * np.cos(turn) + rows * np.sin(turn)
    way = (way - way.min()) / max(float(np.ptp(way)), 1)
    return np.asarray(
        way[..., None] * levels(last) + (1 - way[..., None]) * levels(first), np.float32
    )


def glow(
    height: int, width: int, inner: Color, outer: Color, center: Point, reach: float
) -> Floats:
    """Return a round gradient as float32 (H, W, 3): the light of a studio.

    Args:
        height: in pixels.
        width: in pixels.
        inner: color in the center.
        outer: color far from it.
        center: x and y in pixels.
        reach: pixels at which the light has fallen to 0.6.
    """
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    away = np.hypot(columns - center[0], rows - center[1]) / reach
    share = np.exp(-(away**2) / 2)[..., None]
    return np.asarray(share * levels(inner) + (1 - share) * levels(outer), np.float32)


def soft_noise(rng: Rng, height: int, width: int, sigma: float, strength: float) -> Floats:
    """Return smooth noise of mean 0 as float32 (H, W, 3), of this standard deviation."""
    noise = rng.standard_normal((height, width, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), sigma)
    return np.asarray(smooth * (strength / max(float(smooth.std()), 1e-6)), np.float32)


def grainy(
    ground: ImageArray | Floats, rng: Rng, sigma: float, *, gray: bool = False
) -> ImageArray:
    """Return a ground with a sensor's grain of this standard deviation, rounded to uint8."""
    height, width = ground.shape[:2]
    noise = rng.normal(0, sigma, (height, width, 1 if gray else 3))
    return rounded(ground.astype(np.float32) + noise.astype(np.float32))


def rounded(values: Floats) -> ImageArray:
    """Return levels as uint8."""
    return to_uint8(np.rint(values).clip(0, 255).astype(np.uint8))


def paint_over(picture: ImageArray, cover: MaskArray, color: Color) -> None:
    """Lay a color over a picture, in place, by a cover of 0 .. 255."""
    share = cover[..., None].astype(np.float32) / 255
    below = picture[..., :3].astype(np.float32)
    picture[..., :3] = rounded(np.asarray(below + share * (levels(color) - below), np.float32))


def disk(height: int, width: int, center: Point, radius: float, soft: float = 1) -> MaskArray:
    """Return a disk as a cover, uint8 (H, W), its rim `soft` pixels wide."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    away = np.hypot(columns - center[0], rows - center[1])
    return to_uint8((((radius - away) / soft + 0.5).clip(0, 1) * 255).round().astype(np.uint8))


def rounded_box(height: int, width: int, box: Sequence[float], corner: float) -> MaskArray:
    """Return a box with round corners as a cover; `box` is left, top, right, bottom."""
    left, top, right, bottom = box
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    across = np.abs(columns - (left + right) / 2) - (right - left) / 2 + corner
    down = np.abs(rows - (top + bottom) / 2) - (bottom - top) / 2 + corner
    away = np.hypot(across.clip(0), down.clip(0)) - corner
    return to_uint8(((0.5 - away).clip(0, 1) * 255).round().astype(np.uint8))


def curve(height: int, width: int, points: NDArray[np.floating], thickness: int) -> MaskArray:
    """Return a curve through points (N, 2) of x and y as a cover with smooth edges."""
    cover = np.zeros((height, width), np.uint8)
    line = np.rint(np.asarray(points) * 16).astype(np.int32)
    cv2.polylines(cover, [line], False, 255, thickness, cv2.LINE_AA, 4)
    return cover


def box_mask(height: int, width: int, box: Sequence[float]) -> MaskArray:
    """Return a mask of a box: left, top, right, bottom."""
    left, top, right, bottom = (round(side) for side in box)
    mask = np.zeros((height, width), np.uint8)
    mask[max(top, 0) : bottom, max(left, 0) : right] = 255
    return mask


def round_mask(height: int, width: int, center: Point, radius: float) -> MaskArray:
    """Return a mask of a disk, without levels between."""
    cover = disk(height, width, center, radius)
    return np.where(cover > 127, np.uint8(255), np.uint8(0))


def write_text(picture: ImageArray, rng: Rng, box: Sequence[int], color: Color) -> None:
    """Write lines of random words into a box, in place, each word inside of it."""
    left, top, right, bottom = box
    letters = np.array(list(string.ascii_lowercase))
    for baseline in range(top + 12, bottom, 16):
        at = left
        while True:
            word = "".join(rng.choice(letters, int(rng.integers(2, 9))))
            (wide, _), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)
            if at + wide > right:
                break
            place = (at, baseline)
            cv2.putText(picture, word, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, color, 1, cv2.LINE_AA)
            at += wide + 6
