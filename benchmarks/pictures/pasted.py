"""Removals whose truth is known: things pasted over free photos by code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.pictures.sets import Item, spread
from benchmarks.weightfree.pictures import load_picture
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import to_uint8

SIDE: Final = 512
PHOTOS: Final = (
    "astronaut", "chelsea", "coffee", "china", "flower", "rocket", "motorcycle", "coins",
    "brick", "gravel", "grass", "hubble",
)  # fmt: skip
THINGS: Final = {
    # A photo, and the center and the half axes of an ellipse in it.
    "coin": ("coins", (156, 51), (27, 27)),
    "eye": ("chelsea", (318, 134), (46, 40)),
    "cup": ("coffee", (282, 166), (92, 70)),
    "blossom": ("flower", (220, 130), (90, 78)),
    "helmet": ("astronaut", (226, 110), (66, 84)),
}
SHADOW: Final = 0.55
"""How dark it is below a thing."""

MARGIN: Final = 3
"""Pixels that the mask reaches beyond thing and shadow."""


def list_pasted(limit: int | None = None) -> Iterator[Item]:
    """Yield every photo with a thing upon it, then every photo with words over it."""
    makers = [
        *((f"{photo} thing", photo, _thing(number)) for number, photo in enumerate(PHOTOS)),
        *((f"{photo} words", photo, paste_words) for photo in PHOTOS),
    ]
    for name, photo, make in spread(makers, limit):
        truth = load_picture(photo, SIDE)
        sent, mask = make(truth, np.random.default_rng([len(name), PHOTOS.index(photo)]))
        yield Item(name, sent, mask, truth)


Maker = Callable[[ImageArray, np.random.Generator], tuple[ImageArray, MaskArray]]


def _thing(number: int) -> Maker:
    names = list(THINGS)
    photo = PHOTOS[number]
    chosen = names[number % len(names)]
    if THINGS[chosen][0] == photo:
        chosen = names[(number + 1) % len(names)]
    return lambda truth, chance: paste_thing(truth, cut_thing(chosen), chance)


def cut_thing(name: str) -> ImageArray:
    """Return a thing as RGBA, cut out of another photo with a soft rim."""
    photo, (x, y), (wide, high) = THINGS[name]
    picture = load_picture(photo, SIDE)
    alpha = np.zeros(picture.shape[:2], np.uint8)
    cv2.ellipse(alpha, (x, y), (wide, high), 0, 0, 360, (255,), cv2.FILLED, cv2.LINE_AA)
    window = np.s_[max(0, y - high - 1) : y + high + 2, max(0, x - wide - 1) : x + wide + 2]
    return to_uint8(np.dstack((picture[window], alpha[window])))


def paste_thing(
    truth: ImageArray, thing: ImageArray, chance: np.random.Generator
) -> tuple[ImageArray, MaskArray]:
    """Return a photo with a thing and its shadow upon it, and a mask of both."""
    height, width = thing.shape[:2]
    top = int(chance.integers(10, truth.shape[0] - height - 20))
    left = int(chance.integers(10, truth.shape[1] - width - 20))
    alpha = np.zeros(truth.shape[:2], np.float32)
    alpha[top : top + height, left : left + width] = thing[..., 3] / np.float32(255)
    color = np.zeros(truth.shape, np.float32)
    color[top : top + height, left : left + width] = thing[..., :3]
    shifted = cv2.warpAffine(alpha, np.array([[1, 0, 8], [0, 1, 10]], np.float32), alpha.T.shape)
    shade = cv2.GaussianBlur(shifted, (0, 0), 4)
    dark = truth * (1 - SHADOW * shade)[..., None]
    sent = dark * (1 - alpha)[..., None] + color * alpha[..., None]
    return _round(sent), cover(truth, _round(sent))


def paste_words(truth: ImageArray, chance: np.random.Generator) -> tuple[ImageArray, MaskArray]:
    """Return a photo with words over it, and a mask of them."""
    sent = truth.copy()
    base = int(chance.integers(truth.shape[0] // 3, truth.shape[0] - 80))
    for line, words in enumerate(("SAMPLE PICTURE", "not for sale")):
        place = 30, base + 44 * line
        cv2.putText(
            sent, words, place, cv2.FONT_HERSHEY_DUPLEX, 1.4, (245, 245, 240), 3, cv2.LINE_AA
        )
    return sent, cover(truth, sent)


def cover(truth: ImageArray, sent: ImageArray) -> MaskArray:
    """Return the mask of all that differs, and a little more."""
    differs = (truth != sent).any(axis=2).astype(np.uint8) * 255
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MARGIN + 1, 2 * MARGIN + 1))
    return to_uint8(cv2.dilate(differs, kernel))


def _round(pixels: NDArray[np.float32]) -> ImageArray:
    return to_uint8(pixels.round().clip(0, 255).astype(np.uint8))
