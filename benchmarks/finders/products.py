"""Product pictures made by code, whose subject is known: a thing, its shadow, a graded ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

WIDTH, HEIGHT = 900, 720
FINER: Final = 4
"""Edges are drawn this many times finer, so that they are smooth."""

Shape = Literal["bottle", "box", "mug", "ball", "star", "shoe", "lamp", "chair", "fork", "plant"]
Color = tuple[int, int, int]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Product:
    """A thing and the ground that it stands on.

    Attributes:
        shape: what it is.
        color: of the thing.
        ground: colors of the ground at the top and at the bottom.
        shadow: how dark the shadow beside it is, 0 .. 1.
        stripes: how much lighter every other stripe is, in levels; 0 for a plain thing.
        vignette: how much darker the ground's corners are, 0 .. 1.
        noise: of the camera, in levels.
    """

    shape: Shape
    color: Color
    ground: tuple[Color, Color]
    shadow: float = 0.4
    stripes: int = 0
    vignette: float = 0.0
    noise: float = 1.5


PRODUCTS: Final = (
    Product("bottle", (30, 110, 60), ((250, 250, 250), (215, 215, 215))),
    Product("box", (190, 140, 80), ((240, 240, 245), (190, 195, 205)), stripes=25),
    Product("mug", (40, 70, 160), ((235, 228, 215), (205, 190, 170)), 0.5),
    Product("ball", (225, 90, 40), ((200, 205, 210), (120, 125, 135)), vignette=0.2),
    Product("star", (230, 190, 50), ((70, 75, 90), (40, 42, 50)), 0.6),
    Product("shoe", (150, 40, 60), ((255, 255, 255), (235, 235, 235)), 0.5, stripes=60),
    Product("lamp", (70, 70, 75), ((245, 240, 232), (222, 214, 202)), 0.3),
    Product("chair", (120, 80, 45), ((225, 235, 240), (180, 195, 205)), 0.35, vignette=0.15),
    Product("fork", (170, 175, 180), ((60, 90, 110), (35, 55, 70)), 0.5, noise=3),
    Product("plant", (60, 130, 50), ((240, 225, 225), (210, 185, 185)), 0.4, stripes=30),
)


def draw_product(product: Product, seed: int) -> tuple[ImageArray, MaskArray]:
    """Return a product picture, RGB (H, W, 3), and where the thing is: 255, and 0 beside it."""
    rng = np.random.default_rng(seed)
    opacity = _draw_shape(product.shape)
    ground = _draw_ground(product) * (1 - _draw_shadow(opacity, product.shadow))[..., None]
    thing = _draw_thing(product, opacity)
    picture = ground + (thing - ground) * opacity[..., None]
    picture += rng.normal(0, product.noise, picture.shape)
    mask = np.where(opacity >= 0.5, 255, 0).astype(np.uint8)
    return to_uint8(np.rint(picture.clip(0, 255)).astype(np.uint8)), to_uint8(mask)


def _draw_ground(product: Product) -> Floats:
    top, bottom = (np.array(color, np.float32) for color in product.ground)
    down = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    dimming = 1 - product.vignette * (rows**2 + columns**2)[..., None] / 2
    return np.asarray((top + (bottom - top) * down) * dimming, np.float32)


def _draw_shadow(opacity: Floats, darkness: float) -> Floats:
    """Return how dark a soft shadow on the floor and a narrow one under the thing are."""
    rows, columns = np.nonzero(opacity > 0.5)
    floor, middle, half = rows.max(), columns.mean(), np.ptp(columns) / 2
    cast = np.zeros_like(opacity)
    center = (round(middle + 0.35 * half), round(floor - 4))
    cv2.ellipse(cast, center, (round(1.2 * half), round(0.22 * half)), 0, 0, 360, 1.0, -1)
    contact = np.zeros_like(opacity)
    cv2.ellipse(contact, (round(middle), int(floor)), (round(half), 9), 0, 0, 360, 1.0, -1)
    soft = cv2.GaussianBlur(cast, (0, 0), 26) * darkness
    near = cv2.GaussianBlur(contact, (0, 0), 6) * darkness * 0.8
    return np.asarray(np.maximum(soft, near), np.float32)


def _draw_thing(product: Product, opacity: Floats) -> Floats:
    """Return the thing's colors: lit from the left, with stripes and a bright spot."""
    rows, columns = np.nonzero(opacity > 0.5)
    along = (np.arange(WIDTH) - columns.min()) / max(1, np.ptp(columns))
    light = (1.2 - 0.6 * along).astype(np.float32)[None, :, None]
    thing = np.array(product.color, np.float32) * light
    thing = np.broadcast_to(thing, (HEIGHT, WIDTH, 3)).astype(np.float32)
    stripe = ((np.arange(HEIGHT) // 22) % 2).astype(np.float32)[:, None, None]
    spot = np.zeros((HEIGHT, WIDTH), np.float32)
    place = (round(columns.min() + 0.3 * np.ptp(columns)), round(rows.min() + 0.3 * np.ptp(rows)))
    cv2.circle(spot, place, 30, 50.0, -1)
    shine = cv2.GaussianBlur(spot, (0, 0), 18)[..., None]
    return np.asarray(thing + stripe * product.stripes + shine, np.float32)


def _draw_shape(shape: Shape) -> Floats:
    """Return the opacity of a thing, 0 .. 1."""
    fine = np.zeros((HEIGHT * FINER, WIDTH * FINER), np.uint8)
    for ink, points, radius in _SHAPES[shape]:
        corners = np.array(points, np.float64) * [WIDTH * FINER, HEIGHT * FINER]
        pixels = np.rint(corners).astype(np.int32)
        if radius and len(pixels) == 1:
            cv2.circle(fine, tuple(map(int, pixels[0])), round(radius * HEIGHT * FINER), ink, -1)
        elif radius:
            cv2.polylines(fine, [pixels], False, ink, round(2 * radius * HEIGHT * FINER))
        else:
            cv2.fillPoly(fine, [pixels], ink)
    small = cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / np.float32(255)


Stroke = tuple[int, list[tuple[float, float]], float]
"""Ink (255 of the thing, 0 beside it), points in shares of the sides, and a radius: a disk of one
point, a line of several; without one, a polygon."""

_STAR = [
    (0.5 + r * 0.24 * float(np.sin(a)), 0.5 - r * 0.3 * float(np.cos(a)))
    for a, r in zip(np.arange(10) * np.pi / 5, [1, 0.45] * 5, strict=True)
]

_BOX = [(0.3, 0.38), (0.5, 0.28), (0.72, 0.36), (0.72, 0.74), (0.5, 0.86), (0.3, 0.76)]

_SHAPES: Final[dict[Shape, list[Stroke]]] = {
    "bottle": [
        (255, [(0.42, 0.4), (0.58, 0.4), (0.58, 0.86), (0.42, 0.86)], 0),
        (255, [(0.47, 0.14), (0.53, 0.14), (0.53, 0.4), (0.47, 0.4)], 0),
        (255, [(0.5, 0.41)], 0.1),
    ],
    "box": [(255, _BOX, 0)],
    "mug": [
        (255, [(0.36, 0.3), (0.6, 0.3), (0.59, 0.8), (0.37, 0.8)], 0),
        (255, [(0.6, 0.4), (0.7, 0.42), (0.72, 0.55), (0.68, 0.66), (0.59, 0.7)], 0.024),
    ],
    "ball": [(255, [(0.5, 0.52)], 0.3)],
    "star": [(255, _STAR, 0)],
    "shoe": [
        (255, [(0.22, 0.5), (0.36, 0.42), (0.5, 0.56), (0.74, 0.64), (0.8, 0.78), (0.22, 0.8)], 0),
        (255, [(0.24, 0.79), (0.79, 0.78)], 0.02),
    ],
    "lamp": [
        (255, [(0.4, 0.16), (0.6, 0.16), (0.68, 0.42), (0.32, 0.42)], 0),
        (255, [(0.5, 0.4), (0.5, 0.84)], 0.014),
        (255, [(0.4, 0.85), (0.6, 0.85)], 0.02),
    ],
    "chair": [
        (255, [(0.36, 0.14), (0.4, 0.14), (0.4, 0.88), (0.36, 0.88)], 0),
        (255, [(0.6, 0.52), (0.64, 0.52), (0.64, 0.88), (0.6, 0.88)], 0),
        (255, [(0.36, 0.5), (0.64, 0.5), (0.64, 0.57), (0.36, 0.57)], 0),
        (255, [(0.38, 0.2), (0.44, 0.2), (0.44, 0.45), (0.38, 0.45)], 0),
    ],
    "fork": [
        (255, [(0.5, 0.45), (0.5, 0.88)], 0.02),
        (255, [(0.45, 0.14), (0.45, 0.36), (0.5, 0.42), (0.55, 0.36), (0.55, 0.14)], 0.014),
        (255, [(0.5, 0.14), (0.5, 0.42)], 0.014),
    ],
    "plant": [
        (255, [(0.42, 0.66), (0.58, 0.66), (0.56, 0.88), (0.44, 0.88)], 0),
        (255, [(0.5, 0.66), (0.47, 0.4), (0.36, 0.22)], 0.022),
        (255, [(0.5, 0.66), (0.53, 0.36), (0.64, 0.2)], 0.022),
        (255, [(0.36, 0.22)], 0.075),
        (255, [(0.64, 0.2)], 0.075),
        (255, [(0.5, 0.36)], 0.07),
    ],
}  # fmt: skip
