"""The pictures, and which of them a choice of constants may have seen."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from benchmarks.weightfree.tiles import Tile, render_tile
from worker.imaging import ImageArray
from worker.imaging.picture import to_uint8

Group = Literal["photo", "structure", "texture", "periodic"]
Role = Literal["tuned", "known", "untuned"]


@dataclass(frozen=True)
class Source:
    """Where a picture comes from.

    Attributes:
        group: what it is a picture of.
        role: `tuned`: constants were chosen by looking at its scores; `known`: an early prototype,
            whose constants the engine started from, was chosen on sets that held it; `untuned`:
            never looked at when anything was chosen.
        package: the wheel that holds it, none for a generated one.
        path: inside the package.
        tile: how a generated one is made.
    """

    group: Group
    role: Role
    package: str = ""
    path: str = ""
    tile: Tile | None = None


def _sample(group: Group, role: Role, file: str) -> Source:
    return Source(group, role, "skimage", f"data/{file}")


def _photo_of_learn(role: Role, file: str) -> Source:
    return Source("photo", role, "sklearn", f"datasets/images/{file}")


def _tile(role: Role, tile: Tile) -> Source:
    return Source("periodic", role, tile=tile)


SOURCES: dict[str, Source] = {
    "astronaut": _sample("photo", "tuned", "astronaut.png"),
    "chelsea": _sample("photo", "tuned", "chelsea.png"),
    "camera": _sample("photo", "tuned", "camera.png"),
    "brick": _sample("texture", "tuned", "brick.png"),
    "coffee": _sample("structure", "known", "coffee.png"),
    "china": _photo_of_learn("known", "china.jpg"),
    "flower": _photo_of_learn("known", "flower.jpg"),
    "gravel": _sample("texture", "known", "gravel.png"),
    "rocket": _sample("photo", "untuned", "rocket.jpg"),
    "hubble": _sample("photo", "untuned", "hubble_deep_field.jpg"),
    "retina": _sample("photo", "untuned", "retina.jpg"),
    "motorcycle": _sample("structure", "untuned", "motorcycle_left.png"),
    "coins": _sample("structure", "untuned", "coins.png"),
    "grass": _sample("texture", "untuned", "grass.png"),
    "ihc": _sample("texture", "untuned", "ihc.png"),
    "tile48x61": _tile("tuned", Tile((48, 61), 0, 0.15, 3, 1)),
    "tile56x56r12": _tile("tuned", Tile((56, 56), 12, 0.25, 3, 2)),
    "tile33x70": _tile("untuned", Tile((33, 70), 0, 0.25, 4, 3)),
    "tile64x45r27": _tile("untuned", Tile((64, 45), 27, 0.2, 3, 4)),
    "tile90x37r5": _tile("untuned", Tile((90, 37), 5, 0.3, 5, 5)),
}
"""Every picture by name. A picture that somebody tunes on moves to `tuned`, for good."""


def names_of(role: Role | None = None, group: Group | None = None) -> list[str]:
    """Return the names of the pictures with this role and group; periodic ones when asked for."""
    return [
        name
        for name, source in SOURCES.items()
        if role in (None, source.role)
        and (source.group != "periodic" if group is None else source.group == group)
    ]


@cache
def load_picture(name: str, side: int = 512) -> ImageArray:
    """Return a picture with its longest side at most `side` px: RGB uint8, read-only."""
    source = SOURCES[name]
    if source.tile is not None:
        image = render_tile(source.tile, side)
    else:
        image = _shrink(_read(source), side)
    image.flags.writeable = False
    return image


def load_large(name: str, width: int, height: int) -> ImageArray:
    """Give a picture of exactly this size: the middle of the source, scaled, with a sensor's grain.

    Without the grain an enlarged picture is smoother than any camera's, and matching it too easy.
    """
    image = _crop(_read(SOURCES[name]), width / height)
    scaled = cv2.resize(image, (width, height), interpolation=_filter(image, width))
    grain = np.random.default_rng(0).standard_normal((height, width)).astype(np.float32) * 2
    noisy = cv2.add(scaled.astype(np.float32), cv2.merge([grain, grain, grain]))
    return to_uint8(noisy.clip(0, 255).round().astype(np.uint8))


def _read(source: Source) -> ImageArray:
    # The package is found, not imported: scikit-image's own loaders may want to download.
    spec = importlib.util.find_spec(source.package)
    if spec is None or spec.origin is None:
        raise RuntimeError("pip install -r deploy/requirements/benchmarks.txt")
    with Image.open(Path(spec.origin).parent / source.path) as opened:
        return to_uint8(np.asarray(opened.convert("RGB")).copy())


def _shrink(image: ImageArray, side: int) -> ImageArray:
    height, width = image.shape[:2]
    factor = side / max(height, width)
    if factor >= 1:
        return image
    size = (round(width * factor), round(height * factor))
    return to_uint8(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _crop(image: ImageArray, ratio: float) -> ImageArray:
    height, width = image.shape[:2]
    wide, high = min(width, int(height * ratio)), min(height, int(width / ratio))
    top, left = (height - high) // 2, (width - wide) // 2
    return image[top : top + high, left : left + wide]


def _filter(image: ImageArray, width: int) -> int:
    return cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
