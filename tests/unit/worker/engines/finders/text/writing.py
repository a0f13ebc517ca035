"""Pictures with text of which every pixel is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from worker.engines.finders.text.detecting import TextLine
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

DEMO = Path(__file__).parents[6] / "demo" / "pictures"
WIDTH, HEIGHT = 420, 160
TEXT, SIZE = "Paintjob 26", 58


@dataclass(frozen=True, eq=False)
class Written:
    """A picture with a line of text.

    Attributes:
        image: RGB.
        mask: 255 where the text changed the picture visibly.
        line: where the text is, as a detector finds it.
    """

    image: ImageArray
    mask: MaskArray
    line: TextLine


def write(
    ground: NDArray[np.float32],
    color: tuple[int, int, int],
    opacity: float = 1,
    outline: int = 0,
    shadow: int = 0,
) -> Written:
    """Write a line over a ground of WIDTH x HEIGHT."""
    letters = _draw(0)
    whole = _draw(outline) if outline else letters
    picture = ground.copy()
    if shadow:
        dark = np.roll(whole, (shadow, shadow), (0, 1))[..., None] * 0.6
        picture = picture * (1 - dark)
    if outline:
        picture = picture * (1 - whole[..., None])
    share = letters[..., None] * opacity
    picture = picture * (1 - share) + np.array(color, np.float32) * share
    image = to_uint8(picture.round().clip(0, 255).astype(np.uint8))
    change = np.abs(picture - ground).max(axis=2)
    return Written(image, to_uint8(np.where(change >= 8, 255, 0).astype(np.uint8)), _line(whole))


def plain_ground(level: int = 180) -> NDArray[np.float32]:
    """Return a graded ground with the noise of a camera."""
    rows = np.linspace(level - 20, level + 20, HEIGHT, dtype=np.float32)[:, None, None]
    noise = np.random.default_rng(0).normal(0, 1.5, (HEIGHT, WIDTH, 3))
    return (rows + noise).astype(np.float32)


def partly_dark_ground() -> NDArray[np.float32]:
    """Return a part of a photo that is as dark in places as outlines are."""
    with Image.open(DEMO / "coffee.jpg") as photo:
        large = photo.convert("RGB").resize((900, 600))
    return np.asarray(large, np.float32)[400 : 400 + HEIGHT, 90 : 90 + WIDTH]


def coarse_ground() -> NDArray[np.float32]:
    """Return a ground of gray flakes of every lightness."""
    small = np.random.default_rng(0).integers(20, 236, (HEIGHT // 4, WIDTH // 4)).astype(np.float32)
    large = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    return np.dstack([large] * 3).astype(np.float32)


def _draw(outline: int) -> NDArray[np.float32]:
    layer = Image.new("L", (WIDTH, HEIGHT))
    font = ImageFont.load_default(SIZE)
    middle = (WIDTH / 2, HEIGHT / 2)
    ImageDraw.Draw(layer).text(middle, TEXT, fill=255, font=font, anchor="mm", stroke_width=outline)
    return np.asarray(layer, np.float32) / np.float32(255)


def _line(letters: NDArray[np.float32]) -> TextLine:
    left, top, width, height = cv2.boundingRect((letters > 0).astype(np.uint8))
    wider = height * 0.25
    low, high = (left - wider, top - wider), (left + width + wider, top + height + wider)
    corners = [low, (high[0], low[1]), high, (low[0], high[1])]
    return TextLine(np.array(corners, np.float32), 0.9)
