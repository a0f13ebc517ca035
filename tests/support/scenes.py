"""Made pictures with a structure under a hole, and what is right there. Every one takes a seed."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Line = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture with a hole.

    Attributes:
        truth: uint8 (H, W, 3), the whole picture.
        mask: uint8 (H, W), 255 = hole.
        structure: uint8 (H, W), 255 where what must go on lies under the hole.
    """

    truth: Pixels
    mask: Pixels
    structure: Pixels

    @property
    def erased(self) -> Pixels:
        """The picture with red in the hole."""
        image = self.truth.copy()
        image[self.mask > 0] = (220, 30, 30)
        return image


def soften(seed: int, height: int, width: int, sigma: float = 14) -> NDArray[np.float32]:
    """Return a ground out of focus: float32 (H, W, 3)."""
    noise = np.random.default_rng(seed).normal(120, 60, (height, width, 3)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma) * 3 - 240, np.float32)


def add_grain(picture: NDArray[np.float32], sigma: float, seed: int) -> Pixels:
    """Return the picture with noise, in bytes."""
    noise = np.random.default_rng(seed).normal(0, sigma, picture.shape)
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def make_line(side: int, angle: float, bend: float, rng: np.random.Generator) -> Line:
    """Return a wavy line through the middle of a square: float64 (N, 2)."""
    along = np.arange(-side, side, 2.0)
    length, phase = rng.uniform(0.3, 0.5) * side, rng.uniform(0, 2 * np.pi)
    aside = bend * side * (np.sin(along / length + phase) - np.sin(phase))
    x = side / 2 + np.cos(angle) * along - np.sin(angle) * aside
    y = side / 2 + np.sin(angle) * along + np.cos(angle) * aside
    return np.stack((x, y), axis=1)


def draw_line(
    picture: Pixels, line: Line, color: tuple[int, int, int], width: int, smooth: bool = True
) -> None:
    """Draw a line in place."""
    kind = cv2.LINE_AA if smooth else cv2.LINE_8
    cv2.polylines(picture, [np.rint(line).astype(np.int32)], False, color, width, kind)


def cover_line(side: int, line: Line, width: int, mask: Pixels) -> Pixels:
    """Return where a line lies under the mask, but for its edges."""
    band = np.zeros((side, side), np.uint8)
    cv2.polylines(band, [np.rint(line).astype(np.int32)], False, (255,), max(width, 1))
    return np.asarray(band & mask, np.uint8)


def round_hole(side: int, radius: int, rng: np.random.Generator) -> Pixels:
    """Return a round hole near the middle."""
    mask = np.zeros((side, side), np.uint8)
    x, y = (int(side / 2 + rng.uniform(-0.3, 0.3) * radius) for _ in range(2))
    cv2.circle(mask, (x, y), radius, (255,), -1)
    return mask


def make_stem(seed: int, width: int) -> Scene:
    """Return a bent green stem before a soft ground, and a hole three to six times as wide."""
    rng = np.random.default_rng(seed)
    radius = round(width * rng.uniform(3, 6) / 2)
    side = 4 * radius + 120
    picture = add_grain(soften(seed, side, side), 2, seed)
    line = make_line(side, rng.uniform(0, np.pi), rng.uniform(0, 0.15), rng)
    draw_line(picture, line, (60, 150, 50), width)
    mask = round_hole(side, radius, rng)
    return Scene(picture, mask, cover_line(side, line, width - 4, mask))


def make_cables(seed: int, count: int, width: int) -> Scene:
    """Return cables that come nearer to each other before a graded sky, and a hole over them."""
    rng = np.random.default_rng(seed)
    side = 300
    down = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    sky = np.broadcast_to((120, 160, 220) + down * (60, 50, 20), (side, side, 3))
    picture = add_grain(sky.astype(np.float32), 1, seed)
    mask = round_hole(side, int(rng.integers(30, 55)), rng)
    structure = np.zeros_like(mask)
    slope, gap = rng.uniform(-0.5, 0.5), width + rng.uniform(5, 8)
    for index in range(count):
        offset = (index - (count - 1) / 2) * gap
        x = np.array([0.0, side])
        y = side / 2 + offset * np.array([1.2, 0.85]) + slope * (x - side / 2)
        line = np.stack((x, y), axis=1)
        draw_line(picture, line, (40, 40, 45), width)
        structure |= cover_line(side, line, width - 2, mask)
    return Scene(picture, mask, structure)


def make_horizon(seed: int, *, is_drawn: bool) -> Scene:
    """Return a sky over a meadow, a line between them, and a hole: drawn flat, or with grain."""
    rng = np.random.default_rng(seed)
    height, width = 260, 320
    at, thick = int(rng.integers(100, 170)), int(rng.integers(2, 7))
    colors = rng.integers(90, 250, (2, 3))
    picture = np.empty((height, width, 3), np.float32)
    picture[:at], picture[at:] = colors
    picture[at : at + thick] = (12, 12, 12)
    left, top = int(rng.integers(60, 160)), at - int(rng.integers(20, 60))
    mask = np.zeros((height, width), np.uint8)
    mask[top : at + thick + int(rng.integers(15, 60)), left : left + int(rng.integers(30, 90))] = (
        255
    )
    structure = np.zeros_like(mask)
    structure[at : at + thick] = 255
    truth = picture.astype(np.uint8) if is_drawn else add_grain(picture, 3, seed)
    return Scene(truth, mask, structure & mask)


def make_crossing(seed: int) -> Scene:
    """Return two lines that cross under a hole; the structure is both, but for the crossing."""
    rng = np.random.default_rng(seed)
    side = 260
    picture = add_grain(soften(seed, side, side, 20) * 0.3 + 110, 2, seed)
    mask = round_hole(side, int(rng.integers(30, 50)), rng)
    first = rng.uniform(0, np.pi)
    bands = []
    turns = ((first, (200, 40, 40), 5), (first + rng.uniform(0.7, 1.5), (30, 40, 120), 9))
    for angle, color, width in turns:
        line = make_line(side, angle, 0, rng)
        draw_line(picture, line, color, width)
        bands.append((cover_line(side, line, width - 3, mask), cover_line(side, line, 16, mask)))
    own = [cv2.subtract(bands[one][0], bands[1 - one][1]) for one in range(2)]
    return Scene(picture, mask, np.asarray(cv2.bitwise_or(*own), np.uint8))


def as_jpeg(picture: Pixels, quality: int = 88) -> Pixels:
    """Return the picture as it comes out of a JPEG."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "JPEG", quality=quality)
    return np.array(Image.open(data))


def share_off(image: Pixels, scene: Scene, levels: int, where: Pixels | None = None) -> float:
    """Return the share of pixels that are off by more than so many levels, of the hole's."""
    chosen = (scene.mask if where is None else where) > 0
    gap = np.abs(image.astype(int) - scene.truth).max(axis=2)
    return float(np.mean(gap[chosen] > levels))
