"""Photos with text laid over them, whose strokes are known."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.weightfree.pictures import load_picture
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

SIDE: Final = 640
"""Longest side of the photos, in pixels."""

VISIBLE: Final = 8
"""Levels by which a pixel must have changed to count as part of the text."""

FONTS: Final = {
    "sans": ("cvttf_NotoSansCJK_Regular", "NotoSansCJKtc-Regular.otf"),
    "serif": ("font_source_serif_pro", "files/SourceSerifPro-Regular.ttf"),
    "bold": ("font_source_serif_pro", "files/SourceSerifPro-Bold.ttf"),
    "italic": ("font_source_serif_pro", "files/SourceSerifPro-It.ttf"),
    "hand": ("font_amatic_sc", "files/AmaticSC-Bold.ttf"),
    "fat": ("font_fredoka_one", "files/FredokaOne-Regular.ttf"),
}
"""Free fonts by the wheels that hold them; `sans` has Latin, Cyrillic, Greek and Chinese."""

Color = tuple[int, int, int]
WHITE, BLACK, NAVY = (255, 255, 255), (0, 0, 0), (20, 30, 60)
YELLOW, ORANGE = (250, 250, 90), (250, 160, 40)


@dataclass(frozen=True)
class Overlay:
    """Text and how it is laid over a photo.

    Attributes:
        name: what is tried.
        photo: name in `benchmarks.weightfree.pictures`.
        text: lines are separated by line feeds.
        font: name in `FONTS`.
        size: in pixels.
        place: of the text's middle, in shares of the picture's sides.
        color: of the letters, at the top; `color_below` at the bottom if it differs.
        angle: counterclockwise, in degrees.
        opacity: of all of it, 0 .. 1.
        outline: its width in pixels, and its color.
        shadow: its offset in pixels, both ways; 0 for none.
        glow: the blur of a light around the letters in pixels; 0 for none.
        script: whose letters it has.
    """

    name: str
    photo: str
    text: str
    font: str = "sans"
    size: int = 32
    place: tuple[float, float] = (0.5, 0.5)
    color: Color = WHITE
    color_below: Color | None = None
    angle: float = 0
    opacity: float = 1
    outline: tuple[int, Color] | None = None
    shadow: int = 0
    glow: float = 0
    script: Literal["latin", "cyrillic", "greek", "chinese"] = "latin"


OVERLAYS: Final = (
    Overlay("light on dark", "rocket", "LAUNCH COMPLEX 41", size=36, place=(0.5, 0.15)),
    Overlay("dark on light", "china", "Summer palace", "serif", 34, (0.5, 0.12), BLACK),
    Overlay("colored", "chelsea", "my cat Chelsea", "bold", 40, (0.5, 0.88), (250, 220, 40)),
    Overlay("outlined", "coffee", "Good morning!", "bold", 44, (0.5, 0.85), outline=(3, BLACK)),
    Overlay("shadow", "flower", "with best wishes", "italic", 44, (0.5, 0.8), shadow=3),
    Overlay("glow", "rocket", "NIGHT FLIGHT", size=38, place=(0.5, 0.4), color=NAVY, glow=5),
    Overlay("watermark", "coffee", "SAMPLE PHOTO", "sans", 56, opacity=0.4),
    Overlay("diagonal watermark", "chelsea", "© Photo Agency", "bold", 60, angle=30, opacity=0.45),
    Overlay("rotated", "flower", "spring sale", "fat", 52, (0.4, 0.4), (220, 30, 40), angle=-18),
    Overlay(
        "tiny caption",
        "flower",
        "Dahlia pinnata, Botanical Garden, September\nPhoto: J. Doe, all rights reserved",
        size=13,
        place=(0.24, 0.93),
    ),
    Overlay("big title", "rocket", "SPACE", "fat", 190, (0.5, 0.45), (240, 120, 20)),
    Overlay("date stamp", "motorcycle", "26 11 '98", "sans", 26, (0.82, 0.93), (255, 150, 40)),
    Overlay(
        "chinese",
        "china",
        "北京頤和園",
        size=56,
        place=(0.5, 0.9),
        outline=(2, (160, 20, 20)),
        script="chinese",
    ),
    Overlay(
        "chinese caption",
        "coffee",
        "每天早晨一杯咖啡的時光",
        size=24,
        place=(0.5, 0.93),
        script="chinese",
    ),
    Overlay(
        "cyrillic",
        "chelsea",
        "Доброе утро, кошка",
        "sans",
        36,
        (0.5, 0.1),
        shadow=2,
        script="cyrillic",
    ),
    Overlay(
        "greek on texture",
        "gravel",
        "ΑΒΓΔ ΕΛΛΑΣ",
        "sans",
        48,
        (0.5, 0.3),
        (30, 60, 200),
        script="greek",
    ),
    Overlay("on brick", "brick", "WET PAINT", "fat", 60, (0.5, 0.6), WHITE, angle=8),
    Overlay("on grass", "grass", "keep off", "bold", 54, (0.5, 0.5), YELLOW, ORANGE),
    Overlay("handwriting", "astronaut", "to the stars!", "hand", 60, (0.5, 0.1), WHITE, angle=6),
    Overlay(
        "subtitles",
        "motorcycle",
        "Where did you leave the keys?\nThey are in the garage.",
        size=28,
        place=(0.5, 0.86),
        outline=(2, BLACK),
    ),
)
"""Twenty kinds of text. The finder's constants were chosen with these in view."""


def lay_over(overlay: Overlay, side: int = SIDE) -> tuple[ImageArray, ImageArray, MaskArray]:
    """Return the photo, the photo with the text, and the mask of all that the text changed.

    Args:
        overlay: what is laid over.
        side: the longest side of the photo; text grows with it.
    """
    photo = fit(load_picture(overlay.photo, side), side)
    layer, alpha = _draw(overlay, photo.shape[1], photo.shape[0], side / SIDE)
    share = alpha[..., None] * np.float32(overlay.opacity)
    mixed = photo.astype(np.float32) * (1 - share) + layer * share
    written = to_uint8(np.rint(mixed).astype(np.uint8))
    change = cv2.absdiff(photo, written).max(axis=2)
    return photo, written, to_uint8(np.where(change >= VISIBLE, 255, 0).astype(np.uint8))


def fit(photo: ImageArray, side: int) -> ImageArray:
    """Return a photo whose longest side is `side` px; small ones are enlarged."""
    factor = side / max(photo.shape[:2])
    size = (round(photo.shape[1] * factor), round(photo.shape[0] * factor))
    way = cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA
    return to_uint8(np.asarray(cv2.resize(photo, size, interpolation=way)))


def find_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font of the benchmark's wheels.

    Raises:
        RuntimeError: its wheel is not installed.
    """
    package, path = FONTS[name]
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise RuntimeError("pip install -r deploy/requirements/benchmarks.txt")
    return ImageFont.truetype(str(Path(spec.origin).parent / path), size)


def _draw(overlay: Overlay, width: int, height: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return colors and opacity (0 .. 1) of a layer with the text."""
    font = find_font(overlay.font, round(overlay.size * scale))
    stroke = round(overlay.outline[0] * scale) if overlay.outline else 0
    letters = _write(overlay, font, (width, height), 0)
    outer = _write(overlay, font, (width, height), stroke) if stroke else letters
    colors = _color(overlay, letters)
    alpha = outer.copy()
    if overlay.outline:
        under = np.array(overlay.outline[1], np.float32)
        colors = under + (colors - under) * letters[..., None]
    offset = round(overlay.shadow * scale)
    behind = np.zeros_like(alpha)
    if offset:
        behind = _blur(np.roll(outer, (offset, offset), (0, 1)), offset / 2) * 0.7
    if overlay.glow:
        behind = np.minimum(_blur(outer, overlay.glow * scale) * 2, 0.8)
    back = np.full(3, 255 if overlay.glow else 0, np.float32)
    whole = alpha + behind * (1 - alpha)
    part = np.divide(alpha, whole, out=np.zeros_like(alpha), where=whole > 0)[..., None]
    return colors * part + back * (1 - part), whole


def _write(
    overlay: Overlay, font: ImageFont.FreeTypeFont, size: tuple[int, int], stroke: int
) -> np.ndarray:
    """Return the opacity of the letters, 0 .. 1."""
    layer = Image.new("L", size)
    draw = ImageDraw.Draw(layer)
    middle = (size[0] * overlay.place[0], size[1] * overlay.place[1])
    draw.multiline_text(
        middle, overlay.text, fill=255, font=font, anchor="mm", align="center", stroke_width=stroke
    )
    if overlay.angle:
        layer = layer.rotate(overlay.angle, Image.Resampling.BICUBIC, center=middle)
    return np.asarray(layer, np.float32) / 255


def _color(overlay: Overlay, letters: np.ndarray) -> np.ndarray:
    top = np.array(overlay.color, np.float32)
    bottom = np.array(overlay.color_below or overlay.color, np.float32)
    rows = np.flatnonzero(letters.any(axis=1))
    share = np.interp(np.arange(len(letters)), (rows[0], rows[-1]), (0, 1)).astype(np.float32)
    colors = top + (bottom - top) * share[:, None, None]
    return np.broadcast_to(colors, (*letters.shape, 3)).astype(np.float32)


def _blur(opacity: np.ndarray, radius: float) -> np.ndarray:
    layer = Image.fromarray((opacity * 255).astype(np.uint8))
    return np.asarray(layer.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255
