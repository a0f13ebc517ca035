"""The kinds of hole, each drawn from a seed: uint8 (H, W), 255 repaint, 0 keep."""

from __future__ import annotations

import string
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import MaskArray
from worker.imaging.picture import to_uint8

Draw = Callable[[int, int, np.random.Generator], MaskArray]


def make_mask(kind: str, height: int, width: int, seed: int) -> MaskArray:
    """Return a mask of a kind.

    Args:
        kind: a key of `INPAINT_MASKS` or `OUTPAINT_MASKS`, or `hole:N` for one hole of N px.
        height: of the picture in pixels.
        width: of the picture in pixels.
        seed: another seed, another mask; the strips of outpainting have no chance in them.

    Raises:
        KeyError: no such kind.
    """
    rng = np.random.default_rng(seed)
    if kind.startswith("hole:"):
        return draw_hole(height, width, int(kind.removeprefix("hole:")), rng)
    return {**INPAINT_MASKS, **OUTPAINT_MASKS}[kind](height, width, rng)


def draw_hole(height: int, width: int, pixels: int, rng: np.random.Generator) -> MaskArray:
    """Return one rugged hole of exactly so many pixels, near the middle."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    center = (height * rng.uniform(0.4, 0.6), width * rng.uniform(0.4, 0.6))
    down, across = rows - center[0], columns - center[1]
    turn = np.arctan2(down, across)
    outline = np.ones_like(turn)
    for wave in range(2, 6):
        outline += rng.uniform(0, 0.3) / wave * np.cos(wave * turn + rng.uniform(0, 6.3))
    return _lowest(np.hypot(down, across) / outline, pixels)


def _lowest(field: NDArray[np.float32], pixels: int) -> MaskArray:
    """Return the mask of so many of the lowest values."""
    mask = np.zeros(field.size, np.uint8)
    mask[np.argpartition(field.ravel(), pixels - 1)[:pixels]] = 255
    return to_uint8(mask.reshape(field.shape))


def _blobs(share: float) -> Draw:
    def draw(height: int, width: int, rng: np.random.Generator) -> MaskArray:
        noise = rng.standard_normal((height, width)).astype(np.float32)
        smooth = cv2.GaussianBlur(noise, (0, 0), min(height, width) / 26)
        return _lowest(np.asarray(smooth, np.float32), round(share * height * width))

    return draw


def _object(height: int, width: int, rng: np.random.Generator) -> MaskArray:
    return draw_hole(height, width, round(0.08 * height * width), rng)


def _rect(height: int, width: int, rng: np.random.Generator) -> MaskArray:
    high, wide = height // 2, width // 2
    top, left = int(rng.integers(1, height - high)), int(rng.integers(1, width - wide))
    mask = np.zeros((height, width), np.uint8)
    mask[top : top + high, left : left + wide] = 255
    return mask


def _strokes(height: int, width: int, rng: np.random.Generator) -> MaskArray:
    """Brush strokes of 8 to 13 px at 512 px, until 30 % is covered."""
    mask = np.zeros((height, width), np.uint8)
    side = min(height, width)
    while np.count_nonzero(mask) < 0.3 * mask.size:
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.35, 14))
        steps = np.stack([np.cos(heading), np.sin(heading)], 1) * side / 18
        points = np.cumsum(steps, 0) + rng.uniform(0, 1, 2) * (width, height)
        thickness = int(rng.integers(max(2, side // 64), max(3, side // 38)))
        cv2.polylines(mask, [points.round().astype(np.int32)], False, 255, thickness)
    return mask


def _text(height: int, width: int, rng: np.random.Generator) -> MaskArray:
    """Lines of random words all over the picture, covering about 23 %."""
    # Fonts differ between versions of OpenCV; the distance of the lines makes up for it.
    seed = int(rng.integers(2**32))
    drawn = [_write(height, width, pitch, seed) for pitch in range(24, 72, 2)]
    shares = [np.count_nonzero(mask) / mask.size for mask in drawn]
    return drawn[int(np.argmin(np.abs(np.array(shares) - 0.23)))]


def _write(height: int, width: int, pitch: int, seed: int) -> MaskArray:
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    scale = min(height, width) / 512
    letters = np.array(list(string.ascii_letters + "     "))
    for baseline in np.arange(26 * scale, height + 8 * scale, pitch * scale):
        line = "".join(rng.choice(letters, 60))
        at = (int(-10 * scale), int(baseline))
        cv2.putText(mask, line, at, cv2.FONT_HERSHEY_SIMPLEX, 0.95 * scale, 255, 2)
    # Smoothed letters have levels between.
    return np.where(mask > 127, np.uint8(255), np.uint8(0))


def _strips(left: float, top: float, right: float, bottom: float) -> Draw:
    def draw(height: int, width: int, _rng: np.random.Generator) -> MaskArray:
        mask = np.full((height, width), 255, np.uint8)
        rows = slice(round(top * height), height - round(bottom * height))
        columns = slice(round(left * width), width - round(right * width))
        mask[rows, columns] = 0
        return mask

    return draw


INPAINT_MASKS: dict[str, Draw] = {
    "blobs10": _blobs(0.10),
    "blobs15": _blobs(0.15),
    "blobs25": _blobs(0.25),
    "object": _object,
    "rect": _rect,
    "strokes": _strokes,
    "text": _text,
}

OUTPAINT_MASKS: dict[str, Draw] = {
    "lr": _strips(1 / 6, 0, 1 / 6, 0),
    "right": _strips(0, 0, 1 / 4, 0),
    "all": _strips(1 / 8, 1 / 8, 1 / 8, 1 / 8),
}
